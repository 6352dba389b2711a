"""The model while a run asks it.

A session is what stands between the pipeline and whatever answers: a process of our own, a
hosted service, or recorded answers. The pipeline sees `Session` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Protocol

from extract.completion import Completion, Failure
from extract.local.progress import Progress
from extract.models import Model, limits_for, local_endpoint
from extract.todo import Todo


class Session(Protocol):
    """What answers the papers of a run, while it is open."""

    width: int
    """How many papers may be asked at once."""

    async def ask(self, todo: Todo) -> Completion | Failure:
        """Return the answer about one paper, or why there is none."""
        ...


class LiveSession:
    """A model that is asked now: a local server is started here, and started again."""

    def __init__(self, model: Model, concurrency: int | None, progress: Progress) -> None:
        self.model, self.progress = model, progress
        self.limits = limits_for(model, concurrency)
        self.width = self.limits.concurrency
        self._restarting = asyncio.Lock()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[LiveSession]:
        """Keep the model reachable for as long as the block lasts."""
        from extract.asking import Asker

        async with AsyncExitStack() as stack:
            self.stack = stack
            self.server = None
            if self.model.is_local:
                server = await asyncio.to_thread(self.model.server, self.progress)
                await asyncio.to_thread(server.__enter__)
                stack.callback(server.close)
                self.server = server
                endpoint = local_endpoint(server)
            else:
                endpoint = self.model.hosted_endpoint()
            self.asker = await stack.enter_async_context(Asker(endpoint, self.limits))
            yield self

    async def ask(self, todo: Todo) -> Completion | Failure:
        """Ask for one paper; after the death of the local process, ask a new one once more."""
        asker = self.asker
        outcome = await self._ask_once(todo)
        if isinstance(outcome, Failure) and self.server is not None:
            async with self._restarting:
                if asker is self.asker and not self.server.is_alive():
                    await self._restart()
            if asker is not self.asker:
                outcome = await self._ask_once(todo)
            if isinstance(outcome, Failure) and not self.server.is_alive():
                outcome = replace(outcome, failure_class="local_crash")
        return outcome

    async def _ask_once(self, todo: Todo) -> Completion | Failure:
        from extract.asking import Asked

        recipe = self.model.recipe
        answer_model = None if recipe.compact else recipe.task.answer
        asked = await self.asker.ask(
            todo.request, lambda content: recipe.answer(content, todo.shown), answer_model
        )
        return asked.completion if isinstance(asked, Asked) else asked

    async def _restart(self) -> None:
        from extract.asking import Asker

        assert self.server is not None
        await asyncio.to_thread(self.server.restart)
        endpoint = local_endpoint(self.server)
        self.asker = await self.stack.enter_async_context(Asker(endpoint, self.limits))
