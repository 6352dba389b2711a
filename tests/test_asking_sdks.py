"""Providers whose SDKs only instructor speaks: Google's and Cohere's, on a server of our own.

Needs their SDKs, which we do not depend on; Anthropic's is in test_asking_wrapped.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from extract.asking import KeyRejected, RedirectRefused
from extract.asking.providers import PROVIDERS, Provider
from extract.completion import Usage
from extract.errors import InputError
from tests.asking_kit import Finding, Outcome, ask
from tests.canary import KEY
from tests.faults.chaos_routes import first, refused, send_bomb, sent
from tests.faults.chaos_server import ChaosServer

ANSWER = {"method": "a", "n": 1}
ASKED = ("cohere", "google")
WRONG = {"methd": "a"}


def said_by_google(finish: str = "STOP", **answer: Any) -> bytes:
    """Return an answer as Google writes it."""
    part = {"functionCall": {"name": "Finding", "args": answer}}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": finish, "index": 0}
    if not answer:
        candidate = {"finishReason": finish, "index": 0}
    counts = {
        "promptTokenCount": 10,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 2,
        "cachedContentTokenCount": 4,
    }
    return json.dumps({"candidates": [candidate], "usageMetadata": counts}).encode()


def said_by_cohere(finish: str = "COMPLETE", **answer: Any) -> bytes:
    """Return an answer as Cohere writes it."""
    message = {"role": "assistant", "content": [{"type": "text", "text": json.dumps(answer)}]}
    usage = {
        "billed_units": {"input_tokens": 10.0, "output_tokens": 5.0},
        "tokens": {"input_tokens": 99.0, "output_tokens": 9.0},
    }
    document = {"id": "c-1", "finish_reason": finish, "message": message, "usage": usage}
    return json.dumps(document).encode()


GOOGLE, COHERE = sent(200, said_by_google(**ANSWER)), sent(200, said_by_cohere(**ANSWER))
ROUTES = {
    "google-good": GOOGLE,
    "google-wrong": sent(200, said_by_google(**WRONG)),
    "google-wrong-first": first(1, sent(200, said_by_google(**WRONG)), GOOGLE),
    "google-cut": sent(200, said_by_google("MAX_TOKENS", **ANSWER)),
    "google-refused": sent(200, said_by_google("SAFETY")),
    "google-blocked": sent(
        200,
        json.dumps(
            {
                "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
                "usageMetadata": {"promptTokenCount": 10},
            }
        ).encode(),
    ),
    "google-limited": first(
        1, refused(429, "slowly", "RESOURCE_EXHAUSTED", "Retry-After: 7"), GOOGLE
    ),
    "google-down": first(2, refused(500, "down", "INTERNAL"), GOOGLE),
    "google-key": refused(401, "the key is not valid", "UNAUTHENTICATED"),
    "cohere-good": COHERE,
    "cohere-wrong": sent(200, said_by_cohere(**WRONG)),
    "cohere-wrong-first": first(1, sent(200, said_by_cohere(**WRONG)), COHERE),
    "cohere-cut": sent(200, said_by_cohere("MAX_TOKENS", **ANSWER)),
    "cohere-refused": sent(200, said_by_cohere("ERROR_TOXIC", **ANSWER)),
    "cohere-limited": first(1, refused(429, "slowly", "rate", "Retry-After: 7"), COHERE),
    "cohere-down": first(2, refused(500, "down", "internal"), COHERE),
    "cohere-key": refused(401, "invalid api token", "unauthorized"),
}


@pytest.fixture
def server() -> Iterator[ChaosServer]:
    """The provider."""
    with ChaosServer(ROUTES) as chaos:
        yield chaos


@pytest.fixture(params=ASKED)
def provider(request: pytest.FixtureRequest) -> str:
    """A provider whose SDK is there."""
    name = str(request.param)
    try:
        PROVIDERS[name].check_installed()
    except InputError as missing:
        pytest.skip(f"{missing}. {missing.hint}")
    return name


@pytest.fixture
def asked(server: ChaosServer, provider: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask the provider on one of its routes; Google's SDK is told where by its own variable."""

    def ask_it(route: str, **options: Any) -> Outcome:
        url = server.url(f"{provider}-{route}").removesuffix("/v1")
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", url)
        # Its first call imports an SDK, which takes long on a busy machine.
        options = {"call_timeout_s": 60, **options}
        return ask(None if provider == "google" else url, provider=provider, **options)

    return ask_it


def test_an_answer_comes_as_json_with_its_tokens(asked: Any, server: ChaosServer, provider: str):
    """What is billed: Google's thoughts are output, Cohere's units are those of its bill."""
    found = asked("good").only

    assert Finding(method="a", n=1) == found.answer
    cached = 4 if provider == "google" else 0
    assert Usage(10, 5, cached, 1) == found.completion.usage


