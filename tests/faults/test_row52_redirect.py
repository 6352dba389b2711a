"""Fault 52: the base URL redirects."""

from extract.asking import RedirectRefused
from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_a_redirect_is_refused_and_not_followed(server: ChaosServer):
    """Neither paper nor key goes to the other place."""
    outcome = ask(server.url("redirect"), papers=3)

    assert [RedirectRefused] * 3 == [type(each) for each in outcome.results]
    assert server.url("landed") in str(outcome.errors[0])
    assert (1, 0) == (server.hits["redirect"], server.hits["landed"])
