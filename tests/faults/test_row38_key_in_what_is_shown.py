"""Fault 38: the key in logs, errors and reprs. The search itself is in `conftest.py`."""

import pickle

import pytest
from pydantic import SecretStr

from extract.asking import Endpoint, KeyRejected
from tests.asking_kit import KEY, ask
from tests.faults.chaos_server import ChaosServer


def test_an_endpoint_does_not_show_its_key():
    """Nor does its place in an error."""
    endpoint = Endpoint("openai", "m", f"http://user:{KEY}@host/v1", SecretStr(KEY))

    assert KEY not in endpoint.place
    assert KEY not in repr(Endpoint("openai", "m", None, SecretStr(KEY)))


def test_an_error_is_pickled_without_the_key(server: ChaosServer):
    """Workers in other processes send their errors home."""
    error = ask(server.url("key-echo")).errors[0]

    assert isinstance(error, KeyRejected)
    assert KEY.encode() not in pickle.dumps(error)


@pytest.mark.parametrize("route", ["key-page", "key-error"])
def test_a_key_that_the_provider_repeats_is_taken_out(server: ChaosServer, route: str):
    """On a web page, and in an error that only fails a paper."""
    outcome = ask(server.url(route))

    said = getattr(outcome.only, "message", str(outcome.only))
    assert said.endswith("[key]")


def test_the_search_would_find_a_key(server: ChaosServer):
    """The server did get the key: what is searched was at stake."""
    ask(server.url("ok"))

    assert KEY in server.headers["ok"][0]["authorization"]
