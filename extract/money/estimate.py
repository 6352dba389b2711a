"""What papers would cost, as an interval and not as a promise.

Papers that the same model was asked in the same way say best what the next ones take: tokens for
a character, retries and re-asks included. The ends of the interval are those of the tenth and
the ninetieth of a hundred papers, further apart where few papers are known. Without them it is a
guess from characters, and wide.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from extract.money.tariff import Tariff
from extract.recipe import Recipe
from extract.request import Request
from extract.store.spending import PastPaper, past_papers

FEWEST = 5
"""Fewer papers say nothing of others."""

# A token has four characters of English; JSON and names have fewer, and no text has fewer than
# two bytes a token on average. An answer has a token for every two or three characters of the
# paper, and a model that reasons first may use all that it is allowed.
CHARS_A_TOKEN = 4.0
MOST_CHARS_A_TOKEN = 6.0
FEWEST_BYTES_A_TOKEN = 2.0
ANSWER_SHARE = 0.4
SHORTEST_ANSWER = 50
MOST_ASKED_TWICE = 1.2


@dataclass(frozen=True)
class Interval:
    """What is expected, and the ends that it is expected between."""

    low: float
    expected: float
    high: float

    def times(self, factor: float) -> Interval:
        """Return the interval of so many times as much."""
        return Interval(self.low * factor, self.expected * factor, self.high * factor)

    def as_json(self) -> dict[str, float]:
        """The interval as data; counts without their decimals."""
        return {"low": self.low, "expected": self.expected, "high": self.high}


@dataclass
class Load:
    """The size of what is to be asked, summed: a million papers take no more memory than one."""

    calls: int = 0
    request_chars: int = 0
    request_bytes: int = 0
    paper_chars: int = 0
    schema_chars: int = 0
    max_tokens: int = 0

    def add(self, request: Request) -> None:
        """Count a request."""
        if not self.calls:
            self.schema_chars = len(json.dumps(request.answer_schema or {}))
            self.max_tokens = request.sampling.max_tokens
        texts = [message["content"] for message in request.messages]
        self.calls += 1
        self.request_chars += sum(map(len, texts))
        self.request_bytes += sum(len(text.encode("utf-8", "replace")) for text in texts)
        self.paper_chars += len(texts[-1])


@dataclass(frozen=True)
class Estimate:
    """What a load takes; `papers` past ones say so, 0 for a guess. `price` is None if unknown."""

    papers: int
    calls: Interval
    input_tokens: Interval
    output_tokens: Interval
    price: Interval | None

    def as_json(self) -> dict[str, Any]:
        """The estimate as data."""
        counts = {"calls": self.calls, "input_tokens": self.input_tokens}
        counts["output_tokens"] = self.output_tokens
        return {
            "past_papers": self.papers,
            **{
                name: {end: round(count) for end, count in interval.as_json().items()}
                for name, interval in counts.items()
            },
            "price": self.price.as_json() if self.price else None,
        }


def past_of(database: Path, recipe: Recipe) -> list[PastPaper]:
    """Return the papers of *database* that were asked as *recipe* asks."""
    asked = {
        "model": recipe.model,
        "model_id": recipe.model_id,
        "task": recipe.task.name,
        "wire": recipe.wire,
        "prompt_version": recipe.prompt.version,
        "task_version": recipe.task.version,
    }
    return past_papers(database, asked)


def estimate(load: Load, past: Sequence[PastPaper], tariff: Tariff | None) -> Estimate:
    """Return what *load* takes; *past* are papers that were asked in the same way."""
    if len(past) >= FEWEST:
        calls, input_tokens, output_tokens, cached = _calibrated(load, past)
    else:
        past, cached = (), Interval(0, 0, 0)
        calls, input_tokens, output_tokens = _guessed(load)
    price = None
    if tariff is not None:
        price = Interval(
            _price(tariff, calls.low, input_tokens.low, cached.high, output_tokens.low),
            _price(
                tariff,
                calls.expected,
                input_tokens.expected,
                cached.expected,
                output_tokens.expected,
            ),
            _price(tariff, calls.high, input_tokens.high, cached.low, output_tokens.high),
        )
    return Estimate(len(past), calls, input_tokens, output_tokens, price)


def _price(tariff: Tariff, calls: float, tokens: float, cached: float, output: float) -> float:
    """Return the price of *calls* calls with so many tokens in all; *cached* is a share."""
    if not calls:
        return 0.0
    each = tokens / calls
    price = tariff.price(round(each), round(cached * each), round(output / calls))
    return float(price * Decimal(calls))


def _calibrated(
    load: Load, past: Sequence[PastPaper]
) -> tuple[Interval, Interval, Interval, Interval]:
    """Return calls, input tokens, output tokens and the share of cached ones, by past papers."""
    calls = _rate(past, lambda paper: paper.calls, lambda paper: 1)
    # No paper takes less than a call.
    calls = Interval(max(1.0, calls.low), max(1.0, calls.expected), max(1.0, calls.high))
    cached = _rate(past, lambda paper: paper.cached_tokens, lambda paper: paper.input_tokens)
    return (
        calls.times(load.calls),
        _rate(past, lambda p: p.input_tokens, lambda p: p.request_chars).times(load.request_chars),
        _rate(past, lambda p: p.output_tokens, lambda p: p.paper_chars).times(load.paper_chars),
        Interval(0.0, min(1.0, cached.expected), min(1.0, cached.high)),
    )


def _rate(
    past: Sequence[PastPaper], of: Callable[[PastPaper], int], per: Callable[[PastPaper], int]
) -> Interval:
    """Return how much there is of one thing for each of another."""
    rates = sorted(of(paper) / max(1, per(paper)) for paper in past)
    mean = sum(map(of, past)) / max(1, sum(map(per, past)))
    doubt = 1 + 1 / math.sqrt(len(past))
    tenth, ninetieth = rates[len(rates) // 10], rates[-1 - len(rates) // 10]
    return Interval(min(tenth, 0.9 * mean) / doubt, mean, max(ninetieth, 1.1 * mean) * doubt)


def _guessed(load: Load) -> tuple[Interval, Interval, Interval]:
    """Return calls, input and output tokens, guessed from characters."""
    schemas = load.schema_chars * load.calls
    chars, size = load.request_chars + schemas, load.request_bytes + schemas
    most = load.max_tokens * load.calls
    output = min(ANSWER_SHARE * load.paper_chars, most)
    return (
        Interval(load.calls, load.calls, MOST_ASKED_TWICE * load.calls),
        Interval(
            chars / MOST_CHARS_A_TOKEN,
            chars / CHARS_A_TOKEN,
            MOST_ASKED_TWICE * size / FEWEST_BYTES_A_TOKEN,
        ),
        Interval(
            min(SHORTEST_ANSWER * load.calls, output),
            output,
            MOST_ASKED_TWICE * most,
        ),
    )
