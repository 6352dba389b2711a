"""The arithmetic of a budget, without time, disk or network.

    settled    what calls cost that have ended
    held       the most that calls can cost that are on their way
    covered    what is written down as possibly spent: never less than the other two together,
               before a call is made

What calls really cost is at no moment more than `settled + held`. So a process that dies leaves
a number behind, `covered`, that is no less than what it spent.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import count


class Ledger:
    """Amounts of one run; `limit` is what it may spend, None for no limit."""

    def __init__(self, limit: Decimal | None = None) -> None:
        self.limit = limit
        self.settled = Decimal(0)
        self.held = Decimal(0)
        self.covered = Decimal(0)
        self._holds: dict[int, Decimal] = {}
        self._numbers = count()

    @property
    def total(self) -> Decimal:
        """The most that can have been spent."""
        return self.settled + self.held

    @property
    def left(self) -> Decimal | None:
        """What may still be held; None for no limit."""
        return None if self.limit is None else max(Decimal(0), self.limit - self.total)

    @property
    def is_idle(self) -> bool:
        """True where nothing is held: nothing will be given back by waiting."""
        return not self._holds

    @property
    def is_covered(self) -> bool:
        """True where all that can have been spent is written down."""
        return self.total <= self.covered

    def fits(self, amount: Decimal) -> bool:
        """Say whether *amount* can be held within the limit."""
        return self.limit is None or self.total + amount <= self.limit

    def hold(self, amount: Decimal) -> int:
        """Hold *amount* and return the number of the hold; it must fit."""
        if not self.fits(amount):
            raise AssertionError(f"{amount} does not fit")
        number = next(self._numbers)
        self._holds[number] = amount
        self.held += amount
        return number

    def settle(self, number: int, amount: Decimal) -> None:
        """Give a hold back and count what the call cost; a hold is settled once."""
        self.held -= self._holds.pop(number)
        self.settled += amount

    def cover(self, step: Decimal) -> Decimal:
        """Return what to write down now: the total and *step* beyond, within the limit."""
        wanted = self.total + step
        return wanted if self.limit is None else max(self.total, min(wanted, self.limit))
