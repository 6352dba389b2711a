"""Fault 6: Retry-After is absurd, or no time at all."""

from extract.asking import WaitTooLong
from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_a_wait_beyond_the_limit_stops_the_run(server: ChaosServer):
    """One call, and a message that says how long and what to do."""
    outcome = ask(server.url("wait-27-hours"), papers=3)

    assert [WaitTooLong] * 3 == [type(each) for each in outcome.results]
    assert "asks to wait 27 h; rerun to resume" in str(outcome.results[0])
    assert 100_000 == outcome.results[0].wait_s
    assert 1 == server.hits["wait-27-hours"]


def test_a_wait_that_is_no_time_counts_as_none(server: ChaosServer):
    """`Retry-After: soon` is a refusal without a wait."""
    outcome = ask(server.url("wait-soon"))

    assert 1 == len(outcome.answers)
    assert 0.6 <= max(outcome.waits) <= 1.25
