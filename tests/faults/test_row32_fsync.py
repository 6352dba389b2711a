"""Fault 32: the disk says that it could not write what it had taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.store.database import Database
from extract.tasks import load_task
from tests.faults.disk_kit import broken_disk
from tests.faults.store_kit import (
    answered,
    environment,
    numbered_feed,
    plain_run,
    ran,
    rows,
)
from tests.faults.stub_process import stub_process

PAPERS = 24


@pytest.mark.parametrize("synced", [1, 3])
def test_a_failed_sync_ends_the_run_and_a_new_process_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synced: int
) -> None:
    """Exit 5 with DuckDB's line; the connection is not used again, and nothing is there twice."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    feed, db = numbered_feed(tmp_path / "feed.jsonl", PAPERS), tmp_path / "papers.duckdb"
    Database(db, load_task()).prepare()
    broken = environment(
        LD_PRELOAD=broken_disk(tmp_path), BROKEN_MATCH=db.name, BROKEN_FSYNCS=str(synced)
    )
    with stub_process(tmp_path / "calls") as stub:
        failed = ran(plain_run(feed, db, stub.url), env=broken)
        again = ran(plain_run(feed, db, stub.url))

    assert 5 == failed.returncode
    assert f"the disk under {db} did not take a write" in failed.stderr
    assert "fsync failed" in failed.stderr
    assert "Check the disk" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert 0 == again.returncode, again.stderr
    assert PAPERS == len(answered(db))
    twice = "select fact_id from history.facts_results group by 1 having count(*) > 1"
    assert [] == rows(db, twice)
