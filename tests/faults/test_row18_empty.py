"""Fault 18: there is an envelope and nothing in it."""

import pytest

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


@pytest.mark.parametrize("route", ["no-choices", "null-choices", "null-content"])
def test_an_empty_answer_is_asked_for_once_more(server: ChaosServer, route: str):
    """Then the paper fails; an empty answer is never an empty list."""
    outcome = ask(server.url(route))

    assert ["empty_response"] == outcome.failure_classes
    assert 2 == server.hits[route]


def test_an_empty_answer_that_is_filled_the_second_time_is_taken(server: ChaosServer):
    """Its tokens count twice."""
    outcome = ask(server.url("null-content-once"))

    assert 1 == len(outcome.answers)
    assert 20 == outcome.only.completion.usage.input_tokens
