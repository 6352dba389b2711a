"""A budget holds for batches: reserved before they are submitted, settled when they are fetched."""

from __future__ import annotations

import io
import json
import threading
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from extract.cli.batching import run_batch
from extract.errors import InputError, ModelError
from extract.money.budget import Budget
from extract.pipeline import RunOptions, run
from extract.store.spending import spent_before
from tests.batch_kit import TITLES, Place, make_place
from tests.batch_server import BatchServer
from tests.stub_model import StubModel

ANSWER = Decimal("0.01")
"""What ten tokens in and five out cost in a batch, at the prices of `priced`."""


@pytest.fixture(autouse=True)
def priced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices of the user's own, under which one request may cost many times its answer."""
    (tmp_path / "paperfacts.toml").write_text('[prices."openai/m"]\ninput = 1000\noutput = 2000\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))


def worst(server: BatchServer, folder: Path) -> Decimal:
    """Return the most that one paper may cost; they differ by no more than a few letters."""
    folder.mkdir()
    place = make_place(server, folder)
    place.run()
    found = [Decimal(repr(row[0])) for row in place.rows("select held from batch_requests")]
    server.batches.clear()
    server.asked.clear()
    return max(found)


def spent(place: Place) -> Decimal:
    """Return what budgets count as spent."""
    return spent_before(place.db).at_most


def total(dollars: Decimal) -> Budget:
    """Return a budget for all runs."""
    return Budget(dollars)


def test_only_as_many_papers_are_submitted_as_the_budget_allows(tmp_path: Path) -> None:
    """The rest is left, with exit code 3, and goes out once the answers turned out cheaper."""
    with BatchServer() as server:
        each = worst(server, tmp_path / "before")
        place = make_place(server, tmp_path)
        code, said = place.run(budget=total(each * Decimal("2.5")))

        assert (3, 2) == (code, sum(server.asked.values()))
        assert "budget: reached" in said and "1 papers are left" in said
        assert [("stopped", 3)] == place.rows("select state, exit_code from runs")
        assert spent(place) == pytest.approx(2 * each, rel=Decimal("0.01"))

        server.end()
        code, said = place.run(budget=total(each * Decimal("2.5")))
        assert (0, dict.fromkeys(TITLES, 1)) == (code, dict(server.asked))
        server.end()
        assert 0 == place.batch("fetch")[0]

    assert 3 * ANSWER == spent(place)
    assert TITLES == place.answered()


def test_a_budget_of_its_own_is_for_one_submission(tmp_path: Path) -> None:
    """What was spent before does not count."""
    with BatchServer() as server:
        each = worst(server, tmp_path / "before")
        place = make_place(server, tmp_path)
        budget = Budget(each * Decimal("1.5"), is_more=True)
        counts = []
        for _ in range(3):
            place.run(budget=budget)
            counts.append(sum(server.asked.values()))

    assert [1, 2, 3] == counts


def test_a_live_run_counts_what_is_held_for_open_batches(tmp_path: Path) -> None:
    """Also where the batch was submitted without a budget: it will be paid for all the same."""
    with BatchServer() as server, StubModel() as live:
        place = make_place(server, tmp_path)
        place.run()
        held = spent(place)
        (tmp_path / "more").mkdir()
        more = make_place(server, tmp_path / "more")
        more.feed.write_text(more.feed.read_text().replace("Net", "Other"))
        options = RunOptions(feed=str(more.feed), database=place.db, budget=total(held))
        report = run(options, replace(place.model, base_url=live.url))

        assert (3, 0) == (report.left, len(live.calls))
        assert "of the budget is left" in report.left_because


@pytest.mark.parametrize("call", ["POST /files", "POST /batches"])
@pytest.mark.parametrize("fault", ["hold before", "hold after"])
def test_what_was_held_outlives_a_command_that_breaks_off(
    tmp_path: Path, call: str, fault: str
) -> None:
    """While anything may run it counts; once nothing can, it is free; no paper is sent twice."""
    with BatchServer(faults={call: [fault]}) as server:
        place = make_place(server, tmp_path)
        thread = threading.Thread(target=place.run, daemon=True)
        thread.start()
        assert server.held.wait(60)
        copy = place.db.with_name("copy.duckdb")
        copy.write_bytes(place.db.read_bytes())
        held = spent_before(copy).at_most
        assert held > 0
        server.go.set()
        thread.join(60)

        other = Place(server, place.feed, copy)
        code, _ = other.run(budget=total(held * Decimal("1.01")))
        server.end()
        other.batch("fetch")

    assert 0 == code
    assert TITLES == other.answered()
    assert 3 * ANSWER == spent(other)


def test_what_expired_costs_nothing_and_its_resubmission_keeps_the_budget(tmp_path: Path) -> None:
    """Without --budget, sending again has what the batch was submitted with."""
    with BatchServer() as server:
        each = worst(server, tmp_path / "before")
        place = make_place(server, tmp_path)
        place.run(budget=total(each * Decimal("3.01")))
        server.write(server.running()[0], "expired", answer=1)
        code, _ = place.batch("fetch", "--resubmit")
        assert (3, 5) == (code, sum(server.asked.values()))
        assert spent(place) == pytest.approx(2 * each + ANSWER, rel=Decimal("0.01"))
        server.write(server.running()[0], "expired", answer=0)
        place.batch("fetch")

    assert ANSWER == spent(place)


def test_a_request_without_a_row_counts_with_the_most_it_can_cost(tmp_path: Path) -> None:
    """It may have been billed; so sending it again and again comes to an end."""
    with BatchServer(wrong={"Net1": "missing"}) as server:
        each = worst(server, tmp_path / "before")
        place = make_place(server, tmp_path)
        limit = each * Decimal("3.01")
        place.run(budget=total(limit))
        for _ in range(4):
            server.end()
            code, said = place.batch("fetch", "--resubmit")
            assert spent(place) <= limit

        assert (3, 3) == (code, server.asked[TITLES[1]])
        assert "the budget is reached" in said and "go on with a higher --budget" in said
        higher = str(limit * 2)
        place.batch("fetch", "--resubmit", "--budget", higher, place.newest())
        assert 4 == server.asked[TITLES[1]]


def test_files_that_are_gone_count_with_the_most_they_can_have_cost(tmp_path: Path) -> None:
    """The provider had answered, and nobody can say for how much."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        held = spent(place)
        server.write(server.running()[0], "expired", answer=2)
        server.files = {k: v for k, v in server.files.items() if v.purpose == "batch"}
        place.batch("fetch")

    assert held == pytest.approx(spent(place), rel=Decimal("0.000001"))


def test_an_answer_that_a_live_run_had_first_is_paid_for_too(tmp_path: Path) -> None:
    """The live answer stands, and both prices count."""
    with BatchServer() as server, StubModel() as live:
        place = make_place(server, tmp_path)
        place.run()
        options = RunOptions(feed=str(place.feed), database=place.db)
        run(options, replace(place.model, base_url=live.url))
        server.end()
        place.batch("fetch")

    assert (3, 3 * 2 * ANSWER + 3 * ANSWER) == (len(live.calls), spent(place))


def test_a_batch_that_may_run_unseen_stays_held_when_it_is_forgotten(tmp_path: Path) -> None:
    """One that the provider does not know any more may still be billed."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        held = spent(place)
        server.batches.clear()
        place.batch("cancel", "--all")

        assert (["dropped"], held) == (place.states(), spent(place))


def test_a_batch_that_was_refused_gives_back_what_was_held(tmp_path: Path) -> None:
    """It was not started."""
    with BatchServer(faults={"POST /batches": ["400"]}) as server:
        place = make_place(server, tmp_path)
        with pytest.raises(ModelError, match="as the test wants it"):
            place.run()

    assert (["dropped"], 0) == (place.states(), spent(place))


def test_what_has_come_of_a_running_batch_is_not_counted_twice(tmp_path: Path) -> None:
    """The rest stays held."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        held = spent(place)
        server.write(server.running()[0], "in_progress", answer=1)
        place.batch("fetch")
        rest = place.rows("select sum(held) from batch_requests")[0][0]

        assert spent(place) == pytest.approx(Decimal(repr(rest)) + ANSWER, rel=Decimal("0.000001"))
        assert spent(place) < held
        server.end()
        place.batch("fetch")

    assert 3 * ANSWER == spent(place)


def test_a_budget_needs_a_price(tmp_path: Path) -> None:
    """Said before anything is made or sent."""
    (tmp_path / "paperfacts.toml").unlink()
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        with pytest.raises(InputError, match="no price of openai/m is known"):
            place.run(budget=total(Decimal(5)))

        assert (False, 0) == (place.db.exists(), server.calls.total())


def test_json_says_what_is_held(tmp_path: Path) -> None:
    """And what is left of the feed."""
    with BatchServer() as server:
        each = worst(server, tmp_path / "before")
        place = make_place(server, tmp_path)
        options = RunOptions(feed=str(place.feed), database=place.db, budget=total(each * 2))
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()):
            run_batch(options, place.model, json_=True)
        said = json.loads(out.getvalue())

    assert (2, 1) == (said["waiting"], said["left"])
    assert float(spent(place)) == pytest.approx(said["held"])
    assert [float(each * 2)] == [batch["budget"] for batch in said["batches"]]
