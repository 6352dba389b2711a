"""Every provider that speaks OpenAI's protocol: what it is sent, at an address of the test's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from extract.asking.client import Line, wrapped_mode
from extract.asking.endpoint import Endpoint
from extract.asking.providers import PROVIDERS, provider_named
from extract.asking.question import question_of
from extract.errors import InputError
from extract.models import find_model
from extract.request import Sampling
from extract.tasks import load_task
from tests.asking_kit import KEY, REQUEST, Finding, ask
from tests.faults.chaos_server import ChaosServer

DIRECT = sorted(name for name, each in PROVIDERS.items() if each.speaks_openai)
ROUTES = {"tools": "tool", "json_schema": "ok", "responses": "responses"}
# A base URL of its own makes `openai` any server that has copied the protocol.
FIRST = {name: PROVIDERS[name].modes[0] for name in DIRECT} | {"openai": "json_schema"}


@pytest.mark.parametrize("name", DIRECT)
def test_a_provider_is_sent_its_first_mode_and_its_key(name: str):
    """One call, at the path of that mode."""
    route = ROUTES[FIRST[name]]
    with ChaosServer() as server:
        outcome = ask(server.url(route), provider=name)
        body, headers = server.bodies[route][0], server.headers[route][0]

    assert (1, 1) == (len(outcome.answers), outcome.calls)
    assert f"bearer {KEY}" == headers["authorization"]
    assert ("m", 0.0) == (body["model"], body["temperature"])
    asked = {"tools": "tools", "json_schema": "response_format"}[FIRST[name]]
    assert asked in body
    limit = "max_completion_tokens" if name in ("azure_openai", "cerebras") else "max_tokens"
    assert 64 == body[limit]


@pytest.mark.parametrize("mode", ROUTES)
@pytest.mark.parametrize("name", ["groq", "mistral", "ollama"])
def test_any_mode_can_be_forced(name: str, mode: str):
    """What the provider makes of it is the provider's to say."""
    with ChaosServer() as server:
        outcome = ask(server.url(ROUTES[mode]), provider=name, mode=mode)

    assert 1 == len(outcome.answers)


def test_a_seed_has_the_providers_own_name():
    """Mistral refuses fields that it does not know."""
    request = replace(REQUEST, sampling=Sampling(seed=7))
    bodies = {
        name: question_of(request, Finding, Line(Endpoint(name, "m", None, None), None)).body
        for name in ("mistral", "groq")
    }

    assert (7, None) == (bodies["mistral"]["random_seed"], bodies["mistral"].get("seed"))
    assert 7 == bodies["groq"]["seed"]


def test_every_provider_that_instructor_knows_is_in_the_table():
    """A new one is noticed here."""
    from instructor.v2.core.provider_specs import ALIAS_TO_PROVIDER

    assert set(ALIAS_TO_PROVIDER) == set(PROVIDERS)


@pytest.mark.parametrize(
    ("provider", "variable", "value", "expected"),
    [
        (
            "azure_openai",
            "AZURE_OPENAI_ENDPOINT",
            "https://me.example/",
            "https://me.example/openai/v1",
        ),
        (
            "databricks",
            "DATABRICKS_HOST",
            "https://d.example",
            "https://d.example/serving-endpoints",
        ),
    ],
)
def test_an_address_of_the_customers_own_comes_from_their_variable(
    monkeypatch: pytest.MonkeyPatch, provider: str, variable: str, value: str, expected: str
):
    """As instructor reads them."""
    monkeypatch.setenv(variable, value)

    assert expected == replace(provider_named(provider)).url


def test_a_wrapped_provider_takes_the_modes_that_instructor_has_for_it():
    """Google's structured output is called JSON there."""
    modes: dict[tuple[str, str], Any] = {
        (name, mode): wrapped_mode(Endpoint(name, "m", None, None, mode)).name
        for name in ("anthropic", "google")
        for mode in ("tools", "json_schema")
    }

    assert {
        ("anthropic", "tools"): "TOOLS",
        ("anthropic", "json_schema"): "JSON_SCHEMA",
        ("google", "tools"): "TOOLS",
        ("google", "json_schema"): "JSON",
    } == modes
    with pytest.raises(InputError, match="anthropic does not take the mode responses"):
        wrapped_mode(Endpoint("anthropic", "m", None, None, "responses"))


@pytest.mark.parametrize(
    ("name", "temperature"),
    [
        ("openai/gpt-4.1-mini", 0.0),
        ("openai/gpt-5-mini", None),
        ("openai/o4-mini", None),
        ("groq/x", 0.0),
        ("anthropic/x", None),
    ],
)
def test_a_model_that_takes_no_temperature_is_sent_none(name: str, temperature: float | None):
    """It would refuse every paper."""
    assert temperature == find_model(name, load_task()).recipe.sampling.temperature


@pytest.mark.parametrize(
    ("name", "sent"),
    [("openai/gpt", "gpt"), ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"), ("llama3", "llama3")],
)
def test_a_server_of_ones_own_is_sent_the_whole_name(name: str, sent: str):
    """vLLM calls its models by their repository; `openai/` alone is ours."""
    assert sent == find_model(name, load_task(), base_url="http://localhost:1/v1").sent_name
    assert "meta/llama-4" == find_model("openrouter/meta/llama-4", load_task()).sent_name
