"""What is kept of an answer that was accepted."""

from __future__ import annotations

import json
from typing import Any

from extract.completion import Usage
from tests.asking_kit import GRAMMAR_REQUEST, Finding, ask
from tests.faults.chaos_routes import sent
from tests.faults.chaos_server import GOOD, ChaosServer, completion

TOKEN: dict[str, Any] = {
    "token": "{",
    "logprob": -0.1,
    "bytes": [123],
    "top_logprobs": [
        {"token": "{", "logprob": -0.1, "bytes": [123]},
        {"token": '{"', "logprob": -2.3, "bytes": [123, 34]},
        {"token": "[", "logprob": -9.0, "bytes": [91]},
    ],
}


def with_logprobs() -> bytes:
    """Return a completion with the probabilities of its tokens."""
    document = json.loads(completion())
    document["choices"][0]["logprobs"] = {"content": [TOKEN]}
    return json.dumps(document).encode()


def test_a_completion_knows_what_it_took():
    """Content, tokens, calls, the provider's request id."""
    with ChaosServer() as server:
        kept = ask(server.url("ok")).only.completion

    assert GOOD == kept.content
    assert Usage(input_tokens=10, output_tokens=5, cached_tokens=4, calls=1) == kept.usage
    assert ("stop", 1, "req-1", 200) == (
        kept.finish_reason,
        kept.attempts,
        kept.request_id,
        kept.http_status,
    )
    assert 0 < kept.latency_s < 5


def test_the_responses_endpoint_counts_tokens_in_other_words():
    """They are the same numbers."""
    with ChaosServer() as server:
        kept = ask(server.url("responses"), mode="responses").only.completion

    assert Usage(input_tokens=10, output_tokens=5, cached_tokens=4, calls=1) == kept.usage


def test_token_probabilities_are_kept_where_they_are_given():
    """The token, and the alternatives that are not hopeless."""
    with ChaosServer({"logprobs": sent(200, with_logprobs())}) as server:
        asked = ask(server.url("logprobs"), request=GRAMMAR_REQUEST, answer_model=None).only

    assert asked.completion.token_logprobs == (["{", -0.1, {'{"': -2.3}],)


def test_the_validator_is_given_the_text_and_its_value_is_the_answer():
    """Whatever it is."""
    with ChaosServer() as server:
        asked = ask(server.url("ok"), validate=lambda text: text.upper()).only

    assert GOOD.upper() == asked.answer


def test_a_bug_in_the_validator_is_not_taken_for_a_wrong_answer():
    """Only `ValueError` says that an answer will not do."""

    def broken(text: str) -> Finding:
        raise KeyError(text)

    with ChaosServer() as server:
        try:
            ask(server.url("ok"), validate=broken)
        except KeyError as error:
            raised = error
        hits = server.hits["ok"]

    assert (GOOD,) == raised.args
    assert 1 == hits
