"""The embedded model in two processes, each with half of the cores.

Two processes that answer one question each are faster than one that answers with all cores, and
what one answers does not depend on what is asked beside it, as it does where one process computes
several answers together (docs/embedded.md has the figures).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from extract.completion import Completion, Failure
from extract.local.cores import usable_cores
from extract.local.memory import usable_memory
from extract.local.progress import Progress
from extract.models import Model
from extract.session import LiveSession
from extract.todo import Todo

if TYPE_CHECKING:
    from extract.asking.purse import Purse

PROCESSES = 2
ROOM = 2_000_000_000
"""Bytes of memory under which there is one process: two of the default take 1.2 GB."""


def live_session(
    model: Model, concurrency: int | None, progress: Progress, purse: Purse | None = None
) -> LiveSession | SideBySide:
    """Return what asks *model* so many papers at once, not yet opened."""
    processes = processes_for(concurrency) if model.is_local else 1
    if processes == 1:
        return LiveSession(model, concurrency, progress, purse)
    width = concurrency or processes
    shares = [(width + place) // processes for place in range(processes)]
    return SideBySide(
        [LiveSession(model, each, progress, purse, processes=processes) for each in shares]
    )


def processes_for(concurrency: int | None) -> int:
    """Return how many processes an embedded model is run in."""
    room, cores = usable_memory(), usable_cores()
    if cores == 3 or (room is not None and room < ROOM):  # of three, one would stand idle
        return 1
    return min(PROCESSES, cores, concurrency or PROCESSES)


class SideBySide:
    """Sessions of the same model; each paper is asked of one that is free."""

    def __init__(self, sessions: list[LiveSession]) -> None:
        self.sessions = sessions
        self.width = sum(session.width for session in sessions)
        self._free: asyncio.Queue[LiveSession] = asyncio.Queue()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[SideBySide]:
        """Keep all of them open for as long as the block lasts."""
        async with AsyncExitStack() as stack:
            for session in self.sessions:  # in turn: the first fetches and prepares the weights
                await stack.enter_async_context(session.opened())
            for turn in range(max(session.width for session in self.sessions)):
                for session in self.sessions:
                    if turn < session.width:
                        self._free.put_nowait(session)
            yield self

    async def ask(self, todo: Todo) -> Completion | Failure:
        """Return the answer about one paper, or why there is none."""
        session = await self._free.get()
        try:
            return await session.ask(todo)
        finally:
            self._free.put_nowait(session)
