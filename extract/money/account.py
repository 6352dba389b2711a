"""The money of one run: what it may spend, what it has spent, and what it had to leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from extract.completion import Completion, Failure, Spent
from extract.models import Model
from extract.money.budget import Budget
from extract.money.errors import BudgetReached
from extract.money.estimate import Load, estimate, past_of
from extract.money.prices import known_prices, prices_of
from extract.money.purse import Purse
from extract.report import RunReport
from extract.store.database import Database
from extract.store.spending import spending_row, spent_before
from extract.todo import Todo


def check_budget(model: Model, budget: Budget | None) -> None:
    """Raise `InputError` where *budget* cannot be kept, before anything is made or asked."""
    if budget is not None and not model.is_local:
        known_prices(model)


class Account:
    """Keeps the money of a run in its report and its database.

    A local model costs nothing and has no purse. Where recordings are played there is none
    either, and the price of the run is not known.
    """

    def __init__(
        self,
        model: Model,
        database: Database,
        report: RunReport,
        budget: Budget | None,
        *,
        is_live: bool = True,
    ) -> None:
        self.model, self.database, self.report, self.budget = model, database, report, budget
        self.purse: Purse | None = None
        self._load = Load()
        if model.is_local:
            report.spent = Spent()
        elif is_live:
            self.purse = self._purse()

    @property
    def is_reached(self) -> bool:
        """True once a call was more than what is left: nothing new is begun."""
        return self.report.left > 0

    def priced(self, outcome: Completion | Failure) -> Completion | Failure:
        """Return *outcome* with its price, which is 0 for a local model."""
        return replace(outcome, spent=Spent()) if self.model.is_local else outcome

    def count(self, papers: int, facts: int) -> None:
        """Count papers that were asked about, and what they gave."""
        self.report.tried += papers
        self.report.new_facts += facts
        self._show()

    def leave(self, todos: Sequence[Todo], reached: BudgetReached | None = None) -> None:
        """Count papers of one text that could not be asked about."""
        self._load.add(todos[0].request)
        self.report.left += len(todos)
        if reached is not None:
            self.report.left_because = str(reached)
            self.report.add_usage(reached.usage)
        self._show()

    def close(self) -> None:
        """Write down what was spent, and say what the papers that are left would cost."""
        self._show()
        if self.purse is not None:
            self.purse.close()
            self.report.notes += self.purse.notes
        if self.report.left:
            past = past_of(self.database.path, self.model.recipe)
            prices = prices_of(self.model)
            found = estimate(self._load, past, prices.now() if prices else None)
            self.report.left_price = found.price

    def _purse(self) -> Purse:
        """Return the purse of a hosted model."""
        if self.budget is None:
            return Purse(lambda: prices_of(self.model))
        before = spent_before(self.database.path)
        limit = self.budget.limit(before.at_most)
        self.report.budget = limit if self.budget.is_more else self.budget.dollars
        self.report.spent_before = Decimal(0) if self.budget.is_more else before.at_most
        if before.unpriced:
            self.report.notes.append(
                f"{before.unpriced} earlier runs of unknown price are not in the budget"
            )

        def write_down(at_most: Decimal, spent: Spent, is_settled: bool) -> None:
            row = spending_row(
                self.report.run_id, limit, at_most, spent.price, is_settled=is_settled
            )
            self.database.write_spending(row)

        return Purse(lambda: prices_of(self.model), limit=limit, write_down=write_down)

    def _show(self) -> None:
        if self.purse is not None:
            self.report.spent = self.purse.spent
