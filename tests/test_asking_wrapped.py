"""A provider whose SDK only instructor speaks. Needs `anthropic`, which we do not depend on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from extract.asking import KeyRejected, RedirectRefused
from extract.completion import Usage
from extract.errors import ModelError
from extract.request import Sampling
from tests.asking_kit import REQUEST, Finding, Outcome, ask
from tests.faults.chaos_routes import first, refused, sent
from tests.faults.chaos_server import ChaosServer

pytest.importorskip("anthropic")

# Its SDK takes no temperature any more.
PLAIN = replace(REQUEST, sampling=Sampling(temperature=None, max_tokens=64))


def message(stop_reason: str = "tool_use", **arguments: Any) -> bytes:
    """Return a message as Anthropic writes it."""
    call = {"type": "tool_use", "id": "t1", "name": "Finding", "input": arguments}
    return json.dumps(
        {
            "id": "msg-1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [call],
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }
    ).encode()


GOOD = sent(200, message(method="a", n=1))
ROUTES = {
    "good": GOOD,
    "wrong-first": first(1, sent(200, message(methd="a")), GOOD),
    "wrong": sent(200, message(methd="a")),
    "cut-message": sent(200, message("max_tokens", method="a")),
    "refused": sent(200, message("refusal", method="a")),
    "overloaded-twice": first(2, refused(529, "Overloaded", "overloaded_error"), GOOD),
}


@pytest.fixture
def server() -> Iterator[ChaosServer]:
    """A provider that answers as Anthropic does."""
    with ChaosServer(ROUTES) as chaos:
        yield chaos


def ask_anthropic(server: ChaosServer, route: str, **options: Any) -> Outcome:
    """Ask through instructor."""
    options = {"request": PLAIN, **options}
    return ask(server.url(route), provider="anthropic", **options)


def test_an_answer_comes_as_json_with_its_tokens(server: ChaosServer):
    """The rest of the way is the same for every provider."""
    asked = ask_anthropic(server, "good").only

    assert Finding(method="a", n=1) == asked.answer
    assert '{"method":"a","n":1}' == asked.completion.content
    assert Usage(input_tokens=10, output_tokens=5, calls=1) == asked.completion.usage


def test_instructors_reask_is_counted(server: ChaosServer):
    """Two calls, and each of their tokens once."""
    outcome = ask_anthropic(server, "wrong-first")

    assert (2, 2) == (outcome.calls, server.hits["wrong-first"])
    assert 20 == outcome.only.completion.usage.input_tokens


@pytest.mark.parametrize(
    ("route", "failure_class", "hits"),
    [
        ("wrong", "schema_invalid", 2),
        ("cut-message", "truncated", 2),
        ("refused", "refused", 1),
        ("bomb", "too_large", 1),
    ],
)
def test_a_failed_paper_is_a_row(server: ChaosServer, route: str, failure_class: str, hits: int):
    """Of the same classes as everywhere."""
    outcome = ask_anthropic(server, route)

    assert [failure_class] == outcome.failure_classes
    assert hits == server.hits[route] == outcome.calls


def test_transport_is_retried_by_us_alone(server: ChaosServer):
    """The SDK's own retries are off."""
    outcome = ask_anthropic(server, "overloaded-twice")

    assert 1 == len(outcome.answers)
    assert (3, 3) == (outcome.calls, server.hits["overloaded-twice"])


@pytest.mark.parametrize(
    ("route", "error"), [("key-echo", KeyRejected), ("redirect", RedirectRefused)]
)
def test_what_concerns_the_run_stops_it(server: ChaosServer, route: str, error: type[ModelError]):
    """After one call."""
    outcome = ask_anthropic(server, route, papers=3)

    assert [error] * 3 == [type(each) for each in outcome.results]
    assert 1 == server.hits[route]


def test_a_parameter_that_the_sdk_does_not_take_is_said_by_name(server: ChaosServer):
    """No call is made with it, and none without it in silence."""
    outcome = ask_anthropic(server, "good", request=REQUEST)

    assert "unexpected keyword argument 'temperature'" in str(outcome.errors[0])
    assert 0 == server.hits["good"]
