"""What ends a run for the sake of money."""

from __future__ import annotations

from decimal import Decimal

from extract.completion import Spent, Usage
from extract.errors import PapersFailed
from extract.money.words import dollars


class BudgetReached(PapersFailed):
    """The next call might cost more than what is left of the budget; it was not made.

    `usage` and `spent` are what the paper had cost before: a call that has to be made again may
    be the one that is too much.
    """

    def __init__(self, worst: Decimal, left: Decimal) -> None:
        super().__init__(
            f"the next call may cost {dollars(worst)}, and {dollars(left)} of the budget is left",
            hint="Run the same command with a higher --budget to go on; nothing is asked twice.",
        )
        self.worst, self.left = worst, left
        self.usage = Usage()
        self.spent: Spent | None = None
