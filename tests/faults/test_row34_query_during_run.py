"""Fault 34: queries while a run writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.faults.store_kit import (
    ROOT,
    answered,
    command,
    environment,
    numbered_feed,
    plain_run,
    ran,
)
from tests.faults.stub_process import stub_process

PAPERS = 60


def test_queries_and_a_run_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Every query answers, with a number that only grows, and the run loses nothing."""
    feed, db = numbered_feed(tmp_path / "feed.jsonl", PAPERS), tmp_path / "papers.duckdb"
    query = command("sql", "select count(*) from extractions", "--db", db, "--format", "csv")
    counts, failed = [0], []
    with stub_process(tmp_path / "calls", delay_s=0.3) as stub:
        run = subprocess.Popen(plain_run(feed, db, stub.url), cwd=ROOT, env=environment())
        while len(stub.calls) < 5:
            assert run.poll() is None
        while run.poll() is None and len(counts) < 40:
            done = ran(query)
            if done.returncode:
                failed.append(done.stderr)
            else:
                counts.append(int(done.stdout.split()[-1]))
        code = run.wait()

    assert [] == failed
    assert len(counts) > 1
    assert sorted(counts) == counts
    assert 0 == code
    assert PAPERS == len(answered(db))
