"""A run asks what is not answered yet, stores all of it, and can be broken off anywhere."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.asking import QuotaExhausted
from extract.errors import StoreError
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.report import RunReport
from extract.store.lock import run_lock
from extract.tasks import load_task
from tests.faults.store_kit import numbered_feed
from tests.stub_model import StubModel

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "fixtures" / "sample.txt"
TRIALS = ROOT / "fixtures" / "tasks" / "trials"
MAIN = "from extract.cli import main; main()"
PAPERS = 24
KEYS = {"methods": "name", "datasets": "name", "results": "value", "claims": "text"}


def extract(
    server: StubModel,
    db: Path,
    feed: Path = SAMPLE,
    *,
    task: str = "facts",
    max_chars: int | None = None,
    **options: Any,
) -> RunReport:
    """Run *feed* into *db* with the stub."""
    model = find_model("stub", load_task(task), base_url=server.url)
    if max_chars is not None:
        model = replace(model, max_chars=max_chars)
    return run(RunOptions(feed=str(feed), database=db, lock_wait_s=0, **options), model)


def rows(db: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with duckdb.connect(str(db), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def write_feed(path: Path, *papers: tuple[str, str, str]) -> Path:
    """Write papers, each an id, a title and an abstract, as a feed."""
    lines = [json.dumps({"id": i, "title": t, "abstract": a}) + "\n" for i, t, a in papers]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def child(server: StubModel, db: Path) -> subprocess.Popen[str]:
    """Start `paperfacts run` on the sample, and return once the stub holds one of its calls."""
    options = ["--model", "stub", "--base-url", server.url, "--concurrency", "1"]
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "run", str(SAMPLE), "--db", str(db), *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.held.wait(20)
    return process


def stored_titles(db: Path) -> set[str]:
    """Return the titles of the papers whose answer is stored."""
    found = rows(
        db,
        "select p.title from papers p join extractions e using (paper_id)"
        " join completions c using (completion_key) where c.status = 'ok'",
    )
    return {row[0] for row in found}


def all_tables(db: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a database says, but for when and by which run it was written."""
    when = "exclude (run_id, created_at)"
    return {
        "papers": rows(db, "select * exclude (added_at) from papers order by all"),
        "completions": rows(
            db, f"select * {when[:-1]}, latency_s, request_id) from completions order by all"
        ),
        "extractions": rows(db, f"select * {when} from extractions order by all"),
        "current": rows(db, "from current_extractions order by all"),
        "mentions": rows(db, "from mentions order by all"),
        **{kind: rows(db, f"from task_facts.{kind}_all order by all") for kind in KEYS},
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    """Return the database of an unbroken run over the sample, and its report."""
    db = tmp_path_factory.mktemp("unbroken") / "papers.duckdb"
    with StubModel() as server:
        report = extract(server, db, concurrency=1)
    return db, report


def test_every_paper_of_the_sample_is_extracted(sample: tuple[Path, RunReport]) -> None:
    """Each paper has one completion and one current extraction."""
    db, report = sample

    assert (PAPERS, PAPERS, 0, []) == (
        report.papers,
        report.asked,
        report.cached,
        report.failed,
    )
    assert [(PAPERS,)] == rows(db, "select count(*) from current_extractions")
    assert [("finished", 0, PAPERS)] == rows(db, "select state, exit_code, asked from runs")


def test_a_second_run_asks_nothing(tmp_path: Path) -> None:
    """What is answered is never asked again."""
    db = tmp_path / "papers.duckdb"
    with StubModel() as server:
        extract(server, db, limit=4)
        again = extract(server, db, limit=4)

        assert 4 == len(server.calls)
    assert (4, 0) == (again.cached, again.asked)


@pytest.mark.parametrize("kind", KEYS)
def test_the_span_of_every_row_is_its_text(sample: tuple[Path, RunReport], kind: str) -> None:
    """An exact row is what stands at its offsets, and every span lies in its sentence."""
    db, _ = sample
    found = rows(
        db,
        f"select f.{KEYS[kind]}, f.evidence, f.alignment, f.span_start, f.span_end,"
        f" case when f.sentence = 0 then p.title else p.abstract end"
        f" from {kind} f join papers p using (paper_id)",
    )
    wrong = []
    for value, evidence, alignment, start, end, text in found:
        at = text[start:end]
        if at not in evidence or (alignment == "exact" and at != value):
            wrong.append((value, at))

    assert found
    assert [] == wrong


def test_a_paper_in_two_feeds_is_asked_once(tmp_path: Path) -> None:
    """The second feed is noted beside the first."""
    db = tmp_path / "papers.duckdb"
    paper = ("one", "Alpha: A Net", "We train on 12 GPUs.")
    first, second = (write_feed(tmp_path / f"{n}.jsonl", paper) for n in ("first", "second"))
    with StubModel() as server:
        extract(server, db, first)
        extract(server, db, second)

        assert ["Alpha: A Net"] == server.calls
    [(feeds,)] = rows(db, "select feeds from papers")
    assert ["first.jsonl", "second.jsonl"] == [Path(feed).name for feed in feeds]


def test_papers_that_are_shown_alike_are_asked_once_over_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has its facts, whether the first is still asked about or not written yet."""
    monkeypatch.setattr("extract.pipeline.CHUNK", 2)
    quotes = ['"it"', "'it'", "\"it'", "'it\""]  # a model is shown single ones for all
    abstracts = [f"We train {quoted} on {n} GPUs." for quoted in quotes for n in (12, 3)]
    papers = [(f"p{n}", "Alpha: A Net", abstract) for n, abstract in enumerate(abstracts)]
    db = tmp_path / "papers.duckdb"
    with StubModel() as server:
        report = extract(server, db, write_feed(tmp_path / "feed.jsonl", *papers))

        assert 2 == len(server.calls)
    assert (8, 8, []) == (report.papers, report.asked + report.cached, report.failed)
    assert [(8, 2)] == rows(
        db,
        "select count(*), count(distinct completion_key) from current_extractions"
        " join extractions using (extraction_id)",
    )


def test_a_slow_answer_does_not_hold_up_the_next_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third paper is asked about while the second, of an earlier chunk, has no answer yet."""
    monkeypatch.setattr("extract.pipeline.CHUNK", 1)
    papers = [(f"p{n}", f"Net {n}", f"We train on {n} GPUs.") for n in (12, 13, 14)]
    feed = write_feed(tmp_path / "feed.jsonl", *papers)
    with StubModel(hold_after=1) as server, ThreadPoolExecutor() as threads:
        running = threads.submit(extract, server, tmp_path / "papers.duckdb", feed)
        try:
            assert server.held.wait(20)
            deadline = time.monotonic() + 20
            while len(server.calls) < 3 and time.monotonic() < deadline:
                time.sleep(0.01)
            called = list(server.calls)
        finally:
            server.go.set()
        report = running.result(20)

    assert ["Net 12", "Net 13", "Net 14"] == called
    assert (3, []) == (report.asked, report.failed)


class OutOfMoney(StubModel):
    """Answers six papers at once, once the seventh has been told that the money is used up."""

    def __init__(self) -> None:
        super().__init__()
        self.is_said = threading.Event()
        self._numbers = itertools.count(1)

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer the first paper, hold the next six, refuse the one after those."""
        number, answered = next(self._numbers), super().answer(body)
        if number > 7:
            self.is_said.set()
            return 402, {"error": {"message": "out of credits", "type": "insufficient_quota"}}
        if number > 1:
            assert self.is_said.wait(30)
            time.sleep(0.3)  # the refusal arrives first
        return answered


def test_what_is_on_its_way_is_kept_where_the_run_has_to_stop(tmp_path: Path) -> None:
    """A quota that is used up ends the run; calls that were made before are paid for."""
    feed = numbered_feed(tmp_path / "feed.jsonl", 30)
    with OutOfMoney() as server, pytest.raises(QuotaExhausted):
        run(
            RunOptions(feed=str(feed), database=tmp_path / "p.duckdb", concurrency=7),
            find_model("stub", load_task(), base_url=server.url),
        )

    assert [("ok", 7)] == rows(
        tmp_path / "p.duckdb", "select status, count(*) from completions group by all"
    )
    assert 8 == len(server.calls)


def test_a_changed_text_is_asked_again(tmp_path: Path) -> None:
    """The facts are those of the new text; the old ones stay in the history."""
    db, feed = tmp_path / "papers.duckdb", tmp_path / "feed.jsonl"
    with StubModel() as server:
        extract(server, db, write_feed(feed, ("one", "Alpha: A Net", "It has 12 layers.")))
        extract(server, db, write_feed(feed, ("one", "Alpha: A Net", "It has 13 layers.")))

        assert 2 == len(server.calls)
    assert [("13",)] == rows(db, "select value from results")
    assert [("12",), ("13",)] == rows(db, "select value from history.facts_results order by 1")


def test_a_text_that_changed_back_is_not_asked_again(tmp_path: Path) -> None:
    """Its completion is stored, and its facts count again, once."""
    db, feed = tmp_path / "papers.duckdb", tmp_path / "feed.jsonl"
    with StubModel() as server:
        for layers in (12, 13, 12):
            extract(server, db, write_feed(feed, ("one", "Net", f"It has {layers} layers.")))

        assert 2 == len(server.calls)
    assert [("12",)] == rows(db, "select value from results")


def test_a_changed_text_that_fails_leaves_no_facts_of_the_old_text(tmp_path: Path) -> None:
    """Offsets into a text that is gone would point at other words."""
    db, feed = tmp_path / "papers.duckdb", tmp_path / "feed.jsonl"
    with StubModel(wrong={"thirteen": "refusal"}) as server:
        extract(server, db, write_feed(feed, ("one", "Net", "It has 12 layers.")))
        extract(server, db, write_feed(feed, ("one", "Net", "It has thirteen layers.")))

    assert [] == rows(db, "select value from results")


def test_failed_papers_are_listed_and_not_asked_again(tmp_path: Path) -> None:
    """A refusal is for good: only --retry-failed asks again."""
    db = tmp_path / "papers.duckdb"
    with StubModel(wrong={"Tidewater": "refusal", "LedgerQA": "invalid"}) as server:
        first = extract(server, db, limit=4)
        calls = len(server.calls)
        second = extract(server, db, limit=4)

        assert calls == len(server.calls)
        server.wrong.clear()
        third = extract(server, db, limit=4, retry_failed=True)

        assert calls + 2 == len(server.calls)
    classes = sorted(each.failure.failure_class for each in first.failed)
    assert ["refused", "schema_invalid"] == classes
    assert classes == sorted(each.failure.failure_class for each in second.failed)
    assert (3, 3, 0) == (first.exit_code, second.exit_code, third.exit_code)
    assert [(4,)] == rows(db, "select count(*) from current_extractions")


def test_a_paper_that_is_too_long_is_a_row_and_not_a_call(tmp_path: Path) -> None:
    """The model is not asked for what does not fit it."""
    db = tmp_path / "papers.duckdb"
    feed = write_feed(tmp_path / "feed.jsonl", ("long", "Long", "word " * 50))
    with StubModel() as server:
        report = extract(server, db, feed, max_chars=100)

        assert [] == server.calls
    assert 3 == report.exit_code
    assert [("failed", "too_long")] == rows(db, "select status, failure_class from completions")


def test_a_paper_that_is_too_long_fails_once_for_each_task_and_model(tmp_path: Path) -> None:
    """The failure of one does not take the place of the other's."""
    db = tmp_path / "papers.duckdb"
    feed = write_feed(tmp_path / "feed.jsonl", ("long", "Long", "word " * 50))
    with StubModel() as server:
        for task in ("facts", str(TRIALS), "facts"):
            extract(server, db, feed, task=task, max_chars=100)

    assert [("facts",), ("trials",)] == rows(db, "select task from completions order by task")


def test_a_run_beside_another_is_refused(tmp_path: Path) -> None:
    """While one run holds the lock, a second one ends with exit code 5 and asks nothing."""
    db = tmp_path / "papers.duckdb"
    with StubModel() as server, run_lock(db):
        with pytest.raises(StoreError, match="is being written by process") as caught:
            extract(server, db)

        assert [] == server.calls
    assert 5 == caught.value.exit_code


def test_another_task_has_views_of_its_own(tmp_path: Path) -> None:
    """Two tasks share a database, and neither sees the other's rows."""
    db = tmp_path / "papers.duckdb"
    with StubModel() as server:
        extract(server, db, limit=2)
        extract(server, db, TRIALS / "feed.jsonl", task=str(TRIALS))
    facts = rows(db, "select distinct paper_id from task_facts.results")
    trials = rows(db, "select distinct paper_id from samples")

    assert trials == rows(db, "select distinct paper_id from task_trials.samples")
    assert 2 == len(facts)
    assert set() == set(facts) & set(trials)
    assert [("facts", 2), ("trials", 6)] == rows(
        db, "select task, count(*) from current_extractions group by all order by all"
    )
    assert [] == rows(db, "from people_by_condition")


def test_a_killed_run_is_taken_up_where_it_stood(
    tmp_path: Path, sample: tuple[Path, RunReport]
) -> None:
    """After kill -9 the tables become those of an unbroken run, and no stored paper is asked."""
    db = tmp_path / "papers.duckdb"
    with StubModel(hold_after=8) as server:
        process = child(server, db)
        process.kill()
        process.communicate()
        stored = stored_titles(db)
        asked = len(server.calls)
        server.go.set()
        extract(server, db, concurrency=1)
        after = server.calls[asked:]

    assert set() == stored & set(after)
    assert PAPERS == len(stored) + len(after)
    assert all_tables(sample[0]) == all_tables(db)


def test_an_interrupted_run_keeps_its_answers(tmp_path: Path) -> None:
    """SIGINT ends with 130, says how many papers are done, and all answers are written."""
    db = tmp_path / "papers.duckdb"
    with StubModel(hold_after=8) as server:
        process = child(server, db)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)

    assert 130 == process.returncode
    assert "stopped by SIGINT: 8 papers done and written" in err
    assert 8 == len(stored_titles(db))
    assert [("stopped", 130)] == rows(db, "select state, exit_code from runs")
