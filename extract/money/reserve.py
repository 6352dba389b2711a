"""What papers may cost in a batch: reserved request by request, before the batch is submitted.

A batch costs half of what live calls do, and its cost is known when it is fetched. Until then
the most that it can cost counts as spent (`extract.store.batches`), so a submission takes only
what is left of a budget.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from extract.asking.purse import Bound
from extract.money.budget import Budget
from extract.money.errors import BudgetReached
from extract.money.prices import Prices
from extract.money.tariff import Tariff
from extract.store.spending import SpentBefore

PRICE_FACTOR = Decimal("0.5")
"""What a token costs in a batch, of its price in a live call."""
HOURS = 26
"""A batch is answered within a day, and some prices depend on the hour."""


class Reserve:
    """What the requests of one submission may cost, and what is left for more of them.

    *find_prices* is called when the first request is due; where it finds none, nothing is held.
    """

    def __init__(
        self, find_prices: Callable[[], Prices | None], limit: Decimal | None = None
    ) -> None:
        self.limit, self.held = limit, Decimal(0)
        self.reached: BudgetReached | None = None
        self._find_prices = find_prices

    @property
    def left(self) -> Decimal:
        """What may still be held; for a limit alone."""
        return max(Decimal(0), (self.limit or Decimal(0)) - self.held)

    def take(self, bound: Bound) -> Decimal | None:
        """Hold the most that a request can cost; `BudgetReached` where that is too much.

        Once it was, it stays so: papers are taken in their order. None where no price is known.
        """
        if self.reached is not None:
            raise self.reached
        if not self._tariffs:
            return None
        tokens = bound.input_tokens, bound.output_tokens
        worst = max(each.worst(*tokens) for each in self._tariffs) * PRICE_FACTOR
        if self.limit is not None and self.held + worst > self.limit:
            self.reached = BudgetReached(worst, self.left)
            raise self.reached
        self.held += worst
        return worst

    @cached_property
    def _tariffs(self) -> frozenset[Tariff]:
        """What tokens may cost until the batch is answered."""
        prices = self._find_prices()
        if prices is None:
            return frozenset()
        moment = datetime.now(UTC)
        found = {prices.at(moment + timedelta(hours=hours)) for hours in range(HOURS)}
        return frozenset(each for each in found if each is not None)


def cap_of(budget: Budget, before: SpentBefore) -> Decimal:
    """Return what all that is spent may come to under *budget*."""
    return before.at_most + budget.limit(before.at_most) if budget.is_more else budget.dollars
