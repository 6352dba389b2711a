"""Fault 30: Ctrl-C, SIGTERM, and a second one."""

from __future__ import annotations

import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import duckdb
import pytest

from tests.faults.store_kit import (
    ROOT,
    answered,
    command,
    environment,
    numbered_feed,
    ran,
    rows,
    run_command,
)
from tests.faults.stub_process import Stub, stub_process

PAPERS = 30


def started(feed: Path, db: Path, stub: Stub, *, calls: int = 6) -> subprocess.Popen[str]:
    """Start a run, and return once it has made so many calls."""
    process = subprocess.Popen(
        run_command(feed, db, stub.url, "--concurrency", "2"),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(stub.calls) < calls:
        assert process.poll() is None
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_everything_that_was_answered_is_written_and_the_way_on_is_said(
    tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    """The exit code names the signal, and a rerun asks for what was under way and the rest."""
    feed, db = numbered_feed(tmp_path / "feed.jsonl", PAPERS), tmp_path / "papers.duckdb"
    with stub_process(tmp_path / "calls", delay_s=0.15) as stub:
        process = started(feed, db, stub)
        process.send_signal(sent)
        _, said = process.communicate(timeout=60)
        asked = len(stub.calls)
        stored = len(answered(db))
        again = ran(run_command(feed, db, stub.url))

        assert PAPERS - stored == len(stub.calls) - asked
    assert code == process.returncode
    assert f"stopped by {sent.name}: {stored} papers done and written" in said
    assert "Run the same command again to go on; nothing is asked twice." in said
    assert "Traceback" not in said
    assert asked - stored <= 2  # what was under way
    assert 0 == again.returncode
    assert [("stopped", code), ("finished", 0)] == rows(
        db, "select state, exit_code from runs order by started_at"
    )


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    """Even while the last rows wait for the file, which another process holds."""
    feed, db = numbered_feed(tmp_path / "feed.jsonl", PAPERS), tmp_path / "papers.duckdb"
    with stub_process(tmp_path / "calls", delay_s=0.15) as stub:
        process = started(feed, db, stub)
        with _held(db):
            process.send_signal(sent)
            time.sleep(1)
            assert process.poll() is None
            process.send_signal(sent)
            process.communicate(timeout=30)

        assert code == process.returncode
        assert 0 == ran(run_command(feed, db, stub.url)).returncode
    assert PAPERS == len(answered(db))


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_so_it_does_where_the_row_of_the_run_alone_waits(
    tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    """Nothing was answered, so the writer has ended; the run still has to say that it stopped."""
    feed, db = numbered_feed(tmp_path / "feed.jsonl", PAPERS), tmp_path / "papers.duckdb"
    with stub_process(tmp_path / "calls", delay_s=60) as stub:
        process = started(feed, db, stub, calls=1)
        time.sleep(0.5)  # the rows of the papers are written in this time
        with _held(db):
            process.send_signal(sent)
            time.sleep(1)
            assert process.poll() is None
            process.send_signal(sent)
            process.communicate(timeout=30)

    assert code == process.returncode
    assert set() == answered(db)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_repair_that_is_stopped_leaves_nothing_behind(
    tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    """Its copies are as large as the database."""
    db, to = tmp_path / "papers.duckdb", tmp_path / "saved.duckdb"
    with stub_process(tmp_path / "calls") as stub:
        feed = numbered_feed(tmp_path / "feed.jsonl", 2)
        assert 0 == ran(run_command(feed, db, stub.url)).returncode
    before = sorted(tmp_path.iterdir())
    process = subprocess.Popen(
        command("repair", db, "--to", to),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background of a shell hands on that Ctrl-C is to be ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    while not list(tmp_path.glob(".repair-*/*")):
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(sent)
    _, said = process.communicate(timeout=60)

    assert code == process.returncode
    assert "Traceback" not in said
    assert before == sorted(tmp_path.iterdir())


def _held(db: Path) -> duckdb.DuckDBPyConnection:
    """Hold the database as a reader would, as soon as the run lets go of it."""
    while True:
        try:
            return duckdb.connect(str(db), read_only=True)
        except duckdb.IOException:
            time.sleep(0.001)
