"""The purse of a run: every call reserves the most that it can cost, and settles afterwards.

A reservation is on the disk before its call goes out. Writing takes longer than many a call, so
what is written is one number for the whole run: no less than all that can have been spent. It is
raised by a step at a time, a twentieth of what is left at most; a process that dies leaves it as
it is, and the next run counts it as spent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from extract.asking.purse import Bound, Counted
from extract.completion import Spent
from extract.money.errors import BudgetReached
from extract.money.ledger import Ledger
from extract.money.prices import Prices
from extract.money.tariff import Tariff

STEP_CALLS = 64
STEP_SHARE = Decimal("0.05")

WriteDown = Callable[[Decimal, Spent, bool], None]
"""Keeps what can have been spent at most, what is known of it, and whether that is all; returns
when it is on the disk."""


@dataclass(frozen=True)
class Hold:
    """What one attempt holds.

    `expected_worst` is the most that one of its calls can cost by its size, `worst` the same and
    what providers were seen to count beyond.
    """

    number: int
    expected_worst: Decimal
    worst: Decimal
    tariff: Tariff


class Purse:
    """The money of one run.

    *find_prices* is called when the first call is due: genai-prices is slow to import. A run
    without a budget has no *write_down* either: its price is what its answers say.
    """

    def __init__(
        self,
        find_prices: Callable[[], Prices | None],
        *,
        limit: Decimal | None = None,
        write_down: WriteDown | None = None,
    ) -> None:
        self.ledger = Ledger(limit)
        self.total = Spent()
        self.is_priced = True
        self.notes: list[str] = []
        self._find_prices, self._write_down = find_prices, write_down
        self._prices: Prices | None = None
        self._is_found = False
        self._finding, self._writing = asyncio.Lock(), asyncio.Lock()
        self._waiting: list[asyncio.Future[None]] = []
        self._excess = Decimal(1)

    @property
    def spent(self) -> Spent | None:
        """What the run's calls cost so far; None where the price is not known."""
        return self.total if self.is_priced else None

    async def prices(self) -> Prices | None:
        """Return the model's prices, found once."""
        async with self._finding:
            if not self._is_found:
                self._prices = await asyncio.to_thread(self._find_prices)
                self._is_found, self.is_priced = True, self._prices is not None
        return self._prices

    async def reserve(self, bound: Bound) -> Hold | None:
        """Hold the most that an attempt can cost; `BudgetReached` where too little is left.

        While other calls are on their way it waits: most cost less than they hold.
        """
        prices = self._prices if self._is_found else await self.prices()
        if prices is None:
            return None
        expected = prices.worst(bound.input_tokens, bound.output_tokens)
        worst = expected * self._excess
        tariff, amount = prices.now(), worst * bound.calls
        while not self.ledger.fits(amount):
            if self.ledger.is_idle:
                raise BudgetReached(amount, self.ledger.left or Decimal(0))
            await self._change()
        hold = Hold(self.ledger.hold(amount), expected, worst, tariff)
        try:
            while self._write_down is not None and not self.ledger.is_covered:
                await self._cover(self._write_down, amount)
        except BaseException:
            self._settle(hold.number, Decimal(0))
            raise
        return hold

    def settle(self, hold: Hold | None, counted: Sequence[Counted], unknown: int) -> Spent | None:
        """Count what an attempt cost: by its tokens, or the most where it did not say them."""
        if hold is None:
            return None
        prices = [
            hold.tariff.price(each.input_tokens, each.cached_tokens, each.output_tokens)
            for each in counted
        ]
        for price in prices:
            self._learn(price, hold.expected_worst)
        spent = Spent(sum(prices, Decimal(0)), hold.worst * unknown, unknown)
        self.total += spent
        self._settle(hold.number, spent.at_most)
        return spent

    def close(self) -> None:
        """Write down what was spent in the end, which is what later runs count."""
        if self._write_down is not None:
            self._write_down(self.ledger.total, self.total, True)

    async def _cover(self, write_down: WriteDown, amount: Decimal) -> None:
        """Raise what is written down, so that it covers all that is held."""
        async with self._writing:
            if self.ledger.is_covered:
                return
            step = amount * STEP_CALLS
            if (left := self.ledger.left) is not None:
                step = min(step, left * STEP_SHARE)
            covered = self.ledger.cover(step)
            await _to_the_end(asyncio.to_thread(write_down, covered, self.total, False))
            self.ledger.covered = covered

    def _settle(self, number: int, amount: Decimal) -> None:
        """Settle a hold, and wake those that wait for what it gives back."""
        self.ledger.settle(number, amount)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)
        self._waiting.clear()

    async def _change(self) -> None:
        """Wait until a hold is settled."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    def _learn(self, price: Decimal, worst: Decimal) -> None:
        """Reserve more from now on where a provider counts more tokens than there can be."""
        if price > worst > 0:
            if self._excess == 1:
                self.notes.append(
                    "the provider counted more tokens than the request has bytes or its answer"
                    " may have: a budget may be exceeded by that; more is reserved from here on"
                )
            self._excess = max(self._excess, price / worst)


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for *work*, also where the waiting is cancelled: writes must not overtake each other."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