def test_the_body_has_the_messages_the_schema_and_the_limits(
    asked: Any, server: ChaosServer, provider: str
):
    """In the provider's own words."""
    asked("good")
    [body] = server.bodies[f"{provider}-good"]
    text = json.dumps(body)

    assert "Extract." in text and "Paper." in text and "Finding" in text
    if provider == "google":
        assert {"temperature": 0.0, "maxOutputTokens": 64} == body["generationConfig"]
        [tool] = body["tools"][0]["functionDeclarations"]
        assert ("Finding", {"method", "n"}) == (tool["name"], set(tool["parameters"]["properties"]))
    else:
        assert (0.0, 64) == (body["temperature"], body["max_tokens"])


def test_instructors_reask_is_counted(asked: Any, server: ChaosServer, provider: str):
    """Two calls, and each of their tokens once."""
    outcome = asked("wrong-first")

    assert (2, 2) == (outcome.calls, server.hits[f"{provider}-wrong-first"])
    assert (20, 10) == (
        outcome.only.completion.usage.input_tokens,
        outcome.only.completion.usage.output_tokens,
    )


@pytest.mark.parametrize(
    ("route", "failure_class", "hits"),
    [("wrong", "schema_invalid", 2), ("cut", "truncated", 2), ("refused", "filtered", 1)],
)
def test_a_failed_paper_is_a_row(
    asked: Any, server: ChaosServer, provider: str, route: str, failure_class: str, hits: int
):
    """Of the same classes as everywhere, its tokens counted."""
    outcome = asked(route)

    assert [failure_class] == outcome.failure_classes
    assert hits == server.hits[f"{provider}-{route}"] == outcome.calls
    assert 10 * hits == outcome.only.usage.input_tokens


def test_a_prompt_that_google_blocks_is_a_filtered_paper(
    asked: Any, server: ChaosServer, provider: str
):
    """It has no answer at all, and asking again would not help."""
    if provider != "google":
        pytest.skip("Google's alone")
    outcome = asked("blocked")

    assert (["filtered"], 1) == (outcome.failure_classes, server.hits["google-blocked"])


@pytest.mark.parametrize(("route", "calls"), [("limited", 2), ("down", 3)])
def test_transport_is_retried_by_us_alone(
    asked: Any, server: ChaosServer, provider: str, route: str, calls: int
):
    """The SDK's own retries are off, and the wait that it was told is kept."""
    outcome = asked(route)

    assert 1 == len(outcome.answers)
    assert (calls, calls) == (outcome.calls, server.hits[f"{provider}-{route}"])
    if route == "limited":
        assert max(outcome.waits) >= 6.9


def test_a_wrong_key_stops_the_run(asked: Any, server: ChaosServer, provider: str):
    """After one call."""
    outcome = asked("key", papers=3)

    assert [KeyRejected] * 3 == [type(each) for each in outcome.results]
    words = {"google": "the key is not valid", "cohere": "invalid api token"}
    assert words[provider] in str(outcome.results[0])
    assert 1 == server.hits[f"{provider}-key"]


@pytest.fixture
def elsewhere() -> Iterator[ChaosServer]:
    """Another host, for whom the key is not; it would answer as either provider."""
    with ChaosServer({"google-good": GOOGLE, "cohere-good": COHERE}) as other:
        yield other


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    asked: Any, server: ChaosServer, elsewhere: ChaosServer, provider: str, status: int
):
    """It would take the key and the paper to another server, which hears nothing at all."""
    target = elsewhere.url(f"{provider}-good")
    server.routes[f"{provider}-moved"] = sent(status, b"", f"location: {target}")
    outcome = asked("moved")

    assert [RedirectRefused] == [type(each) for each in outcome.results]
    assert target in str(outcome.results[0])
    assert (1, {}) == (server.hits[f"{provider}-moved"], dict(elsewhere.hits))
    assert any(KEY in value for value in server.headers[f"{provider}-moved"][0].values())


def test_an_answer_over_the_limit_is_refused(asked: Any, server: ChaosServer, provider: str):
    """Before all of it is in memory, also where it unpacks to a thousand times its size."""
    server.routes[f"{provider}-bomb"] = send_bomb
    outcome = asked("bomb")

    assert (["too_large"], 1) == (outcome.failure_classes, outcome.calls)


@pytest.mark.parametrize("name", [name for name, each in PROVIDERS.items() if each.package])
def test_a_missing_sdk_is_told_with_the_command_that_installs_it(name: str):
    """With what instructor needs beside it."""
    kind = PROVIDERS[name]
    needed = {kind.package: kind.module} | {each: each for each in kind.also}
    missing = [p for p, module in needed.items() if not _is_there(module)]
    if not missing:
        kind.check_installed()
        return
    with pytest.raises(InputError) as caught:
        kind.check_installed()

    assert f"Run: pip install {' '.join(missing)}" == caught.value.hint


def test_a_package_beside_the_sdk_is_told_alone():
    """Where the SDK itself is there."""
    kind = Provider("x", package="pydantic", module="pydantic", also=("no_such_module",))
    with pytest.raises(InputError, match="the package no_such_module") as caught:
        kind.check_installed()

    assert "Run: pip install no_such_module" == caught.value.hint


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
