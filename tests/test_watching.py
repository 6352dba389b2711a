"""Watching a run: what `--verbose` prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extract.store.reading import rows_of
from tests import stub_model
from tests.canary import KEY
from tests.command import called
from tests.stub_model import StubModel

SAMPLE = Path(__file__).parent.parent / "fixtures" / "sample.txt"
BELL = json.dumps([{"id": "p1", "title": "Bell\u202e", "abstract": "We ring.\nOn Bell10."}])


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the user's, and a key that no output may hold."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAPERFACTS_CONFIG", "")
    monkeypatch.setenv("PAPERFACTS_API_KEY", KEY)


def ran(server: StubModel, *arguments: str | Path, feed: Path = SAMPLE) -> int:
    """Run a feed against the server."""
    place = ["--model", "stub", "--base-url", server.url, "--db", "papers.duckdb"]
    return called("run", feed, *place, *arguments)


def test_verbose_shows_prompts_and_answers_word_for_word(capsys):
    """Every line of every message and the raw answer stand on stderr, and stdout stays JSON."""
    with StubModel() as server:
        assert 0 == ran(server, "--limit", "2", "--verbose", "--json")
    done = capsys.readouterr()

    assert 2 == json.loads(done.out)["asked"]
    rows = rows_of(
        Path("papers.duckdb"), "select completion_key, content, request from completions"
    )
    assert 2 == len(rows)
    shown = done.err.split("\n")
    for row in rows:
        said = [m["content"] for m in json.loads(row["request"])["messages"]] + [row["content"]]
        assert 3 == len(said)
        wanted = {f"    {line}".rstrip() for text in said for line in text.split("\n")}
        assert set() == wanted - set(shown)
        assert f"completion {row['completion_key']}" in done.err


def test_without_verbose_no_prompt_is_shown(capsys):
    """The usual run stays short."""
    with StubModel() as server:
        assert 0 == ran(server, "--limit", "1")

    assert "<paper-" not in capsys.readouterr().err


def test_verbose_shows_failures_and_the_replies_before_them(capsys):
    """A refusal has its class; an answer that stayed wrong has both replies."""
    with StubModel(wrong={"Tidewater": "refusal", "LedgerQA": "invalid"}) as server:
        assert 3 == ran(server, "--limit", "2", "--verbose")
    shown = capsys.readouterr().err

    assert "failed: refused (1 call," in shown
    assert "I cannot help with that." in shown
    assert "failed: schema_invalid (2 calls," in shown
    assert ["reply 1, not accepted", "reply 2, not accepted"] == [
        line for line in shown.split("\n") if line.startswith("reply ")
    ]
    assert 2 == shown.count('\n    {"methods":"none"}\n')


def test_verbose_shows_controls_as_escapes_and_no_key(capsys, monkeypatch, tmp_path):
    """A paper cannot clear the screen, and a server that echoes the key does not show it."""
    feed = tmp_path / "feed.json"
    feed.write_text(BELL)
    said = stub_model._completion
    monkeypatch.setattr(stub_model, "_completion", lambda _: said(f"\x1b[2J {KEY}"))
    with StubModel() as server:
        assert 3 == ran(server, "--verbose", feed=feed)
    shown = capsys.readouterr().err

    assert "\x1b" not in shown and "\u202e" not in shown
    assert "Bell\\u202e" in shown
    assert "\n    \\x1b[2J [key]\n" in shown
    assert KEY not in shown
    Path("papers.duckdb").unlink()  # holds the raw answer, as it is meant to


@pytest.mark.parametrize("other", ["--dry-run", "--batch"])
def test_verbose_with_nothing_to_show_ends_with_2(other, capsys):
    """The option that it does not go with is named."""
    with StubModel() as server:
        assert 2 == ran(server, "--verbose", other)

    assert f"--verbose with {other}" in capsys.readouterr().err


def test_every_call_is_in_completions():
    """A row says what a paper took: attempts, tokens, time and why its answer ended."""
    with StubModel(wrong={"LedgerQA": "invalid"}) as server:
        assert 3 == ran(server, "--limit", "2")
    rows = rows_of(
        Path("papers.duckdb"),
        "select status, attempts, calls, input_tokens, output_tokens, finish_reason,"
        " latency_s > 0 as took from completions order by status",
    )

    assert {
        "status": "failed",
        "attempts": 2,
        "calls": 2,
        "input_tokens": 20,
        "output_tokens": 10,
        "finish_reason": "stop",
    } == {name: value for name, value in rows[0].items() if name != "took"}
    assert {
        "status": "ok",
        "attempts": 1,
        "calls": 1,
        "input_tokens": 10,
        "output_tokens": 5,
        "finish_reason": "stop",
        "took": True,
    } == rows[1]
