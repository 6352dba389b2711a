"""Fault 9: the key is wrong, or there is no such model."""

import pytest

from extract.asking import KeyRejected, ModelNotFound
from extract.errors import ModelError
from tests.asking_kit import KEY, ask
from tests.faults.chaos_server import ChaosServer


@pytest.mark.parametrize(
    ("route", "error"),
    [("key-echo", KeyRejected), ("forbidden", KeyRejected), ("no-model", ModelNotFound)],
)
def test_one_call_in_the_whole_run_finds_it_out(
    server: ChaosServer, route: str, error: type[ModelError]
):
    """The first call is alone, so twenty papers cost one call."""
    outcome = ask(server.url(route), papers=20)

    assert [error] * 20 == [type(each) for each in outcome.results]
    assert 1 == server.hits[route]


def test_a_rejected_key_is_named_by_its_variable_and_never_shown(server: ChaosServer):
    """The server repeats the key; the message does not."""
    error = ask(server.url("key-echo")).errors[0]

    assert f"bearer {KEY}" == server.headers["key-echo"][0]["authorization"]
    assert "Incorrect API key provided: [key]" in str(error)
    assert "PAPERFACTS_API_KEY" in error.hint  # the key of a base URL
    assert "[key]" in str(error.__cause__)
