"""Fault 39: the key in recordings. The search itself is in `conftest.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extract.asking import KeyRejected
from extract.cassettes import Cassettes, cassette_of
from extract.cassettes.extracting import extract_papers
from extract.completion import Completion, Failure, Heard, Usage
from extract.todo import prepare
from tests.asking_kit import KEY
from tests.cassette_kit import NET, record, session, stub_model
from tests.faults.chaos_server import ChaosServer
from tests.stub_model import StubModel

FACTS = '{"methods":[],"datasets":[],"results":[],"claims":[]}'


@pytest.fixture(autouse=True)
def key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is where people keep it."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("PAPERFACTS_API_KEY", KEY)


def written(folder: Path) -> str:
    """Return all that was recorded."""
    return "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.json"))


def test_a_recording_has_no_header_and_no_key(tmp_path: Path) -> None:
    """The server got the key, and nothing in the files tells of it."""
    with StubModel() as server:
        record(tmp_path, server=server)

    words = written(tmp_path)
    assert KEY not in words
    assert [] == [word for word in ("authorization", "Bearer", "header") if word in words]


@pytest.mark.parametrize("route", ["key-error", "key-page"])
def test_a_key_that_a_failure_repeats_is_not_recorded(
    tmp_path: Path, server: ChaosServer, route: str
) -> None:
    """The words of the failure are kept without it."""
    model = stub_model(server.url(route))
    try:
        extract_papers([NET], model, session(tmp_path, "record", model))
    except Exception as error:  # noqa: BLE001  # an error of the run is no recording
        assert KEY not in str(error)

    assert KEY in server.headers[route][0]["authorization"]
    assert KEY not in written(tmp_path)


def test_a_rejected_key_is_no_recording(tmp_path: Path, server: ChaosServer) -> None:
    """The 401 that repeats the key stops the run, and nothing is written."""
    model = stub_model(server.url("key-echo"))
    with pytest.raises(KeyRejected):
        extract_papers([NET], model, session(tmp_path, "record", model))

    assert "" == written(tmp_path)


def test_a_key_that_a_model_repeats_is_taken_out(tmp_path: Path) -> None:
    """In an answer, a rejected reply, a failure, an excerpt and a paper's id alike."""
    todo = prepare(NET, stub_model().recipe)
    answer = Completion(FACTS, Usage(), heard=(Heard(f"no, {KEY}", KEY), Heard(FACTS + KEY)))
    failure = Failure("schema_invalid", f"no: {KEY}", excerpt=KEY, finish_reason=KEY)
    for outcome in (answer, failure):
        Cassettes(tmp_path).put(cassette_of(todo, outcome, secrets=[KEY]))
        text = written(tmp_path)

        assert KEY not in text
        assert "[key]" in text


def test_the_names_of_what_is_written_are_a_closed_list(tmp_path: Path) -> None:
    """A field that is added to an answer is not written by itself."""
    record(tmp_path)
    documents = [json.loads(p.read_text(encoding="utf-8")) for p in tmp_path.glob("*.json")]
    names = {
        name for d in documents for part in ("paper", "request", "outcome") for name in d[part]
    }

    assert {
        *("id", "title"),
        *("task", "task_version", "prompt_version", "wire", "model", "model_id", "sampling"),
        *("sentences", "messages_hash", "schema_hash"),
        *("status", "finish_reason", "http_status", "attempts", "usage", "replies"),
    } == names
