"""The local model as an OpenAI-compatible endpoint that lives as long as a `with` block.

llama.cpp runs in a child process (`child.py`), on loopback, on a free port, behind a random key
that is handed over on stdin: command lines and environments can be read by others. The child
dies with us. If it dies first it is started again, once; a second death is an error that quotes
llama.cpp, which tells its reasons on stderr only.

Left out: asking. Any OpenAI client with `base_url` and `api_key` can; after `restart()` both
are new.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from extract.errors import ModelError
from extract.local.childlog import ChildLog
from extract.local.complaints import complaints, grammar_complaints
from extract.local.gguf import check_gguf
from extract.local.settings import ServerSettings

CHILD = Path(__file__).with_name("child.py")
STOP_GRACE_S = 3.0
DEATH_GRACE_S = 0.5
LOG_TAIL_BYTES = 16_384
SPIN_COUNT = "1000"
NO_LLAMA = "Install the local model's engine: pip install xllamacpp; or choose another model."
NO_START = "Choose another model; this lists them, and the folder of the weights: paperfacts models"


class LocalServer:
    """A running llama.cpp with one model; a context manager.

    `base_url` and `api_key` are for an OpenAI client. Methods may be called from any thread.
    """

    def __init__(
        self,
        model_path: Path,
        *,
        model_name: str = "local",
        settings: ServerSettings | None = None,
        restarts: int = 1,
    ) -> None:
        self.model_path = model_path
        self.model_name = model_name
        self.settings = settings or ServerSettings()
        self.base_url = ""
        self.api_key = ""
        self._restarts_left = restarts
        self._lock = threading.Lock()
        self._log: ChildLog | None = None
        self._log_start = 0
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        check_gguf(self.model_path)
        for adapter in self.settings.adapters:
            check_gguf(adapter.path)
        self._log = ChildLog()
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child; nothing happens if it has ended."""
        with self._lock:
            self._stop()
            if self._log is not None:
                self._log.close()
                self._log = None

    @property
    def pid(self) -> int | None:
        """The child's process id, None before the start and after the end."""
        return self._child.pid if self._child else None

    def is_alive(self) -> bool:
        """Say whether the child is running."""
        return self._child is not None and self._child.poll() is None

    def has_died(self) -> bool:
        """Say whether the child has ended, or does so in a moment; may take that moment."""
        return self._child is None or self._is_ending(self._child)

    def restart(self) -> None:
        """Start the model again if it died; `ModelError` if that was done before.

        Does nothing while the child runs, so that any number of requests that failed together
        may call it. `base_url` and `api_key` are new afterwards.
        """
        with self._lock:
            if self._child is None:
                raise ModelError(f"the local model {self.model_name} is not running")
            if not self._is_ending(self._child):
                return
            if self._restarts_left < 1:
                how = self._how_it_ended(self._child)
                raise ModelError(
                    f"the local model {self.model_name} died again ({how}): {self.reason()}",
                    hint="Run again to go on where it stopped; with another model if it recurs.",
                )
            self._restarts_left -= 1
            self._stop()
            self._start()

    def stderr_tail(self, max_bytes: int = LOG_TAIL_BYTES) -> str:
        """Return the end of what llama.cpp wrote to stderr."""
        return self._log.read(max(0, self._log.position() - max_bytes)) if self._log else ""

    def reason(self) -> str:
        """Return the lines in which llama.cpp says why it failed, since it was last started."""
        said = self._log.read(self._log_start) if self._log else ""
        return complaints(said) or "llama.cpp gave no reason"

    def log_position(self) -> int:
        """Return how much llama.cpp has said so far; a mark for `dropped_grammars`."""
        return self._log.position() if self._log else 0

    def dropped_grammars(self, since: int = 0) -> list[str]:
        """Return why constraints were dropped after the mark *since*; empty if none was.

        llama.cpp answers 200 and decodes freely when an llguidance grammar does not compile,
        and leaves out what it cannot express of a JSON schema; it says so on stderr only.
        """
        return grammar_complaints(self._log.read(since)) if self._log else []

    def _start(self) -> None:
        """Start a child and wait until it listens."""
        assert self._log is not None
        self._log_start = self._log.position()
        api_key = secrets.token_urlsafe(32)
        self._child = subprocess.Popen(
            # By path and with -P: it runs wherever we are installed, and the modules beside it
            # cannot stand in for others of the same name. Not -I: that hides a user's own
            # site-packages, and there xllamacpp may be.
            [sys.executable, "-P", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.write_fd,
            env=_child_environment(),
        )
        address = self._hand_over(self._child, self._child_settings(api_key))
        if address is None:
            how, reason = self._how_it_ended(self._child), self.reason()
            self._stop()
            raise ModelError(
                f"the local model {self.model_name} ({self.model_path}) did not start "
                f"({how}): {reason}",
                hint=NO_LLAMA if "No module named" in reason else NO_START,
            )
        self.base_url, self.api_key = f"{address}/v1", api_key

    def _child_settings(self, api_key: str) -> dict[str, Any]:
        """Return all that the child is told."""
        settings = self.settings.child_settings()
        settings["params"]["api_keys"] = [api_key]
        return settings | {
            "model_path": str(self.model_path),
            "model_name": self.model_name,
            "parent_pid": os.getpid(),
        }

    def _hand_over(self, child: subprocess.Popen[bytes], settings: dict[str, Any]) -> str | None:
        """Tell *child* its settings and return where it listens, None if it does not."""
        assert child.stdin is not None
        assert child.stdout is not None
        lines: list[bytes] = []
        read = child.stdout.readline
        reader = threading.Thread(target=lambda: lines.append(read()), daemon=True)
        reader.start()
        try:
            child.stdin.write(json.dumps(settings).encode() + b"\n")
            child.stdin.flush()
        except BrokenPipeError:
            pass  # it died at once; its exit status and stderr say why
        reader.join(self.settings.start_timeout_s)
        if not lines or not lines[0]:
            return None
        return str(json.loads(lines[0])["address"])

    def _stop(self) -> None:
        """End the child: kindly, by closing its stdin, and then not."""
        child, self._child = self._child, None
        self.base_url = self.api_key = ""
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        try:
            child.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    @staticmethod
    def _is_ending(child: subprocess.Popen[bytes]) -> bool:
        """Say whether *child* has ended, or does so in a moment.

        Its sockets close before it can be waited for, so the request that met its death may
        be here first.
        """
        try:
            child.wait(DEATH_GRACE_S)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _how_it_ended(self, child: subprocess.Popen[bytes]) -> str:
        """Return in words how *child* ended."""
        if not self._is_ending(child):
            return f"no answer within {self.settings.start_timeout_s:g} s"
        status = child.returncode
        return f"killed by signal {-status}" if status < 0 else f"exit status {status}"


def _child_environment() -> dict[str, str]:
    """Return our environment, with OpenMP's threads told to wait in their sleep soon.

    Left alone they spin at each of the barriers of a token: beside one busy process that cost
    97 % of the speed (1 token/s for 30). Not spinning at all costs 60 % on a quiet machine.
    """
    return {"GOMP_SPINCOUNT": SPIN_COUNT} | os.environ
