"""What a run would ask and cost: the dry run, its interval, and the prices that runs keep."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from extract.cli.progress import money_lines
from extract.completion import Failure, Spent, Usage
from extract.feeds import read_feed
from extract.models import find_model
from extract.money.account import Account
from extract.money.budget import Budget
from extract.money.estimate import Estimate, Load, estimate
from extract.money.plan import Plan, plan
from extract.money.tariff import flat
from extract.pipeline import RunOptions, run
from extract.report import RunReport
from extract.request import Request, Sampling
from extract.rows import failed_row
from extract.store.database import Database
from extract.store.spending import PastPaper, rounded_up
from extract.tasks import load_task
from tests.command import called
from tests.faults.store_kit import numbered_feed, rows
from tests.paid_model import PRICES, PaidModel, billed
from tests.stub_model import StubModel

TASK = load_task()
TARIFF = flat(Decimal(1), Decimal(4), Decimal("0.1"))


@pytest.fixture(autouse=True)
def _prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything runs in a folder that gives a price of the model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "paperfacts.toml").write_text(PRICES, encoding="utf-8")


def loaded(papers: int, chars: int = 3000) -> Load:
    """Return the load of so many papers."""
    load = Load()
    for number in range(papers):
        text = f"{number} ".ljust(chars, "x")
        messages = ({"role": "system", "content": "s" * 6000}, {"role": "user", "content": text})
        load.add(Request("t", "1", "1", "json", "m", "", Sampling(max_tokens=4096), messages))
    return load


def past_paper(chance: random.Random, chars: int = 3000) -> PastPaper:
    """Return a paper that took tokens at random, and now and then a second call."""
    calls = 2 if chance.random() < 0.1 else 1
    tokens = int(calls * (6000 + chars) / chance.uniform(3.5, 4.5))
    return PastPaper(
        request_chars=6000 + chars,
        paper_chars=chars,
        input_tokens=tokens,
        cached_tokens=int(tokens * chance.uniform(0, 0.9)),
        output_tokens=calls * int(chance.lognormvariate(6, 0.6)),
        calls=calls,
    )


def cost(paper: PastPaper) -> Decimal:
    """Return what a paper cost."""
    return TARIFF.price(paper.input_tokens, paper.cached_tokens, paper.output_tokens)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("known", "asked"), [(8, 60), (100, 30), (500, 400)])
def test_the_interval_has_what_such_papers_cost(seed: int, known: int, asked: int) -> None:
    """Papers like the past ones cost what is said, also with few of them."""
    chance = random.Random(seed)
    past = [past_paper(chance) for _ in range(known)]
    truth = [past_paper(chance) for _ in range(asked)]

    said = estimate(loaded(asked), past, TARIFF)

    assert said.price is not None
    assert said.papers == known
    for interval, real in (
        (said.price, float(sum(map(cost, truth)))),
        (said.calls, sum(each.calls for each in truth)),
        (said.input_tokens, sum(each.input_tokens for each in truth)),
        (said.output_tokens, sum(each.output_tokens for each in truth)),
    ):
        assert interval.low <= interval.expected <= interval.high
        assert interval.low <= real <= interval.high
    if known >= 100:
        assert 0.8 < said.price.expected / float(sum(map(cost, truth))) < 1.25


def test_longer_papers_cost_more_than_the_past_ones() -> None:
    """Tokens go with characters, not with papers."""
    past = [past_paper(random.Random(n)) for n in range(50)]
    short, long = (estimate(loaded(10, chars), past, TARIFF) for chars in (3000, 12000))

    assert long.output_tokens.expected == pytest.approx(4 * short.output_tokens.expected)
    assert long.input_tokens.expected == pytest.approx(2 * short.input_tokens.expected)


def test_more_known_papers_narrow_it() -> None:
    """And without any it is a wide guess."""

    def width(said: Estimate) -> float:
        assert said.price is not None
        return said.price.high / said.price.low

    chance = random.Random(1)
    past = [past_paper(chance) for _ in range(400)]
    guess, few, many = (estimate(loaded(50), past[:n], TARIFF) for n in (0, 8, 400))

    assert (0, 8, 400) == (guess.papers, few.papers, many.papers)
    assert width(guess) > width(few) > width(many)
    assert guess.output_tokens.high >= 50 * 4096


@pytest.mark.parametrize("chars", [2, 40, 400, 20_000])
@pytest.mark.parametrize("papers", [1, 7])
def test_a_guess_has_its_ends_in_order(chars: int, papers: int) -> None:
    """Also for papers of a line, and for those that are longer than an answer may be."""
    said = estimate(loaded(papers, chars), [], TARIFF)

    assert said.price is not None
    for interval in (said.calls, said.input_tokens, said.output_tokens, said.price):
        assert 0 <= interval.low <= interval.expected <= interval.high


def test_an_unknown_price_leaves_the_tokens() -> None:
    """None and not 0."""
    said = estimate(loaded(3), [], None)

    assert said.price is None
    assert said.input_tokens.expected > 0
    assert None is said.as_json()["price"]


def planned(url: str, feed: Path, **options: Any) -> Plan:
    """Return the plan of a feed."""
    model = find_model("stub", TASK, base_url=url)
    return plan(read_feed(str(feed)), model, feed.with_name("papers.duckdb"), **options)


def ran(url: str, feed: Path, **options: Any) -> RunReport:
    """Run a feed."""
    given = RunOptions(str(feed), feed.with_name("papers.duckdb"), lock_wait_s=30, **options)
    return run(given, find_model("stub", TASK, base_url=url))


def test_a_plan_is_what_the_run_then_does(tmp_path: Path) -> None:
    """Asked, cached and failed papers; and a price that the run keeps to."""
    feed = numbered_feed(tmp_path / "feed.jsonl", 20)
    with PaidModel(tmp_path / "bill", ways={"ok": 1}) as server:
        server.wrong = {"Net3:": "refusal", "Net7:": "refusal"}
        first = ran(server.url, feed)
        before = billed(tmp_path / "bill")
        numbered_feed(feed, 60)
        found = planned(server.url, feed, budget=Budget(Decimal(3)))
        again = planned(server.url, feed, retry_failed=True, limit=30)
        calls = len(server.calls)
        second = ran(server.url, feed)
        cost = float(billed(tmp_path / "bill") - before)

    assert (18, 2) == (first.asked, len(first.failed))
    assert (60, 40, 18, 2) == (found.papers, found.to_ask, found.cached, found.failed)
    assert (30, 12, 18, 0) == (again.papers, again.to_ask, again.cached, again.failed)
    assert 20 == calls
    assert (40, 18, 2) == (second.asked, second.cached, len(second.failed))
    assert found.estimate is not None and found.estimate.price is not None
    assert 20 == found.estimate.papers
    assert found.estimate.price.low <= cost <= found.estimate.price.high
    assert found.limit is not None
    assert float(3 - before) == pytest.approx(float(found.limit))


def test_the_command_asks_nothing_and_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No call, no database, no lock; exit code 0."""
    feed = numbered_feed(tmp_path / "feed.jsonl", 4)
    there = sorted(tmp_path.iterdir())
    with StubModel() as server:
        arguments = ["run", feed, "--model", "stub", "--base-url", server.url, "--dry-run"]
        assert 0 == called(*arguments)
        text = capsys.readouterr().out
        assert 0 == called(*arguments, "--budget", "0.5", "--json")
        document = json.loads(capsys.readouterr().out)

    assert [] == server.calls
    assert there == sorted(tmp_path.iterdir())
    assert text.startswith("4 papers: 4 to ask, 0 already done\ncalls: about 4 (4 to 5)\n")
    assert "by the prices of" in text
    assert "guessed from characters" in text
    assert text.endswith("dry run: nothing was asked, and nothing was written\n")
    assert (4, 0.5) == (document["to_ask"], document["budget_left"])
    price = document["expected"]["price"]
    assert 0 < price["low"] < price["expected"] < price["high"]


