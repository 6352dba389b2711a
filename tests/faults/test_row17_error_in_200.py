"""Fault 17: an error comes with status 200."""

from extract.asking import KeyRejected
from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_the_code_in_the_body_counts(server: ChaosServer):
    """502 is retried, and the row says so."""
    outcome = ask(server.url("error-200"))

    assert ["server_error"] == outcome.failure_classes
    assert "answered 502: Provider returned error" in outcome.only.message
    assert (200, 5) == (outcome.only.http_status, outcome.calls)


def test_a_rate_limit_in_the_body_is_waited_for(server: ChaosServer):
    """As if it had come with status 429."""
    outcome = ask(server.url("error-200-limit"))

    assert 1 == len(outcome.answers)
    assert 0.6 <= max(outcome.waits)


def test_a_rejected_key_in_the_body_stops_the_run(server: ChaosServer):
    """Its code is a word there."""
    outcome = ask(server.url("error-200-key"), papers=2)

    assert [KeyRejected] * 2 == [type(each) for each in outcome.results]
