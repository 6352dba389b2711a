"""What came back from a model: an answer, or a failure that is never mistaken for one.

Both are values. A failed paper is a row with a class and a reason; an empty list is an answer.
What is asked in a batch is `Waiting` until it is one of the two.

Not here: how either is obtained (`extract.asking`) or kept (`extract.store`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

FailureClass = Literal[
    "truncated",
    "filtered",
    "refused",
    "empty_response",
    "bad_envelope",
    "schema_invalid",
    "too_long",
    "too_large",
    "empty_input",
    "rate_limited",
    "timeout",
    "transport",
    "server_error",
    "bad_request",
    "local_crash",
    "grammar_dropped",
]

EXCERPT_CHARS = 500

TokenLogprob = list[Any]
"""A token of an answer: its bytes as Latin-1, its natural-log probability, and those of the
tokens that might have stood there, by their bytes. Plain JSON, a few dozen bytes each."""

_UNLIKELY = -7.0
"""Alternatives below a probability of a thousandth are not kept."""


@dataclass(frozen=True)
class Usage:
    """Tokens that one paper cost, over all attempts and re-asks."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    calls: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.calls + other.calls,
        )


@dataclass(frozen=True)
class Spent:
    """Dollars that calls cost: `price` for those that said their tokens.

    `unsettled` is the most that `unknown_calls` can have cost, which ended without saying so.
    """

    price: Decimal = Decimal(0)
    unsettled: Decimal = Decimal(0)
    unknown_calls: int = 0

    @property
    def at_most(self) -> Decimal:
        """The most that it can have cost."""
        return self.price + self.unsettled

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.price + other.price,
            self.unsettled + other.unsettled,
            self.unknown_calls + other.unknown_calls,
        )


@dataclass(frozen=True)
class Heard:
    """One reply as the model gave it; `problem` is what ruled it out before its text was read."""

    content: str
    problem: str = ""


@dataclass(frozen=True)
class Completion:
    """The raw answer that was accepted, and what it took to get it.

    `content` is what the model wrote; `token_logprobs` its tokens with their natural-log
    probability and the alternatives, where the model gave them. `heard` has every reply that
    was read, those that the model was asked to correct first; the last was accepted.
    """

    content: str
    usage: Usage
    finish_reason: str | None = None
    latency_s: float = 0.0
    attempts: int = 1
    repaired: bool = False
    request_id: str | None = None
    http_status: int | None = None
    token_logprobs: tuple[TokenLogprob, ...] | None = None
    heard: tuple[Heard, ...] = ()
    spent: Spent | None = None
    """None where the model's price is not known."""


@dataclass(frozen=True)
class Failure:
    """Why a paper has no answer: the class, the words for a person, and what is known."""

    failure_class: FailureClass
    message: str
    usage: Usage = field(default_factory=Usage)
    attempts: int = 0
    http_status: int | None = None
    finish_reason: str | None = None
    excerpt: str | None = None
    request_id: str | None = None
    is_transient: bool = False
    """True where asking again later may succeed: a rerun tries it again by itself."""
    heard: tuple[Heard, ...] = ()
    """The replies that were read, none of which was accepted."""
    spent: Spent | None = None
    """None where the model's price is not known."""


@dataclass(frozen=True)
class Waiting:
    """Neither an answer nor a failure yet: the paper is asked in a batch."""


def token_logprob(token: Mapping[str, Any]) -> TokenLogprob:
    """Return one entry of the OpenAI protocol's `logprobs.content` as it is kept."""
    others = {
        _spelling(other): round(other["logprob"], 4)
        for other in token.get("top_logprobs") or ()
        if other["logprob"] > _UNLIKELY and _spelling(other) != _spelling(token)
    }
    return [_spelling(token), round(token["logprob"], 4), others]


def _spelling(token: Mapping[str, Any]) -> str:
    spelled = token.get("bytes")
    if spelled is None:
        spelled = str(token.get("token", "")).encode("utf-8", "surrogatepass")
    return bytes(spelled).decode("latin-1")
