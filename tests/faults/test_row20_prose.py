"""Fault 20: prose or a code fence around the JSON."""

import pytest

from tests.asking_kit import Finding, ask
from tests.faults.chaos_server import GOOD, ChaosServer


@pytest.mark.parametrize("route", ["prose", "fence"])
def test_what_stands_around_the_object_is_taken_off_without_paying(server: ChaosServer, route: str):
    """One call, the object as the model wrote it, and a flag."""
    outcome = ask(server.url(route))

    assert [Finding(method="a", n=1)] == outcome.answers
    assert (GOOD, True) == (outcome.only.completion.content, outcome.only.completion.repaired)
    assert 1 == server.hits[route]


def test_a_clean_answer_is_not_flagged(server: ChaosServer):
    """`repaired` says something."""
    assert not ask(server.url("ok")).only.completion.repaired
