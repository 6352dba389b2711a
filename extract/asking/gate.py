"""The one gate that all calls to a model go through.

It holds three things that concern every worker at once: how many calls run together, until when
the provider wants to be left alone, and how many papers in a row it has failed. A worker that
is told to wait makes all of them wait.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from extract.asking.errors import ProviderDown
from extract.asking.fault import Fault
from extract.errors import ModelError

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

SPREAD_S = 0.25
"""Workers that waited together go on within this time of each other."""


class Gate:
    """Lets papers in and calls through, and none while it is held or shut.

    As many papers are inside as were asked for; a paper that waits for its retry keeps its
    place. `width` is how many of them may call at the same time, and may shrink.
    """

    def __init__(self, width: int, breaker: int, *, clock: Clock, sleep: Sleep) -> None:
        self.width = width
        self.has_answered = False
        self._breaker = breaker
        self._clock = clock
        self._sleep = sleep
        self._places = asyncio.Semaphore(width)
        self._calling = 0
        self._room = asyncio.Condition()
        self._first = asyncio.Lock()
        self._is_proven = False
        self._held_until = 0.0
        self._narrowed_at = float("-inf")
        self._failed_in_a_row = 0
        self._shut_by: ModelError | None = None

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for one paper; the first paper of all is alone until it has its answer."""
        async with self._places:
            if not self._is_proven:
                async with self._first:
                    if not self._is_proven:
                        self._check_open()
                        yield
                        self._is_proven = True
                        return
            self._check_open()
            yield

    @asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """Room for one call, once the provider does not want to be left alone any more."""
        async with self._room:
            await self._room.wait_for(lambda: self._calling < self.width)
            self._calling += 1
        try:
            await self.wait_until_free()
            yield
        finally:
            self._calling -= 1
            async with self._room:
                self._room.notify()

    async def wait_until_free(self) -> None:
        """Wait while the provider wants to be left alone; raise where the gate is shut."""
        while (left := self._held_until - self._clock()) > 0:
            await self._sleep(left + random.uniform(0, SPREAD_S))
        self._check_open()

    def hold(self, wait_s: float) -> None:
        """Let nobody call for *wait_s* from now."""
        self._held_until = max(self._held_until, self._clock() + wait_s)

    def narrow(self, called_at: float) -> bool:
        """Halve the number of calls at a time; False where that was not of use.

        Calls that began before the last narrowing do not count: they all failed of one cause.
        """
        if self.width == 1 or called_at < self._narrowed_at:
            return False
        self.width = max(1, self.width // 2)
        self._narrowed_at = self._clock()
        return True

    def shut(self, reason: ModelError) -> None:
        """Let nobody call any more; every paper ends with *reason*."""
        self._shut_by = self._shut_by or reason

    def answered(self) -> None:
        """Note that the provider gave an answer, whatever it was worth."""
        self.has_answered = True
        self._failed_in_a_row = 0

    def failed(self, fault: Fault) -> None:
        """Note that a paper was given up; raise when the provider failed too many in a row."""
        if not fault.is_the_providers:
            self._failed_in_a_row = 0
            return
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._breaker:
            self.shut(
                ProviderDown(
                    f"the provider is down: {self._failed_in_a_row} papers in a row failed, "
                    f"the last one because {fault.message}",
                    hint="What was answered is kept. Run again later to go on.",
                )
            )
            self._check_open()

    def _check_open(self) -> None:
        if self._shut_by is not None:
            raise self._shut_by.with_traceback(None)
