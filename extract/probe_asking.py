"""Asking a model about texts of our own, in the very way in which a run asks about papers.

The same recipe, session, answer and grounding: what a probe finds is what a run would store.
Nothing is kept of a single answer; a probe that was broken off is begun again.

Not here: which texts, and what the answers say (`extract.probing`, `extract.injections`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from extract.completion import Failure
from extract.errors import PaperfactsError
from extract.grounding import Grounded, ground
from extract.local.progress import Progress, silent
from extract.models import Model
from extract.papers import Paper, storable
from extract.probing import EMPTY, Answer, ProbeText
from extract.recipe import answer_rows
from extract.report import FailedPaper, RunReport
from extract.session import Session
from extract.sidebyside import live_session
from extract.signals import Signals
from extract.todo import prepare

Watch = Callable[[RunReport], None]
OpenSession = Callable[[], AbstractAsyncContextManager[Session]]


@dataclass(frozen=True)
class Reply:
    """What a model said of a text, and what a run would have made of it."""

    answer: Answer
    grounded: Grounded


Replies = dict[str, Reply | None]


class ProbeStopped(PaperfactsError):
    """A signal stopped the probe."""

    def __init__(self, name: str) -> None:
        super().__init__(f"stopped by {name}", hint="Nothing is kept of an unfinished probe.")
        self.exit_code = 130 if name == "SIGINT" else 143


def as_paper(text: ProbeText) -> Paper:
    """Return *text* as the readers of feeds would hand it on."""
    return Paper(text.id, storable(text.title)[0], storable(text.abstract)[0])


def ask_about(
    texts: Iterable[ProbeText],
    model: Model,
    report: RunReport,
    *,
    concurrency: int | None = None,
    watch: Watch = lambda report: None,
    progress: Progress = silent,
    open_session: OpenSession | None = None,
) -> Replies:
    """Return the reply to each text by its id, None where no valid answer came.

    *report* counts on the way, and lists what failed; *watch* is called with it after every
    text. Raises `ModelError` where the model cannot be used, and `ProbeStopped`.
    """
    asked = _Asking(model, report, watch)
    opened = open_session or live_session(model, concurrency, progress).opened
    began = time.monotonic()
    try:
        with Signals() as signals:
            asyncio.run(asked.all(list(texts), opened, signals))
    finally:
        report.seconds = time.monotonic() - began
    return asked.replies


class _Asking:
    """The texts of one probe, while they are asked about."""

    def __init__(self, model: Model, report: RunReport, watch: Watch) -> None:
        self.model, self.report, self.watch = model, report, watch
        self.replies: Replies = {}

    async def all(self, texts: list[ProbeText], opened: OpenSession, signals: Signals) -> None:
        """Ask about every text that a run would ask about."""
        signals.end(asyncio.current_task())
        if EMPTY in texts:
            self.replies[EMPTY.id] = Reply({}, Grounded((), ()))
            texts.remove(EMPTY)
        self.report.papers, self.report.is_all_read = len(texts), True
        try:
            async with opened() as session:
                waiting = iter(texts)
                async with asyncio.TaskGroup() as workers:
                    for _ in range(session.width):
                        workers.create_task(self._work(session, waiting))
        except asyncio.CancelledError:
            if not signals.name:
                raise
            raise ProbeStopped(signals.name) from None
        except BaseExceptionGroup as errors:
            ours = errors.subgroup(PaperfactsError)
            raise _leaf(ours or errors) from None

    async def _work(self, session: Session, waiting: Iterable[ProbeText]) -> None:
        """Ask about one text after the other, as long as there are any."""
        for text in waiting:
            self.replies[text.id] = await self._ask(session, text)
            self.watch(self.report)

    async def _ask(self, session: Session, text: ProbeText) -> Reply | None:
        recipe = self.model.recipe
        todo = prepare(as_paper(text), recipe)
        outcome = await session.ask(todo)
        self.report.add_usage(outcome.usage)
        if isinstance(outcome, Failure):
            self.report.failed.append(FailedPaper(text.id, text.title, outcome))
            return None
        answer = answer_rows(recipe.answer(outcome.content, todo.shown))
        self.report.asked += 1
        return Reply(answer, ground(recipe.task, answer, todo.text, recipe.prompt.example_values))


def _leaf(error: BaseException) -> BaseException:
    """Return the first error of a group that is no group itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
