"""What the tokens of one call cost, and the most that a call can cost.

Providers price by the call: beyond so many input tokens, all tokens of that call cost more. So
a price is always made from one call's tokens, and never from a sum over calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Rate:
    """Dollars for a million tokens; `tiers` are (above so many input tokens, dollars), rising."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()

    def at(self, input_tokens: int) -> Decimal:
        """Return the rate of a call with so many input tokens."""
        reached = (rate for start, rate in reversed(self.tiers) if input_tokens > start)
        return next(reached, self.base)

    def most(self, input_tokens: int) -> Decimal:
        """Return the highest rate of any call with no more input tokens."""
        return max([self.base, *(rate for start, rate in self.tiers if input_tokens > start)])


@dataclass(frozen=True)
class Tariff:
    """What a model's tokens cost. Cached input tokens are among the input tokens."""

    input: Rate
    output: Rate
    cached: Rate
    request: Decimal = Decimal(0)
    """Dollars for the call itself."""

    def price(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> Decimal:
        """Return what one call costs."""
        cached_tokens = min(cached_tokens, input_tokens)
        dollars = (
            self.input.at(input_tokens) * (input_tokens - cached_tokens)
            + self.cached.at(input_tokens) * cached_tokens
            + self.output.at(input_tokens) * output_tokens
        )
        return dollars / MILLION + self.request

    def worst(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Return the most that a call can cost with no more tokens than these."""
        rate = max(self.input.most(input_tokens), self.cached.most(input_tokens))
        dollars = rate * input_tokens + self.output.most(input_tokens) * output_tokens
        return dollars / MILLION + self.request


def flat(input: Decimal, output: Decimal, cached: Decimal | None = None) -> Tariff:
    """Return the tariff of plain prices for a million tokens."""
    return Tariff(Rate(input), Rate(output), Rate(input if cached is None else cached))
