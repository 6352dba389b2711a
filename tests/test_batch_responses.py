"""Batches of the Responses endpoint, which OpenAI's own models are asked at."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extract.pipeline import RunOptions, run
from tests.batch_kit import TITLES, Place, make_place
from tests.batch_server import BatchServer
from tests.faults.store_kit import rows
from tests.stub_model import StubModel


class Recorder(StubModel):
    """A stub that keeps the bodies that its Responses endpoint was sent."""

    def respond(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Keep and answer."""
        self.__dict__.setdefault("bodies", []).append(body)
        return super().respond(body)


def responses_place(server: BatchServer, folder: Path) -> Place:
    """Return a place whose model is asked at that endpoint."""
    return replace(make_place(server, folder), mode="responses")


def by_key(db: Path) -> list[tuple[Any, ...]]:
    """Return the answers of a database with their keys and tokens."""
    columns = "completion_key, content, answer, status, input_tokens, output_tokens, calls"
    return rows(db, f"select {columns} from completions order by all")


def test_a_batch_asks_with_the_very_bodies_of_live_calls(tmp_path: Path) -> None:
    """Under the same keys, with the same answers; the whole batch is for that endpoint."""
    with BatchServer() as server, Recorder() as live:
        place = responses_place(server, tmp_path)
        options = RunOptions(feed=str(place.feed), database=tmp_path / "live.duckdb")
        run(options, replace(place.model, base_url=live.url))
        code, _ = place.run()
        [batch] = server.running()
        sent = [json.loads(each) for each in server.files["file-1"].content.splitlines()]
        server.end()
        fetched, _ = place.batch("fetch")

    bodies = live.__dict__["bodies"]
    assert (0, 0, "/v1/responses") == (code, fetched, batch["endpoint"])
    assert {"/v1/responses"} == {row["url"] for row in sent}
    assert sorted(map(json.dumps, bodies)) == sorted(json.dumps(row["body"]) for row in sent)
    assert {"input", "max_output_tokens", "store", "tools"} <= set(sent[0]["body"])
    assert "messages" not in sent[0]["body"]
    assert by_key(tmp_path / "live.duckdb") == by_key(place.db)
    assert TITLES == place.answered()


@pytest.mark.parametrize(
    ("how", "outcome", "is_sent_again"),
    [
        ("truncated", "truncated", True),
        ("invalid", "schema_invalid", True),
        ("expired", "timeout", True),
        ("500", "server_error", True),
        ("refusal", "refused", False),
        ("context", "too_long", False),
    ],
)
def test_only_what_failed_is_sent_again(
    tmp_path: Path, how: str, outcome: str, is_sent_again: bool
) -> None:
    """With the classes of a live call; what was cut has twice the room."""
    with BatchServer(wrong={"Net1": how}) as server:
        place = responses_place(server, tmp_path)
        place.run()
        server.end()
        code, _ = place.batch("fetch")
        assert (3, outcome) == (code, place.outcomes()[TITLES[1]])
        server.wrong = {} if how != "truncated" else server.wrong
        place.batch("fetch", "--resubmit")
        server.end()
        place.batch("fetch")

    assert {TITLES[0]: 1, TITLES[1]: 1 + is_sent_again, TITLES[2]: 1} == dict(server.asked)
    assert 2 + is_sent_again == len(place.answered())


def test_a_budget_knows_how_long_these_answers_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have another name for it; at these prices nothing but the answer costs."""
    (tmp_path / "paperfacts.toml").write_text('[prices."openai/m"]\ninput = 0\noutput = 1000\n')
    monkeypatch.chdir(tmp_path)
    with BatchServer() as server:
        place = responses_place(server, tmp_path)
        place.run()
        [body, *_] = [
            json.loads(each)["body"] for each in server.files["file-1"].content.splitlines()
        ]

    worst = body["max_output_tokens"] * 1000 / 1e6 / 2
    assert [(worst,)] * 3 == place.rows("select held from batch_requests")