def test_a_dry_run_changes_no_byte_of_a_database(tmp_path: Path) -> None:
    """It is opened for reading."""
    feed = numbered_feed(tmp_path / "feed.jsonl", 6)
    with PaidModel(tmp_path / "bill", ways={"ok": 1}) as server:
        ran(server.url, feed)
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        assert 0 == called("run", feed, "--model", "stub", "--base-url", server.url, "--dry-run")

    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_local_model_costs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No price is known or needed, and any budget does."""
    feed = numbered_feed(tmp_path / "feed.jsonl", 2)

    assert 0 == called("run", feed, "--dry-run", "--budget", "0")
    assert "price: none, the model runs on this machine" in capsys.readouterr().out


def test_the_price_of_a_local_answer_is_nothing(tmp_path: Path) -> None:
    """0 in its run and in its row, and no purse to ask."""
    report = RunReport("r", "f", "d", "local/m", "facts")
    database = Database(tmp_path / "papers.duckdb", TASK)
    account = Account(find_model(None, TASK), database, report, Budget(Decimal(0)))
    outcome = account.priced(Failure("timeout", "late", usage=Usage(calls=1)))
    assert isinstance(outcome, Failure)

    assert account.purse is None
    assert Spent() == outcome.spent == report.spent
    assert (0.0, 0.0) == (failed_row(outcome)["price"], report.as_json()["price"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--budget", "much"], "5.00 in all, +5.00 for one run"),
        (["--budget", "1", "--cassettes", "there"], "--budget with --cassettes"),
        (["--budget", "1", "--model", "openai/nothing-of-that-name"], "no price of openai/nothing"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """Exit code 2, and nothing was called or made."""
    feed = numbered_feed(tmp_path / "feed.jsonl", 1)
    model = (
        [] if "--model" in arguments else ["--model", "stub", "--base-url", "http://127.0.0.1:9"]
    )

    assert 2 == called("run", feed, *model, *arguments)
    assert words in capsys.readouterr().err
    assert not (tmp_path / "papers.duckdb").exists()


def test_the_price_of_a_run_is_kept_and_shown(tmp_path: Path) -> None:
    """For each paper that was asked about and each fact that was found; failures are paid too."""
    feed = numbered_feed(tmp_path / "feed.jsonl", 10)
    with PaidModel(tmp_path / "bill", ways={"ok": 1}) as server:
        server.wrong = {"Net4:": "refusal"}
        report = ran(server.url, feed, budget=Budget(Decimal(9)))
    bill = billed(tmp_path / "bill")

    facts = report.facts.total()
    expected = (float(bill), float(bill), float(bill) / 10, float(bill) / facts)
    columns = "price, price_at_most, price_per_paper, price_per_fact"
    assert [expected] == rows(tmp_path / "papers.duckdb", f"select {columns} from runs")
    [(stored, count)] = rows(
        tmp_path / "papers.duckdb", "select sum(price), count(price) from completions"
    )
    assert (pytest.approx(float(bill)), 10) == (stored, count)
    assert float(bill) == report.as_json()["price"]
    line, budget = money_lines(report)
    assert line.startswith("price: $") and " a paper, " in line and line.endswith(" a fact")
    assert budget.endswith("of $9.00 are spent")


def test_a_run_says_what_it_does_not_know() -> None:
    """Calls without a word of their tokens, and models without a price."""
    report = RunReport("r", "f", "d", "openai/m", "facts", usage=Usage(calls=3), tried=2)

    assert ["price: unknown; give the price of openai/m in paperfacts.toml, under [prices]"] == (
        money_lines(report)
    )
    report.spent = Spent(Decimal("0.5"), Decimal("0.25"), 1)
    assert [
        "price: $0.500 in all, $0.250 a paper",
        "price: up to $0.250 more for 1 calls that ended without saying their tokens",
    ] == money_lines(report)
    assert (0.25, None) == (report.price_per_paper, report.price_per_fact)
    report.model = "local/m"
    assert [] == money_lines(report)


@pytest.mark.parametrize("text", ["0", "0.1", "0.022466", "1.23456789012345678901", "4e-12"])
def test_what_can_be_spent_is_never_rounded_down(text: str) -> None:
    """A column has fewer digits than an amount may have."""
    amount = Decimal(text)

    assert amount <= Decimal(repr(rounded_up(amount))) <= amount * Decimal("1.000001")
