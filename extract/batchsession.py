"""Who is to be asked in a batch: what takes the place of a model while the feed is read.

Not here: what is then submitted (`extract.batching`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from extract.completion import Completion, Failure, Waiting
from extract.models import Model
from extract.money.reserve import Reserve
from extract.store.batches import BatchBook
from extract.todo import Todo


class BatchSession:
    """Takes the place of a model in a run: notes who is to be asked, and says: later.

    With a budget, papers that *reserve* has nothing left for are not noted: `BudgetReached`.
    """

    width = 64

    def __init__(self, model: Model, database: Path, reserve: Reserve | None = None) -> None:
        self.wanted: dict[str, list[str]] = {}
        """The keys to be asked, each with a paper that it is about."""
        self.model, self.reserve = model, reserve
        self._book = BatchBook(database)

    async def ask(self, todo: Todo) -> Completion | Failure | Waiting:
        """Note one paper."""
        is_new = todo.key not in self.wanted
        if self.reserve is not None and is_new and todo.key not in self._open:
            budget = 2 if todo.key in self._cut else 1
            answer = self.model.recipe.task.answer
            question = self._line.question(todo.request, answer, budget)
            self.reserve.take(self._line.bound(question))
        self.wanted[todo.key] = [todo.paper.paper_id]
        return Waiting()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[BatchSession]:
        """Read what is needed to say what a paper may cost."""
        if self.reserve is None:
            yield self
            return
        from extract.asking.batches import BatchLine

        self._open, self._cut = self._book.open_keys(), self._book.cut_keys()
        async with BatchLine(self.model.hosted_endpoint()) as self._line:
            yield self
