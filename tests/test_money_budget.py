"""A budget is never exceeded: in parallel, with retries and re-asks, and over kill -9.

The server of these tests writes the bill. A budget holds where the bill is within it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.errors import InputError
from extract.models import find_model
from extract.money.budget import Budget, read_budget
from extract.pipeline import RunOptions, run
from extract.report import RunReport
from extract.store.spending import SpentBefore, spent_before
from extract.tasks import load_task
from tests.faults.store_kit import command, environment, numbered_feed, rows
from tests.paid_model import PRICES, PaidModel, billed, paid_process

TASK = load_task()


@pytest.fixture(autouse=True)
def _prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything runs in a folder that gives a price of the model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paperfacts.toml").write_text(PRICES, encoding="utf-8")


def paid_run(url: str, feed: Path, budget: str | None, **options: Any) -> RunReport:
    """Run *feed* within *budget*."""
    model = find_model("stub", TASK, base_url=url)
    given = RunOptions(
        feed=str(feed),
        database=feed.with_name("papers.duckdb"),
        budget=read_budget(budget) if budget else None,
        **{"concurrency": 32, "lock_wait_s": 30} | options,
    )
    return run(given, model)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_bill_of_32_workers_stays_within_the_budget(tmp_path: Path, seed: int) -> None:
    """Answers cost at random, fail, are cut and asked again; what is left is named."""
    feed, bill = numbered_feed(tmp_path / "feed.jsonl", 150), tmp_path / "bill"
    with PaidModel(bill, seed=seed, max_delay_s=0.05) as server:
        report = paid_run(server.url, feed, "0.6")

    [(at_most, is_settled)] = rows(
        tmp_path / "papers.duckdb", "select at_most, is_settled from spending"
    )
    assert 0 < billed(bill) <= Decimal("0.6")
    assert float(billed(bill)) <= at_most <= 0.6
    assert is_settled
    # Used up but for less than one call of each kind: the next might have been too much.
    assert billed(bill) > Decimal("0.3")
    assert 3 == report.exit_code
    assert 150 == report.asked + len(report.failed) + report.left
    assert 0 < report.left
    assert report.left_price is not None


def test_a_rerun_has_what_is_left_and_a_higher_budget_goes_on(tmp_path: Path) -> None:
    """The same command begins nothing; a higher budget asks for the rest alone."""
    feed, bill = numbered_feed(tmp_path / "feed.jsonl", 40), tmp_path / "bill"
    with PaidModel(bill, ways={"ok": 1}) as server:
        first = paid_run(server.url, feed, "0.2")
        again = paid_run(server.url, feed, "0.2")
        assert billed(bill) <= Decimal("0.2")
        more = paid_run(server.url, feed, "5")

    assert 0 < first.left == 40 - first.asked
    assert 40 == first.asked + again.asked + more.asked
    assert (0, 0) == (more.left, more.exit_code)
    assert (first.state, more.state) == ("stopped", "finished")
    assert len(server.calls) == 40
    known = [
        Decimal(repr(p)) for (p,) in rows(tmp_path / "papers.duckdb", "select price from runs")
    ]
    assert billed(bill) == sum(known)


def test_a_plus_is_for_one_run(tmp_path: Path) -> None:
    """What earlier runs spent does not count then."""
    feed, bill = numbered_feed(tmp_path / "feed.jsonl", 12), tmp_path / "bill"
    with PaidModel(bill, ways={"ok": 1}) as server:
        paid_run(server.url, feed, "+0.1")
        first = billed(bill)
        paid_run(server.url, feed, "+0.1")

    assert 0 < first <= Decimal("0.1") < billed(bill) <= first + Decimal("0.1")


def test_runs_without_a_budget_count_in_a_later_one(tmp_path: Path) -> None:
    """A budget is for the whole database, whoever asked before."""
    feed, bill = numbered_feed(tmp_path / "feed.jsonl", 6), tmp_path / "bill"
    with PaidModel(bill, ways={"ok": 1}) as server:
        before = paid_run(server.url, feed, None)
        numbered_feed(feed, 20)
        limit = billed(bill) + Decimal("0.06")
        after = paid_run(server.url, feed, f"{limit}")

    assert before.spent is not None
    assert float(before.spent.price) == pytest.approx(float(after.spent_before))
    assert billed(bill) <= limit
    assert after.left


def test_what_is_stored_counts_where_a_run_did_not_end(tmp_path: Path) -> None:
    """A run without a budget that was killed has its answers, and one of unknown price is told."""
    feed, db = numbered_feed(tmp_path / "feed.jsonl", 4), tmp_path / "papers.duckdb"
    with PaidModel(tmp_path / "bill", ways={"ok": 1}) as server:
        paid_run(server.url, feed, None)
    with duckdb.connect(str(db)) as connection:
        connection.execute("update runs set state = 'running', price = null, price_at_most = null")
    assert float(billed(tmp_path / "bill")) == pytest.approx(float(spent_before(db).at_most))
    with duckdb.connect(str(db)) as connection:
        connection.execute("update completions set price = null, price_at_most = null")

    assert SpentBefore(Decimal(0), unpriced=1) == spent_before(db)
    assert SpentBefore() == spent_before(tmp_path / "none.duckdb")


def test_nothing_left_asks_nothing(tmp_path: Path) -> None:
    """A budget of nothing makes no call, and every paper is left."""
    feed, bill = numbered_feed(tmp_path / "feed.jsonl", 3), tmp_path / "bill"
    with PaidModel(bill) as server:
        report = paid_run(server.url, feed, "0")

    assert (0, 3, 3) == (billed(bill), report.left, report.exit_code)
    assert [] == server.calls


def test_what_is_stored_of_a_stopped_run_is_whole(tmp_path: Path) -> None:
    """Every answer has its facts; papers that were left have neither."""
    feed = numbered_feed(tmp_path / "feed.jsonl", 60)
    with PaidModel(tmp_path / "bill", seed=5, max_delay_s=0.02) as server:
        report = paid_run(server.url, feed, "0.5")

    db = tmp_path / "papers.duckdb"
    assert [(report.asked,)] == rows(
        db,
        "select count(*) from completions c join extractions e using (completion_key)"
        " where c.status = 'ok' and e.facts = (select count(*) from history.facts_methods m"
        " where m.extraction_id = e.extraction_id) + (select count(*) from history.facts_datasets"
        " m where m.extraction_id = e.extraction_id) + (select count(*) from"
        " history.facts_results m where m.extraction_id = e.extraction_id) + (select count(*) from"
        " history.facts_claims m where m.extraction_id = e.extraction_id)",
    )
    assert [(60,)] == rows(db, "select count(*) from papers")


@pytest.mark.parametrize(
    ("kills", "workers", "budget"),
    [(1, 8, "0.5"), pytest.param(6, 32, "10", marks=pytest.mark.slow)],
    ids=["short", "long"],
)
def test_kill_9_cannot_make_it_more(tmp_path: Path, kills: int, workers: int, budget: str) -> None:
    """Runs of one budget are killed among their calls; the bill of all of them is within it."""
    chance = random.Random(kills)
    feed, db = numbered_feed(tmp_path / "feed.jsonl", 250 * kills), tmp_path / "papers.duckdb"
    arguments = ["run", feed, "--db", db, "--model", "stub", "--budget", budget]
    with paid_process(tmp_path / "bill", seed=kills, max_delay_s=0.2) as server:
        full = command(*arguments, "--base-url", server.url, "--concurrency", str(workers))
        spent = [Decimal(0)]
        for _ in range(kills):
            kill_at(full, tmp_path, server.bill, spent[-1] + Decimal(chance.random()) / 10)
            spent.append(billed(server.bill))
            [(at_most,)] = rows(db, "select sum(at_most) from spending")
            assert float(spent[-1]) <= at_most <= float(budget)
        last = subprocess.run(
            full, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=600
        )
        bill = billed(server.bill)
    print(f"\nbills after each kill: {[f'{float(each):.2f}' for each in spent]} of {budget}")
    print(f"in the end {float(bill):.2f}\n{last.stdout}{last.stderr}")

    assert 3 == last.returncode
    assert "papers are left" in last.stdout
    assert spent[-1] < bill <= Decimal(budget)


def kill_at(arguments: list[str], folder: Path, bill: Path, amount: Decimal) -> None:
    """Start a run, and kill it once the bill is higher than *amount*."""
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while billed(bill) <= amount and process.poll() is None:
        time.sleep(0.02)
    assert process.poll() is None, "it ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.3)  # what had reached the server is billed, though nobody hears the answer


def test_without_a_price_there_is_no_budget(tmp_path: Path) -> None:
    """It is refused before anything is made, with how to give a price."""
    (tmp_path / "paperfacts.toml").unlink()
    feed = numbered_feed(tmp_path / "feed.jsonl", 1)

    with pytest.raises(InputError, match="no price of stub") as raised:
        paid_run("http://127.0.0.1:9", feed, "1")

    assert '[prices."stub"]' in raised.value.hint
    assert not (tmp_path / "papers.duckdb").exists()


def test_a_run_of_unknown_price_says_so(tmp_path: Path) -> None:
    """Null, and never 0."""
    (tmp_path / "paperfacts.toml").unlink()
    feed = numbered_feed(tmp_path / "feed.jsonl", 2)
    with PaidModel(tmp_path / "bill", ways={"ok": 1}) as server:
        report = paid_run(server.url, feed, None)

    assert (2, None) == (report.asked, report.as_json()["price"])
    assert [(None, None)] == rows(
        tmp_path / "papers.duckdb", "select price, price_at_most from runs"
    )


@pytest.mark.parametrize("text", ["5.00", "5", " 5.00"])
def test_a_budget_is_read(text: str) -> None:
    """Dollars, with or without cents."""
    assert Budget(Decimal(5)) == read_budget(text)


def test_a_budget_of_one_run_is_read() -> None:
    """A plus says that earlier runs do not count."""
    assert Budget(Decimal("0.5"), is_more=True) == read_budget("+0.50")
    assert Decimal("0.5") == read_budget("+0.50").limit(Decimal(9))
    assert Decimal(0) == read_budget("5").limit(Decimal(9))


@pytest.mark.parametrize("text", ["", "abc", "-1", "nan", "inf", "+", "++1", "1,50", "5 dollars"])
def test_other_budgets_are_refused(text: str) -> None:
    """With what to write instead."""
    with pytest.raises(InputError, match="no amount of money"):
        read_budget(text)
