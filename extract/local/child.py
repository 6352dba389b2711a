"""The process that runs llama.cpp: started by `server.py`, and run by its file path.

It takes its settings as one line of JSON on stdin, says on stdout where it listens as another,
and lives until stdin closes. llama.cpp's own words go to stderr. A crash of native code, or an
abort on a bad file, ends this process and not the user's.

It imports nothing of ours, so that it runs whatever the parent's `sys.path` is. The only module
that imports xllamacpp.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from typing import Any

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve the model that stdin describes until the parent goes."""
    settings = json.loads(sys.stdin.buffer.readline())
    _signal_on_parents_death(signal.SIGTERM)
    announce = _take_stdout()
    server = _open_server(settings)
    # Lifted again: Linux sends this signal when the *thread* that started us ends, and a run
    # may well start the model in a thread that does not live long.
    _signal_on_parents_death(0)
    threading.Thread(target=_watch_parent, args=[settings["parent_pid"]], daemon=True).start()
    announce.write(json.dumps({"address": server.listening_address}) + "\n")
    announce.flush()
    sys.stdin.buffer.read()  # returns when the parent closes its end, or is no more
    os._exit(0)  # no destructors: nothing here is worth waiting for


def _open_server(settings: dict[str, Any]) -> Any:
    """Load the model and return the listening server."""
    import xllamacpp  # type: ignore[import-untyped]  # ships no stubs

    params = xllamacpp.CommonParams()
    params.model.path = settings["model_path"]
    params.model_alias = {settings["model_name"]}
    for name, value in settings["params"].items():
        setattr(params, name, value)
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = settings["threads"]
        cpu.poll = settings["poll"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.endpoint_slots = False
    params.cors_origins = ""  # no web page may ask
    params.cors_credentials = False
    params.fit_params = False  # it loads the model once more to measure it
    params.verbosity = 1  # errors only: they are what `complaints.py` reads
    params.flash_attn_type = xllamacpp.llama_flash_attn_type[settings["flash_attention"]]
    if settings["chat_template"]:
        params.chat_template = settings["chat_template"]
    params.lora_adapters = [_adapter(xllamacpp, each) for each in settings["adapters"]]
    return xllamacpp.Server(params)


def _adapter(xllamacpp: Any, adapter: dict[str, Any]) -> Any:
    """Return llama.cpp's own value for one adapter."""
    lora = xllamacpp.CommonAdapterLoraInfo()
    lora.path = adapter["path"]
    lora.scale = adapter["scale"]
    return lora


def _take_stdout() -> Any:
    """Return the real stdout as a file; what native code prints goes to stderr from now on."""
    announce = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return announce


def _signal_on_parents_death(number: int) -> None:
    """Ask Linux to send signal *number* when the thread that started us ends; 0 is none."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def _watch_parent(parent_pid: int) -> None:
    """End this process when its parent is no longer *parent_pid*.

    Stdin alone does not tell: a process that the parent forked keeps the pipe open.
    """
    while os.name != "posix" or os.getppid() == parent_pid:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    main()
