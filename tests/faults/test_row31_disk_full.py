"""Fault 31: the disk is full."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extract.errors import StoreError
from extract.store.database import Batch, Database
from extract.store.writer import Writer
from extract.tasks import load_task
from tests.faults.disk_kit import broken_disk, fill, small_disk
from tests.faults.store_kit import (
    answered,
    environment,
    numbered_feed,
    plain_run,
    ran,
    rows,
    said_of_papers,
)
from tests.faults.stub_process import stub_process

PAPERS = 24


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that answers are rescued to, on a disk that has room."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "paperfacts" / "rescue"


def test_a_run_on_a_full_disk_keeps_its_answers_elsewhere(tmp_path: Path, elsewhere: Path) -> None:
    """It ends with 5, the path, the bytes free and the next step, and a rerun loses nothing."""
    papers = 300  # they need more than the room that a run asks for before it begins
    feed = numbered_feed(tmp_path / "feed.jsonl", papers)
    with small_disk(tmp_path / "disk", 24) as disk, stub_process(tmp_path / "calls") as stub:
        db = disk / "papers.duckdb"
        Database(db, load_task()).prepare()
        ballast = fill(disk, 1_200_000)
        full = ran(plain_run(feed, db, stub.url))
        paid = set(stub.calls)
        assert elsewhere.is_dir(), (full.returncode, full.stderr, len(paid))
        [kept] = elsewhere.iterdir()
        log_is_left = db.with_name("papers.duckdb.wal").exists()
        ballast.unlink()
        again = ran(plain_run(feed, db, stub.url))

        assert 0 == again.returncode, again.stderr
        assert papers == len(answered(db))
        # At most the calls that were under way when the disk was full are paid for again.
        assert len(stub.calls) <= papers + 8
    assert 5 == full.returncode
    assert "Traceback" not in full.stderr
    assert f"no space left while writing {db}" in full.stderr
    assert re.search(r"[\d,]+ bytes free in", full.stderr)
    assert f"are kept in {kept}" in full.stderr
    assert "Free some space and run the same command again" in full.stderr
    assert log_is_left
    assert paid
    assert [] == list(elsewhere.iterdir())


@pytest.mark.parametrize("taken", [0, 20_000, 60_000, 200_000])
def test_wherever_the_disk_ends_a_rerun_loses_nothing(
    tmp_path: Path, elsewhere: Path, taken: int
) -> None:
    """The N-th write fails: exit 5 and no traceback; then the tables are those of a whole run."""
    feed = numbered_feed(tmp_path / "feed.jsonl", PAPERS)
    db, whole = tmp_path / "papers.duckdb", tmp_path / "whole.duckdb"
    for each in (db, whole):
        Database(each, load_task()).prepare()
    broken = environment(
        LD_PRELOAD=broken_disk(tmp_path), BROKEN_MATCH=db.name, BROKEN_WRITES=str(taken)
    )
    with stub_process(tmp_path / "calls") as stub:
        full = ran(plain_run(feed, db, stub.url), env=broken)
        again = ran(plain_run(feed, db, stub.url))
        ran(plain_run(feed, whole, stub.url))

    assert 5 == full.returncode
    assert "no space left" in full.stderr
    assert "Traceback" not in full.stderr
    assert 0 == again.returncode
    assert said_of_papers(whole) == said_of_papers(db)


def test_a_disk_that_has_room_again_in_time_costs_nothing(tmp_path: Path) -> None:
    """The writer keeps its rows and tries again; the run asks nothing new meanwhile."""
    with small_disk(tmp_path / "disk", 24) as disk:
        store = Database(disk / "papers.duckdb", load_task())
        store.prepare()
        ballast = fill(disk, 0)
        with Writer(store, retry_waits_s=(0.1,) * 100) as writer:
            writer.put(Batch(papers=[{"paper_id": "p", "text_hash": "h", "title": "x" * 5000}]))
            while not writer.is_waiting:
                writer.check()
            ballast.unlink()

        assert not writer.is_waiting
        assert {"p"} == store.known_papers(["p"]).keys()


def test_a_disk_without_room_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    """Closing a database on a full disk reports nothing, so the room is looked at first."""
    with small_disk(tmp_path / "disk", 8) as disk:
        fill(disk, 1000)
        with pytest.raises(StoreError, match="no room for .* to grow") as caught:
            Database(disk / "papers.duckdb", load_task()).prepare()

    assert "full" == caught.value.fault
    assert "bytes free" in str(caught.value)


def test_what_cannot_be_kept_anywhere_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is lost is counted, with the places that did not take it."""
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(in_the_way))
    monkeypatch.setattr("tempfile.tempdir", str(in_the_way / "no"))
    store = Database(tmp_path / "papers.duckdb", load_task())
    with pytest.raises(StoreError) as caught, Writer(store) as writer:  # not prepared: no tables
        writer.put(Batch(completions=[{"completion_key": "k"}]))

    assert "1 answers could not be kept" in caught.value.hint
    assert str(in_the_way) in caught.value.hint


def test_a_rescue_file_of_another_task_waits_for_that_task(tmp_path: Path, elsewhere: Path) -> None:
    """It is named and left, and the rows of the run are written as ever."""
    feed, db = numbered_feed(tmp_path / "feed.jsonl", 3), tmp_path / "papers.duckdb"
    from extract.store.rescue import Rescue, take_up

    store = Database(db, load_task())
    store.prepare()
    rescue = Rescue(store)
    rescue.keep(Batch(completions=[{"completion_key": "k", "status": "ok", "content": "{}"}]))
    [path] = elsewhere.iterdir()
    other = Database(db, load_task("fixtures/tasks/trials"))

    [note] = take_up(other)

    assert "run that task to take it up" in note
    assert path.exists()
    assert [f"1 answers that were kept in {path} have been written"] == take_up(store)
    assert [("k",)] == rows(db, "select completion_key from completions")
    assert feed.exists()
