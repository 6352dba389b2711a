"""Fault 56: the clock jumps, and the machine is in another time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.disk_kit import broken_disk
from tests.faults.store_kit import answered, environment, numbered_feed, plain_run, ran, rows
from tests.faults.stub_process import stub_process

PAPERS = 12
DAY = 86_400


def test_a_clock_that_jumps_by_days_changes_nothing(tmp_path: Path) -> None:
    """Waits go by a clock that only runs forward: the run ends, with all its papers."""
    feed, db = numbered_feed(tmp_path / "feed.jsonl", PAPERS), tmp_path / "papers.duckdb"
    jumping = environment(LD_PRELOAD=broken_disk(tmp_path), BROKEN_CLOCK=str(DAY))
    with stub_process(tmp_path / "calls") as stub:
        done = ran(plain_run(feed, db, stub.url), env=jumping)

    assert 0 == done.returncode, done.stderr
    assert PAPERS == len(answered(db))
    [(first, last)] = rows(
        db,
        "select min(t), max(t) from (select added_at as t from papers"
        " union all select created_at from completions"
        " union all select started_at from runs)",
    )
    assert last - first > timedelta(seconds=DAY)  # the clock did jump


def test_times_are_stored_in_utc(tmp_path: Path) -> None:
    """Where the machine stands is no part of them."""
    feed, db = numbered_feed(tmp_path / "feed.jsonl", 2), tmp_path / "papers.duckdb"
    before = datetime.now(UTC).replace(tzinfo=None)
    with stub_process(tmp_path / "calls") as stub:
        ran(plain_run(feed, db, stub.url), env=environment(TZ="Pacific/Kiritimati"))
    after = datetime.now(UTC).replace(tzinfo=None)

    [(first, last)] = rows(db, "select min(started_at), max(finished_at) from runs")
    [(made,)] = rows(db, "select max(created_at) from completions")
    assert before <= first <= made <= last <= after
