"""The served local model: it answers under a grammar, survives a death, and dies with us."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extract.errors import ModelError
from extract.local.registry import local_model
from extract.local.server import LocalServer
from extract.local.settings import ServerSettings
from extract.local.weights import ensure_weights

TEXT = "We evaluate BERT on SQuAD 2.0 and reach 93.1 F1."
GRAMMAR = f"""%llguidance {{}}
start: "[" "\\"" NAME "\\"" "]"
NAME: %regex {{"substring_words": "{TEXT}"}}
"""
BROKEN_GRAMMAR = GRAMMAR.replace("start:", "start: NOWHERE")
SMALL = ServerSettings(context_per_slot=512)

PARENT = """
import sys, time
from pathlib import Path
from extract.local.server import LocalServer
with LocalServer(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="session")
def weights() -> Path:
    """The smallest registered model."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    try:
        return ensure_weights(local_model("smollm2-135m"))
    except ModelError as error:
        pytest.skip(f"the weights of smollm2-135m cannot be had: {error}")


@pytest.fixture
def server(weights: Path) -> Iterator[LocalServer]:
    with LocalServer(weights, settings=SMALL) as running:
        yield running


def ask(server: LocalServer, *, api_key: str | None = None, **options: Any) -> dict[str, Any]:
    """Return the server's answer to a question about TEXT."""
    question = {
        "messages": [{"role": "user", "content": f"Name the dataset in: {TEXT}"}],
        "temperature": 0,
        "max_tokens": 48,
    }
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions",
        json.dumps(question | options).encode(),
        {"Authorization": f"Bearer {api_key or server.api_key}"},
    )
    with urllib.request.urlopen(request) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def text_of(answer: dict[str, Any]) -> str:
    """Return what the model wrote."""
    return str(answer["choices"][0]["message"]["content"])


def kill(server: LocalServer) -> None:
    """Kill the child as the system would when memory runs out."""
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)


def is_gone(pid: int, *, within_s: float) -> bool:
    """Say whether process *pid* ends in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        threading.Event().wait(0.05)
    return False


@pytest.mark.model
def test_an_answer_keeps_to_the_grammar(server: LocalServer):
    """What stands in the answer stands in the text, word for word."""
    names = json.loads(text_of(ask(server, grammar=GRAMMAR)))

    assert [name in TEXT for name in names] == [True]


@pytest.mark.model
def test_a_dropped_grammar_is_told(server: LocalServer):
    """llama.cpp answers as if nothing had happened; its log does not."""
    mark = server.log_position()

    ask(server, grammar=GRAMMAR)
    assert server.dropped_grammars(mark) == []

    ask(server, grammar=BROKEN_GRAMMAR)
    assert server.dropped_grammars(mark) == ['at 2(8): unknown name: "NOWHERE"']


@pytest.mark.model
def test_without_the_key_nothing_is_answered(server: LocalServer):
    """Other users of the machine can reach the port, and get no further."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(server, api_key="guessed")

    assert caught.value.code == 401


@pytest.mark.model
@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_the_key_is_not_on_the_command_line_or_in_the_environment(server: LocalServer):
    """Both can be read by other processes."""
    process = Path(f"/proc/{server.pid}")
    readable = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()

    assert server.api_key.encode() not in readable
    assert len(server.api_key) > 30


@pytest.mark.model
def test_nothing_is_printed(weights: Path, capfd: pytest.CaptureFixture[str]):
    """llama.cpp's chatter never reaches the user's terminal."""
    with LocalServer(weights, settings=SMALL) as running:
        ask(running)
        ask(running, grammar=BROKEN_GRAMMAR)

    assert capfd.readouterr() == ("", "")


@pytest.mark.model
def test_a_killed_model_is_started_again_once(server: LocalServer):
    """The second time is an error that says how it ended."""
    first_url, first_key = server.base_url, server.api_key
    kill(server)
    server.restart()

    assert text_of(ask(server, grammar=GRAMMAR)).startswith('["')
    assert server.api_key != first_key
    assert server.base_url != first_url

    kill(server)
    with pytest.raises(ModelError, match=r"died again \(killed by signal 9\): llama\.cpp gave no"):
        server.restart()


@pytest.mark.model
def test_requests_that_failed_together_restart_once(server: LocalServer):
    """A restart while the model runs does nothing."""
    kill(server)
    threads = [threading.Thread(target=server.restart) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert server.is_alive()
    assert text_of(ask(server, grammar=GRAMMAR)).startswith('["')


@pytest.mark.model
def test_the_end_of_the_block_ends_the_child(weights: Path):
    """Nothing is left running."""
    with LocalServer(weights, settings=SMALL) as running:
        pid = running.pid

    assert pid is not None
    assert is_gone(pid, within_s=0.2)
    assert not running.is_alive()


@pytest.mark.model
def test_the_child_outlives_the_thread_that_started_it(weights: Path):
    """Linux can tie a child to a thread, and a run may start its model in a short one."""
    running = LocalServer(weights, settings=SMALL)
    starter = threading.Thread(target=running.__enter__)
    starter.start()
    starter.join()
    try:
        assert text_of(ask(running, grammar=GRAMMAR)).startswith('["')
    finally:
        running.close()


@pytest.mark.model
def test_the_child_dies_with_a_killed_parent(weights: Path):
    """A parent that is killed can clean nothing up."""
    search_path = os.pathsep.join(path for path in sys.path if path)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(weights)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": search_path},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()

    assert is_gone(child, within_s=5)


@pytest.mark.model
def test_a_cut_file_fails_with_llama_cpps_reason(weights: Path, tmp_path: Path):
    """`please check the input params` is what its API says; the reason is on stderr."""
    cut = tmp_path / "cut.gguf"
    with weights.open("rb") as whole:
        cut.write_bytes(whole.read(3_000_000))

    with pytest.raises(ModelError) as caught:
        LocalServer(cut, model_name="cut").__enter__()

    assert "the local model cut" in str(caught.value)
    assert "did not start (exit status 1)" in str(caught.value)
    assert "is not within the file bounds, model is corrupted or incomplete" in str(caught.value)


def test_a_file_that_is_no_gguf_starts_nothing(tmp_path: Path):
    """The first four bytes tell, before llama.cpp is asked."""
    page = tmp_path / "model.gguf"
    page.write_text("<!doctype html>")

    with pytest.raises(ModelError, match="is no GGUF file: it begins with b'<!do', not b'GGUF'"):
        LocalServer(page).__enter__()


def test_a_missing_file_is_told_as_missing(tmp_path: Path):
    """The path is in the message, and what to do in the hint."""
    with pytest.raises(ModelError) as caught:
        LocalServer(tmp_path / "none.gguf").__enter__()

    assert str(caught.value) == (
        f"the model file {tmp_path / 'none.gguf'} cannot be read: No such file or directory"
    )
    assert "paperfacts models" in caught.value.hint
