"""Fault 5: 429 without Retry-After."""

from tests.asking_kit import Finding, ask
from tests.faults.chaos_server import ChaosServer


def test_the_waits_double_until_it_goes_on(server: ChaosServer):
    """Each wait lies between three fifths and all of a bound that doubles."""
    outcome = ask(server.url("slow-down-thrice"))

    longest = sorted(outcome.waits)[-3:]
    assert [Finding(method="a", n=1)] == outcome.answers
    assert all(0.6 * b <= w <= b + 0.25 for w, b in zip(longest, (1, 2, 4), strict=True))


def test_a_paper_that_is_never_let_in_fails_and_may_be_tried_later(server: ChaosServer):
    """Its number of calls is bounded too."""
    outcome = ask(server.url("slow-down-always"), total_timeout_s=10_000)

    assert ["rate_limited"] == outcome.failure_classes
    assert outcome.only.is_transient
    assert 10 == outcome.calls


def test_the_total_time_is_a_bound(server: ChaosServer):
    """No wait is begun that would end after it."""
    outcome = ask(server.url("slow-down-always"), total_timeout_s=4.1)

    assert ["rate_limited"] == outcome.failure_classes
    assert 3 == outcome.calls
