"""Fault 29: kill -9 at random moments of a run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

from extract.store.state import read_state
from extract.store.writer import MAX_ROWS
from tests.faults.store_kit import (
    ROOT,
    PlainSession,
    answered,
    environment,
    numbered_feed,
    plain_run,
    ran,
    rows,
    run_command,
    said_of_papers,
)
from tests.faults.stub_process import Stub, stub_process


@dataclass
class Tally:
    """What the kills of one test did; printed at its end."""

    kills: int = 0
    at_work: int = 0
    paid_twice: int = 0
    most_paid_twice: int = 0
    unconfirmed: int = 0
    slowest_reopening_s: float = 0.0
    stored: set[str] = field(default_factory=set)


def kill_once(arguments: list[str], db: Path, stub: Stub, tally: Tally) -> bool:
    """Start a run and kill it; False where it had ended by itself."""
    before = len(stub.calls)
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # A fifth of the moments lie in the start. The others count calls, whatever the machine does.
    if random.random() < 0.8:
        until = before + random.randint(1, 40)
        while len(stub.calls) < until and process.poll() is None:
            time.sleep(0.005)
    time.sleep(0.3 * random.random())
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    tally.kills += 1
    tally.at_work += len(stub.calls) > before
    check(db, stub, before, tally)
    if tally.kills % 10 == 0:
        print(f"\n{tally.kills} kills: {len(tally.stored)} stored, {len(stub.calls)} calls", end="")
    return True


def check(db: Path, stub: Stub, before: int, tally: Tally) -> None:
    """The file opens, has all that it ever had and all that was confirmed, and none of it twice."""
    # What was asked in this run, and had been stored before it: paid for twice, without need.
    asked = stub.calls[before:]
    assert set() == tally.stored & set(asked)
    if not db.exists():
        return
    begin = time.monotonic()
    try:
        duckdb.connect(str(db)).close()
        tally.slowest_reopening_s = max(tally.slowest_reopening_s, time.monotonic() - begin)
        stored = answered(db)
        [(seq,)] = rows(db, "select flush_seq from meta")
    except duckdb.CatalogException:  # killed before the tables were committed
        assert set() == tally.stored
        return
    confirmed = read_state(db) or 0
    assert confirmed <= seq
    tally.unconfirmed += seq > confirmed
    assert set() == tally.stored - stored
    lost = len(asked) - len(stored - tally.stored)
    assert lost <= MAX_ROWS + 2 * PlainSession.width
    tally.paid_twice += lost
    tally.most_paid_twice = max(tally.most_paid_twice, lost)
    tally.stored = stored
    assert [] == rows(
        db, "select fact_id from history.facts_results group by 1 having count(*) > 1"
    )


@pytest.mark.parametrize(
    ("kills", "papers"),
    [(8, 60), pytest.param(200, 800, marks=pytest.mark.slow)],
    ids=["short", "long"],
)
def test_nothing_that_was_stored_is_lost_doubled_or_paid_for_again(
    tmp_path: Path, kills: int, papers: int
) -> None:
    """After kills at random moments the tables are those of a run that nothing broke."""
    random.seed(29)
    began = time.monotonic()
    feed = numbered_feed(tmp_path / "feed.jsonl", papers)
    db, unbroken = tmp_path / "killed.duckdb", tmp_path / "unbroken.duckdb"
    tally = Tally()
    with stub_process(tmp_path / "calls", delay_s=0.12) as stub:
        while tally.kills < kills:
            if not kill_once(plain_run(feed, db, stub.url), db, stub, tally):
                feed = numbered_feed(feed, papers := papers + papers // 4)
        last = ran(plain_run(feed, db, stub.url))
        calls = len(stub.calls)
    with stub_process(tmp_path / "others") as stub:
        ran(plain_run(feed, unbroken, stub.url))

    print(f"\n{tally.kills} kills, {tally.at_work} among calls; {papers} papers, {calls} calls:")
    print(f"{calls - papers} paid for again, {tally.most_paid_twice} at most after one kill;")
    print(f"{tally.unconfirmed} times committed but not confirmed;")
    slowest_ms = tally.slowest_reopening_s * 1000
    print(f"slowest reopening {slowest_ms:.0f} ms; {time.monotonic() - began:.0f} s in all")
    assert 0 == last.returncode
    assert papers == len(answered(db))
    assert said_of_papers(unbroken) == said_of_papers(db)


def test_a_killed_command_is_taken_up_by_the_same_command(tmp_path: Path) -> None:
    """The real command line, killed among its calls, asks for the rest alone."""
    feed = numbered_feed(tmp_path / "feed.jsonl", 40)
    db = tmp_path / "papers.duckdb"
    tally = Tally()
    with stub_process(tmp_path / "calls", delay_s=0.1) as stub:
        arguments = run_command(feed, db, stub.url, "--concurrency", "2")
        random.seed(1)
        assert kill_once(arguments, db, stub, tally)
        done = ran(arguments)
        calls = len(stub.calls)

    assert 0 == done.returncode
    assert f"{40 - len(tally.stored)} asked, {len(tally.stored)} already done" in done.stdout
    assert 40 + tally.paid_twice <= calls <= 40 + MAX_ROWS
