"""Fault 28: a feed has a paper twice, or one id with two texts."""

from __future__ import annotations

import json
from pathlib import Path

from tests.faults.store_kit import ran, rows, run_command
from tests.faults.stub_process import stub_process

TWICE = ("one", "Alpha: A Net", "We train on 12 GPUs.")
OTHER = ("one", "Alpha: A Net", "We train on 99 GPUs.")
SECOND = ("two", "Beta: A Net", "We train on 3 GPUs.")


def test_a_paper_is_paid_for_once_and_a_contradiction_is_said(tmp_path: Path) -> None:
    """The first text of an id counts; the repeated and the other one are listed with their line."""
    feed = tmp_path / "feed.jsonl"
    lines = [dict(zip(("id", "title", "abstract"), p, strict=True)) for p in (TWICE, TWICE, OTHER)]
    lines.append({"id": SECOND[0], "title": SECOND[1], "abstract": SECOND[2]})
    feed.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    db = tmp_path / "papers.duckdb"
    with stub_process(tmp_path / "calls") as stub:
        done = ran(run_command(feed, db, stub.url, "--json"))

        assert ["Alpha: A Net", "Beta: A Net"] == sorted(stub.calls)
    problems = json.loads(done.stdout)["problems"]
    assert ["duplicate", "conflict"] == [problem["reason"] for problem in problems]
    assert [("12",), ("3",)] == rows(db, "select value from results order by paper_id")
