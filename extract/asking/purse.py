"""What an `Asker` needs of money: every attempt reserves before it, and settles after it.

Not here: prices and budgets (`extract.money`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

from extract.asking.client import Line
from extract.asking.question import LIMITS, Question
from extract.completion import Spent

# No tokenizer makes more tokens of a text than the text has bytes. Providers add words of their
# own around messages and tools, some hundred tokens.
ADDED_TOKENS = 1024
WRAPPED_CALLS = 2
"""A client of instructor's may ask once more by itself, with its first answer in the request."""


@dataclass(frozen=True)
class Counted:
    """The tokens of one call, as the provider said them."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Bound:
    """No call of an attempt has more tokens than these, and no attempt more calls."""

    input_tokens: int
    output_tokens: int
    calls: int = 1


class Purse(Protocol):
    """Keeps what calls may cost."""

    async def reserve(self, bound: Bound) -> Any:
        """Return a hold on the most that an attempt can cost, once that is written down.

        Raises `BudgetReached` where that is more than what is left.
        """
        ...

    def settle(self, hold: Any, counted: list[Counted], unknown: int) -> Spent | None:
        """Give the hold back, and return what the attempt cost; None where no price is known.

        *counted* are the calls whose tokens are known, *unknown* those that may have been billed
        without a word.
        """
        ...


def bound_of(question: Question, line: Line) -> Bound:
    """Return the bound of one attempt to ask *question*."""
    output = max(int(question.body.get(name) or 0) for name in LIMITS)
    size = len(question.encoded) + ADDED_TOKENS
    if not line.is_wrapped:
        return Bound(size, output)
    if question.answer_model is not None:
        # instructor says the schema once as a tool, or in words, or both.
        size += 2 * _size(question.answer_model.model_json_schema())
    return Bound(size + 3 * output, output, WRAPPED_CALLS)


def _size(document: Any) -> int:
    """Return the bytes of *document* as it is sent."""
    return len(json.dumps(document, ensure_ascii=False, default=str).encode("utf-8", "replace"))
