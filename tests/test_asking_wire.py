"""What is sent for a request, in each mode."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from extract.asking.client import Line
from extract.asking.endpoint import Endpoint
from extract.asking.question import question_of, schema_part
from extract.errors import InputError
from extract.request import Sampling
from tests.asking_kit import GRAMMAR_REQUEST, REQUEST, Finding, ask
from tests.faults.chaos_server import ChaosServer

SCHEMA = {
    "properties": {
        "method": {"title": "Method", "type": "string"},
        "n": {"title": "N", "type": "integer"},
    },
    "required": ["method", "n"],
    "type": "object",
}
MESSAGES = [{"role": "system", "content": "Extract."}, {"role": "user", "content": "Paper."}]


def sent(route: str, **options: Any) -> tuple[str, dict[str, Any]]:
    """Return the path and the body of the one call that a question costs."""
    with ChaosServer() as server:
        assert 1 == len(ask(server.url(route), **options).answers)
        assert 1 == server.hits[route]
        return server.paths[route][0], server.bodies[route][0]


def test_a_question_in_tools_mode_forces_one_function():
    """The schema is the function's; nothing else is said about the form."""
    path, body = sent("tool", mode="tools")

    tool = {"name": "Finding", "description": "A finding.", "parameters": SCHEMA}
    assert "/tool/chat/completions" == path
    assert {
        "model": "m",
        "messages": MESSAGES,
        "temperature": 0.0,
        "max_tokens": 64,
        "tools": [{"type": "function", "function": tool}],
        "tool_choice": {"type": "function", "function": {"name": "Finding"}},
    } == body


def test_a_question_in_json_schema_mode_has_a_response_format():
    """As servers constrain it that copied the protocol."""
    path, body = sent("ok", mode="json_schema")

    schema = {"title": "Finding", "description": "A finding.", **SCHEMA}
    assert "/ok/chat/completions" == path
    assert {
        "model": "m",
        "messages": MESSAGES,
        "temperature": 0.0,
        "max_tokens": 64,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "Finding", "schema": schema},
        },
    } == body


def test_a_question_in_responses_mode_is_strict_and_not_kept():
    """Messages are the input there, and the provider is asked not to store them."""
    path, body = sent("responses", mode="responses")

    schema = body.pop("tools")[0]["parameters"]
    text = body.pop("text")["format"]
    assert "/responses/responses" == path
    assert (False, schema) == (schema["additionalProperties"], text["schema"])
    assert (True, "json_schema", "Finding") == (text["strict"], text["type"], text["name"])
    assert {
        "model": "m",
        "input": MESSAGES,
        "temperature": 0.0,
        "max_output_tokens": 64,
        "store": False,
        "tool_choice": {"type": "function", "name": "Finding"},
    } == body


def test_a_grammar_is_sent_with_its_sampling_and_without_a_format():
    """llama.cpp refuses both together."""
    request = replace(GRAMMAR_REQUEST, grammar='%llguidance {}\nstart: "x"')
    path, body = sent("ok", request=request, answer_model=None)

    assert "/ok/chat/completions" == path
    assert {
        "model": "m",
        "messages": [{"role": "user", "content": "Paper."}],
        "temperature": 0.0,
        "seed": 7,
        "max_tokens": 64,
        "dry_multiplier": 0.8,
        "logprobs": True,
        "top_logprobs": 3,
        "grammar": '%llguidance {}\nstart: "x"',
    } == body


def test_a_wrong_answer_under_a_grammar_is_asked_for_again_under_it():
    """The second body differs in its messages only."""
    with ChaosServer() as server:
        ask(server.url("wrong-then-ok"), request=GRAMMAR_REQUEST, answer_model=None)
        first, second = server.bodies["wrong-then-ok"]

    roles = [message["role"] for message in second.pop("messages")]
    assert ["user", "assistant", "user"] == roles
    assert first.pop("messages")
    assert first == second


def test_the_schema_keeps_the_order_of_the_fields():
    """A model writes in the order of the schema."""
    part = schema_part(Finding, "json_schema")["response_format"]["json_schema"]["schema"]

    assert ["method", "n"] == list(part["properties"])


def test_a_schema_is_prepared_once():
    """Making it for every call costs more than the call."""
    assert schema_part(Finding, "tools") is schema_part(Finding, "tools")


def test_openai_itself_is_asked_in_its_own_words():
    """Its chat endpoint has renamed the limit; its Responses endpoint is the default."""
    own = Endpoint("openai", "gpt", None, None)
    chat = question_of(REQUEST, Finding, Line(replace(own, mode="tools"), None))

    assert "responses" == question_of(REQUEST, Finding, Line(own, None)).mode
    assert (64, False) == (chat.body["max_completion_tokens"], "max_tokens" in chat.body)


def test_a_schema_without_its_class_is_sent_as_it_is():
    """Only the `json_schema` mode can say it."""
    url = "http://127.0.0.1:1/v1"
    line = Line(Endpoint("openai", "m", url, None), None)
    sent_format = question_of(REQUEST, None, line).body["response_format"]

    assert {"name": "t", "schema": REQUEST.answer_schema} == sent_format["json_schema"]
    with pytest.raises(InputError, match="needs the answer's model class"):
        question_of(REQUEST, None, Line(Endpoint("openai", "m", url, None, "tools"), None))


def test_what_cannot_be_sent_is_said_before_the_call():
    """The Responses endpoint has no seed, and there are three modes."""
    seeded = replace(REQUEST, sampling=Sampling(seed=1))

    with pytest.raises(InputError, match="takes no seed"):
        question_of(seeded, Finding, Line(Endpoint("openai", "m", None, None), None))
    with pytest.raises(InputError, match="unknown mode 'xml'"):
        question_of(REQUEST, Finding, Line(Endpoint("openai", "m", None, None, "xml"), None))


def test_half_a_character_in_a_paper_is_sent_as_a_whole_one():
    """No encoder takes it; the call would fail in the middle of the client."""
    request = replace(REQUEST, messages=({"role": "user", "content": "a\ud800b"},))
    _, body = sent("ok", request=request)

    assert "a\ufffdb" == body["messages"][0]["content"]
