"""Fault 33: two runs on one database."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.faults.store_kit import (
    ROOT,
    answered,
    environment,
    numbered_feed,
    ran,
    run_command,
)
from tests.faults.stub_process import Stub, stub_process

PAPERS = 12


def first_run(feed: Path, db: Path, stub: Stub) -> subprocess.Popen[bytes]:
    """Start a run and return it among its calls."""
    process = subprocess.Popen(
        run_command(feed, db, stub.url, "--concurrency", "1"),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not stub.calls:
        assert process.poll() is None
    return process


def test_the_second_run_names_the_first_and_asks_nothing(tmp_path: Path) -> None:
    """Exit 5 with the process and the command that has the database, and what to do."""
    feed, db = numbered_feed(tmp_path / "feed.jsonl", PAPERS), tmp_path / "papers.duckdb"
    with stub_process(tmp_path / "calls", delay_s=1.0) as stub:
        first = first_run(feed, db, stub)
        second = ran(run_command(feed, db, stub.url, "--lock-wait", "0"))
        was_running = first.poll() is None
        first.kill()
        first.wait()

    assert was_running
    assert 5 == second.returncode
    assert f"{db} is being written by process {first.pid} (-c run {feed})" in second.stderr
    assert "--lock-wait" in second.stderr


def test_the_second_run_waits_as_long_as_it_is_told_and_pays_for_nothing(tmp_path: Path) -> None:
    """After the first run everything is there already."""
    feed, db = numbered_feed(tmp_path / "feed.jsonl", PAPERS), tmp_path / "papers.duckdb"
    with stub_process(tmp_path / "calls", delay_s=0.1) as stub:
        first = first_run(feed, db, stub)
        second = ran(run_command(feed, db, stub.url, "--lock-wait", "300"))

        assert 0 == first.wait()
        assert PAPERS == len(stub.calls)
    assert 0 == second.returncode
    assert f"0 asked, {PAPERS} already done" in second.stdout
    assert PAPERS == len(answered(db))
