"""Fault 8: 5xx, with a web page for a body."""

from extract.asking import ProviderDown
from tests.asking_kit import Finding, ask
from tests.faults.chaos_server import ChaosServer


def test_a_short_outage_costs_retries_and_no_paper(server: ChaosServer):
    """Two bad gateways, then the answer."""
    outcome = ask(server.url("bad-gateway-twice"))

    assert [Finding(method="a", n=1)] == outcome.answers
    assert 3 == outcome.calls == outcome.only.completion.attempts


def test_a_paper_is_given_up_after_bounded_attempts(server: ChaosServer):
    """The row says what the page said, without its markup."""
    outcome = ask(server.url("bad-gateway"))

    assert ["server_error"] == outcome.failure_classes
    assert outcome.only.message.endswith("answered 502: Bad Gateway")
    assert (502, 5, True) == (
        outcome.only.http_status,
        outcome.only.attempts,
        outcome.only.is_transient,
    )


def test_a_provider_that_is_down_is_one_error_and_not_a_failed_row_per_paper(
    server: ChaosServer,
):
    """After three papers in a row the gate shuts for all others."""
    outcome = ask(server.url("bad-gateway"), papers=50, breaker=3, concurrency=2, max_attempts=2)

    assert ["server_error"] * 2 == outcome.failure_classes
    assert {ProviderDown} == {type(each) for each in outcome.errors}
    assert 48 == len(outcome.errors)
    assert server.hits["bad-gateway"] <= 8
