"""Fault 14: the connection breaks before or within the body."""

import pytest

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


@pytest.mark.parametrize("route", ["reset-once", "reset-within-once", "short-once"])
def test_a_broken_connection_is_tried_again(server: ChaosServer, route: str):
    """Half a body is never taken for an answer."""
    outcome = ask(server.url(route))

    assert 1 == len(outcome.answers)
    assert 2 == server.hits[route]


def test_a_connection_that_always_breaks_fails_the_paper(server: ChaosServer):
    """As a fault of the transport that may go away."""
    outcome = ask(server.url("reset"))

    assert ["transport"] == outcome.failure_classes
    assert outcome.only.is_transient
    assert 5 == server.hits["reset"]
