"""The model while a run asks it.

A session is what stands between the pipeline and whatever answers: a process of our own, a
hosted service, or recorded answers. The pipeline sees `Session` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from extract.completion import EXCERPT_CHARS, Completion, Failure, Usage, Waiting
from extract.errors import ModelError
from extract.local.progress import Progress
from extract.local.settings import settings_for
from extract.models import Model, limits_for, local_endpoint
from extract.todo import Todo

if TYPE_CHECKING:
    from extract.asking.purse import Purse

MAX_DROPPED = 3
"""So many dropped grammars in a row are no longer a matter of single papers."""


class Session(Protocol):
    """What answers the papers of a run, while it is open."""

    width: int
    """How many papers may be asked at once."""

    async def ask(self, todo: Todo) -> Completion | Failure:
        """Return the answer about one paper, or why there is none."""
        ...


class LaterSession(Protocol):
    """What answers a run now or later; every `Session` is one."""

    width: int

    async def ask(self, todo: Todo) -> Completion | Failure | Waiting:
        """Return the answer about one paper, why there is none, or that it comes later."""
        ...


class LiveSession:
    """A model that is asked now: a local server is started here, and started again.

    *processes* is how many such servers share the cores.
    """

    def __init__(
        self,
        model: Model,
        concurrency: int | None,
        progress: Progress,
        purse: Purse | None = None,
        *,
        processes: int = 1,
    ) -> None:
        self.processes = processes
        self.model, self.progress, self.purse = model, progress, purse
        self.limits = limits_for(model, concurrency)
        self.width = self.limits.concurrency
        self._restarting = asyncio.Lock()
        self._turns = asyncio.Semaphore(self.width)
        self._clearing = asyncio.Lock()
        self._dropped_in_a_row = 0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[LiveSession]:
        """Keep the model reachable for as long as the block lasts."""
        from extract.asking import Asker

        async with AsyncExitStack() as stack:
            self.stack = stack
            self.server = None
            if self.model.is_local:
                settings = settings_for(self.width, self.processes)
                server = await asyncio.to_thread(self.model.server, self.progress, settings)
                await asyncio.to_thread(server.__enter__)
                stack.callback(server.close)
                self.server = server
                endpoint = local_endpoint(server)
            else:
                endpoint = self.model.hosted_endpoint()
            asker = Asker(endpoint, self.limits, purse=self.purse)
            self.asker = await stack.enter_async_context(asker)
            yield self

    async def ask(self, todo: Todo) -> Completion | Failure:
        """Ask for one paper; after the death of the local process, ask a new one once more."""
        asker = self.asker
        outcome = await self._or_error(todo)
        if not await self._met_a_death(outcome):
            return _raised(outcome)
        async with self._restarting:
            if asker is self.asker:
                await self._restart()
        outcome = await self._or_error(todo)
        if await self._met_a_death(outcome):
            # Not transient: a paper that kills the process would end every rerun too.
            usage = outcome.usage if isinstance(outcome, Failure) else Usage()
            return Failure(
                "local_crash",
                f"llama.cpp died twice while it was asked: {self._reason()}",
                usage=usage,
                attempts=2,
            )
        return _raised(outcome)

    async def _or_error(self, todo: Todo) -> Completion | Failure | ModelError:
        """Ask once; an error that would stop the run comes back as a value."""
        try:
            return await self._ask_once(todo)
        except ModelError as error:
            return error

    async def _met_a_death(self, outcome: Completion | Failure | ModelError) -> bool:
        """Say whether there is no answer because the local process is no more."""
        if self.server is None or isinstance(outcome, Completion):
            return False
        return await asyncio.to_thread(self.server.has_died)

    def _reason(self) -> str:
        assert self.server is not None
        return self.server.reason()

    async def _ask_once(self, todo: Todo) -> Completion | Failure:
        """Ask for one paper; an answer whose grammar the local server dropped is none."""
        if self.server is None:
            return await self._answer(todo)
        async with self._turns:
            outcome, reasons = await self._watched(todo)
        if reasons and self.width > 1:
            # The server does not say whose grammar it dropped: once more, with nobody beside it.
            before = outcome.usage
            async with self._alone():
                outcome, reasons = await self._watched(todo)
            outcome = replace(outcome, usage=before + outcome.usage)
        if not reasons:
            self._dropped_in_a_row = 0
            return outcome
        return self._dropped(outcome, reasons[0])

    async def _watched(self, todo: Todo) -> tuple[Completion | Failure, list[str]]:
        """Ask for one paper, and return which constraints the local server dropped meanwhile."""
        assert self.server is not None
        mark = self.server.log_position()
        outcome = await self._answer(todo)
        return outcome, self.server.dropped_grammars(mark)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Take every turn, so that nothing else is asked while the block lasts."""
        async with AsyncExitStack() as turns, self._clearing:
            for _ in range(self.width):
                await turns.enter_async_context(self._turns)
            yield

    def _dropped(self, outcome: Completion | Failure, reason: str) -> Failure:
        """Return the failure of a paper whose answer was held to nothing."""
        self._dropped_in_a_row += 1
        words = f"the server dropped the grammar of this paper: {reason}"
        if self._dropped_in_a_row >= MAX_DROPPED:
            raise ModelError(
                f"{words} ({MAX_DROPPED} papers in a row)",
                hint="Install the version of xllamacpp that paperfacts asks for, or choose another"
                " --model. Then run again with --retry-failed.",
            )
        said = outcome.content if isinstance(outcome, Completion) else outcome.excerpt
        return Failure(
            "grammar_dropped",
            words,
            usage=outcome.usage,
            attempts=outcome.attempts,
            http_status=outcome.http_status,
            finish_reason=outcome.finish_reason,
            excerpt=said[:EXCERPT_CHARS] if said else None,
            request_id=outcome.request_id,
        )

    async def _answer(self, todo: Todo) -> Completion | Failure:
        from extract.asking import Asked

        recipe = self.model.recipe
        answer_model = None if recipe.compact else recipe.task.answer
        asked = await self.asker.ask(
            todo.request, lambda content: recipe.answer(content, todo.shown), answer_model
        )
        return asked.completion if isinstance(asked, Asked) else asked

    async def _restart(self) -> None:
        """Start the local process again; ModelError where that was done before."""
        from extract.asking import Asker

        assert self.server is not None
        await asyncio.to_thread(self.server.restart)
        endpoint = local_endpoint(self.server)
        self.asker = await self.stack.enter_async_context(Asker(endpoint, self.limits))


def _raised(outcome: Completion | Failure | ModelError) -> Completion | Failure:
    """Return what came back, or raise it."""
    if isinstance(outcome, ModelError):
        raise outcome
    return outcome
