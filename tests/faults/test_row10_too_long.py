"""Fault 10: one paper is too long for the model."""

import pytest

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


@pytest.mark.parametrize("route", ["too-long", "llama-too-long"])
def test_a_paper_that_is_too_long_fails_alone(server: ChaosServer, route: str):
    """One call each, no retry, and never the breaker."""
    outcome = ask(server.url(route), papers=3, breaker=2)

    assert ["too_long"] * 3 == outcome.failure_classes
    assert 3 == server.hits[route]
