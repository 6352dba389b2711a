"""Every attempt reserves and settles: answers, retries, re-asks, and what was never sent."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from extract.asking import Asked, Asker, Endpoint, Limits
from extract.asking.client import Line
from extract.asking.purse import ADDED_TOKENS, Bound, Counted, bound_of
from extract.asking.question import Question
from extract.asking.wrapped import _usage_of
from extract.completion import Failure, Spent
from extract.errors import ModelError
from extract.money.errors import BudgetReached
from extract.request import Request, Sampling
from tests.asking_kit import REQUEST, Finding, PassingTime
from tests.faults.chaos_routes import first, refused, sent
from tests.faults.chaos_server import ChaosServer

KEY = SecretStr("sk-nothing")
USUAL = Counted(10, 4, 5)
"""What the chaos server says that an answer took."""


@dataclass
class Recording:
    """A purse that writes down what it is told; a call costs a dollar, an unknown one ten."""

    bounds: list[Bound] = field(default_factory=list)
    settled: list[tuple[list[Counted], int]] = field(default_factory=list)
    calls: int | None = None

    async def reserve(self, bound: Bound) -> int:
        if self.calls is not None and len(self.bounds) >= self.calls:
            raise BudgetReached(Decimal(1), Decimal(0))
        self.bounds.append(bound)
        return len(self.bounds)

    def settle(self, hold: int, counted: list[Counted], unknown: int) -> Spent:
        self.settled.append((counted, unknown))
        return Spent(Decimal(len(counted)), Decimal(10 * unknown), unknown)


def asked(
    url: str,
    purse: Recording,
    *,
    provider: str = "openai",
    request: Request = REQUEST,
    **limits: Any,
) -> Asked[Any] | Failure:
    """Ask about one paper with a purse."""
    passing = PassingTime()
    endpoint = Endpoint(provider, "m", url, KEY)
    given = Limits(**{"call_timeout_s": 5, "total_timeout_s": 600} | limits)

    async def run() -> Asked[Any] | Failure:
        asker = Asker(endpoint, given, purse=purse, clock=passing.clock, sleep=passing.sleep)
        async with asker:
            return await asker.ask(request, Finding.model_validate_json, Finding)

    return asyncio.run(run())


@pytest.fixture
def server():
    """A provider that is wrong in every way."""
    with ChaosServer() as chaos:
        yield chaos


@pytest.mark.parametrize(
    ("route", "settled"),
    [
        ("ok", [([USUAL], 0)]),
        # A re-ask is a call, and so is the one with twice the room.
        ("wrong-then-ok", [([USUAL], 0), ([USUAL], 0)]),
        ("wrong-schema", [([USUAL], 0), ([USUAL], 0)]),
        ("cut-unless-roomy", [([USUAL], 0), ([USUAL], 0)]),
        ("refusal", [([USUAL], 0)]),
        # A refusal with a status is not billed; a server's own error may be.
        ("slow-down-once", [([], 0), ([USUAL], 0)]),
        ("too-long", [([], 0)]),
        ("bad-gateway-twice", [([], 1), ([], 1), ([USUAL], 0)]),
        ("error-200", [([], 1)] * 5),
        # An answer that got lost on its way was paid for.
        ("reset-once", [([], 1), ([USUAL], 0)]),
        ("short-once", [([], 1), ([USUAL], 0)]),
        ("broken-envelope-once", [([], 1), ([USUAL], 0)]),
        ("hang-once", [([], 1), ([USUAL], 0)]),
    ],
)
def test_each_attempt_is_reserved_for_and_settled(
    server: ChaosServer, route: str, settled: list[tuple[list[Counted], int]]
) -> None:
    """By its own tokens, or as a call of unknown price, or as one that cost nothing."""
    purse = Recording()

    outcome = asked(
        server.url(route), purse, **({"call_timeout_s": 0.5} if "hang" in route else {})
    )

    assert settled == purse.settled
    assert len(settled) == len(purse.bounds)
    spent = outcome.completion.spent if isinstance(outcome, Asked) else outcome.spent
    known, unknown = sum(len(each) for each, _ in settled), sum(each for _, each in settled)
    if known or unknown:
        assert Spent(Decimal(known), Decimal(10 * unknown), unknown) == spent


def test_nobody_there_costs_nothing() -> None:
    """A connection that was refused carried no request."""
    purse = Recording()

    with pytest.raises(ModelError):
        asked("http://127.0.0.1:9", purse)

    assert purse.settled
    assert [([], 0)] * len(purse.settled) == purse.settled


def test_the_bound_of_a_second_attempt_has_its_room_and_its_words(server: ChaosServer) -> None:
    """Twice the tokens after a cut; the failed answer in the request after a wrong one."""
    cut, wrong = Recording(), Recording()
    asked(server.url("cut-unless-roomy"), cut)
    asked(server.url("wrong-then-ok"), wrong)

    assert [64, 128] == [bound.output_tokens for bound in cut.bounds]
    assert [64, 64] == [bound.output_tokens for bound in wrong.bounds]
    assert wrong.bounds[0].input_tokens < wrong.bounds[1].input_tokens


def test_no_request_has_more_bytes_than_its_bound(server: ChaosServer) -> None:
    """What was sent is what was measured."""
    purse = Recording()
    asked(server.url("wrong-then-ok"), purse)

    compact = {"ensure_ascii": False, "separators": (",", ":")}
    sent = [json.dumps(body, **compact) for body in server.bodies["wrong-then-ok"][-2:]]
    assert [len(each.encode()) + ADDED_TOKENS for each in sent] == [
        bound.input_tokens for bound in purse.bounds
    ]


@pytest.mark.parametrize("calls", [0, 1])
def test_a_budget_that_is_reached_says_what_the_paper_had_cost(
    server: ChaosServer, calls: int
) -> None:
    """Before its first call, or before the re-ask: that call is not made."""
    purse, before = Recording(calls=calls), server.hits["wrong-schema"]

    with pytest.raises(BudgetReached) as raised:
        asked(server.url("wrong-schema"), purse)

    assert calls == raised.value.usage.calls == len(purse.settled)
    assert (Spent(Decimal(1)) if calls else None) == raised.value.spent
    assert before + calls == server.hits["wrong-schema"]


def test_a_call_that_is_cancelled_is_settled_at_its_worst(server: ChaosServer) -> None:
    """A signal ends the waiting, and not the work of the provider."""
    purse = Recording()

    async def run() -> None:
        endpoint = Endpoint("openai", "m", server.url("hang"), KEY)
        async with Asker(endpoint, Limits(call_timeout_s=60), purse=purse) as asker:
            task = asyncio.create_task(asker.ask(REQUEST, Finding.model_validate_json, Finding))
            while not server.hits["hang"] or not purse.bounds:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    server.hits["hang"] = 0
    asyncio.run(run())

    assert [([], 1)] == purse.settled


def test_a_client_that_asks_again_by_itself_is_reserved_for_twice() -> None:
    """With the schema that it adds, and its first answer in the second request."""
    body = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "é"}]}
    question = Question(body, "tools", Finding)
    line = Line(Endpoint("anthropic", "m", None, KEY), None, is_wrapped=True)

    wrapped, plain = bound_of(question, line), bound_of(question, replace(line, is_wrapped=False))

    assert (2, 1) == (wrapped.calls, plain.calls)
    size = len(json.dumps(Finding.model_json_schema()))
    assert plain.input_tokens + 2 * size + 3 * 64 == wrapped.input_tokens


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            SimpleNamespace(
                usage_metadata=SimpleNamespace(
                    prompt_token_count=100,
                    candidates_token_count=20,
                    thoughts_token_count=30,
                    cached_content_token_count=None,
                )
            ),
            (100, 50, 0),
        ),
        (
            SimpleNamespace(
                usage=SimpleNamespace(
                    input_tokens=10,
                    output_tokens=5,
                    cache_read_input_tokens=90,
                    cache_creation_input_tokens=0,
                )
            ),
            (100, 5, 90),
        ),
    ],
    ids=["google", "anthropic"],
)
def test_other_sdks_count_in_other_words(response: Any, expected: tuple[int, int, int]) -> None:
    """Thoughts are paid as output, and cached tokens are among the input."""
    usage = _usage_of(response)

    assert expected == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
        usage["prompt_tokens_details"]["cached_tokens"],
    )


@pytest.mark.parametrize(
    ("route", "settled"),
    [
        ("good", [([Counted(12, 2, 5)], 0)]),
        ("wrong-first", [([Counted(12, 2, 5)] * 2, 0)]),
        ("fails", [([], 1)] * 5),
        ("wrong-then-fails", [([Counted(12, 2, 5)], 1)] + [([], 1)] * 4),
        ("refused", [([], 0)]),
    ],
)
def test_what_instructor_asks_by_itself_is_settled(
    route: str, settled: list[tuple[list[Counted], int]]
) -> None:
    """Each of its requests counts: with its tokens, or as one of unknown price."""
    pytest.importorskip("anthropic")
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 2}

    def message(**arguments: Any) -> bytes:
        call = {"type": "tool_use", "id": "t", "name": "Finding", "input": arguments}
        fields = {"id": "m", "type": "message", "role": "assistant", "model": "m"}
        ended = {"stop_reason": "tool_use", "stop_sequence": None, "usage": usage}
        return json.dumps(fields | {"content": [call]} | ended).encode()

    good, wrong = sent(200, message(method="a", n=1)), sent(200, message(methd="a"))
    fails = refused(529, "Overloaded", "overloaded_error")
    routes = {
        "good": good,
        "wrong-first": first(1, wrong, good),
        "fails": fails,
        "wrong-then-fails": first(1, wrong, fails),
        "refused": refused(400, "no", "invalid_request_error"),
    }
    purse = Recording()
    plain = replace(REQUEST, sampling=Sampling(temperature=None, max_tokens=64))
    with ChaosServer(routes) as chaos:
        asked(chaos.url(route), purse, provider="anthropic", request=plain)

    assert settled == purse.settled
    assert {2} == {bound.calls for bound in purse.bounds}
