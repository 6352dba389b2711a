"""The one gate that all calls to a model go through.

It holds what concerns every worker at once: how many calls run together, how many may be sent a
minute, until when the provider wants to be left alone, and how many papers in a row it has
failed. A worker that is told to wait makes all of them wait.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar

from extract.asking.errors import ProviderDown
from extract.asking.fault import Fault
from extract.asking.rates import Rates, Ticket
from extract.errors import ModelError

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

SPREAD_S = 0.25
"""Workers that waited together go on within this time of each other."""
LOOK_S = 0.25
"""A worker that waits for a limit looks so often whether an answer has told of more."""

_TICKET: ContextVar[Ticket | None] = ContextVar("ticket", default=None)


class Gate:
    """Lets papers in and calls through, and none while it is held or shut.

    As many papers are inside as were asked for; a paper that waits for its retry keeps its
    place. `width` is how many of them may call at the same time: half as many after a provider was
    asked too much, and one more again for every `width` answers.
    """

    def __init__(
        self,
        width: int,
        breaker: int,
        *,
        clock: Clock,
        sleep: Sleep,
        rates: Rates | None = None,
    ) -> None:
        self.width = width
        self._most = width
        self._answers = 0
        self._rates = rates or Rates(None, None, max_wait_s=0)
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
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
        self._shut = asyncio.Event()

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
    async def room(self, chars: int = 0, max_tokens: int = 0) -> AsyncIterator[Ticket]:
        """Room for one call, once the provider does not want to be left alone any more.

        *chars* are asked, *max_tokens* may be answered. What was used belongs on the ticket.
        """
        async with self._room:
            await self._room.wait_for(lambda: self._calling < self.width)
            self._calling += 1
        ticket = self._rates.ticket(chars, max_tokens)
        outer = _TICKET.set(ticket)
        try:
            await self._let_through(ticket)
            yield ticket
        finally:
            _TICKET.reset(outer)
            self._rates.done(ticket)
            self._news.set()
            self._calling -= 1
            async with self._room:
                self._room.notify()

    async def _let_through(self, ticket: Ticket) -> None:
        """Wait, in turn, until the limits allow one more call."""
        await self.wait_until_free()
        if self._rates.are_silent:
            self._rates.take(ticket, self._clock())
            return
        before = self._clock()
        async with self._turn:
            while (wait_s := self._rates.wait_s(ticket, self._clock())) > 0:
                if wait_s == float("inf"):
                    self._news.clear()
                    await self._news.wait()
                else:
                    await self.pause(min(wait_s, LOOK_S))
                await self.wait_until_free()
            ticket.waited_s = self._clock() - before
            self._rates.take(ticket, self._clock())

    def heard(self, headers: Mapping[str, str]) -> None:
        """Take what the headers of an answer to this worker's call say of the limits."""
        ticket = _TICKET.get()
        if ticket is not None:
            self._rates.heard(ticket, headers, self._clock())
            self._news.set()

    async def wait_until_free(self) -> None:
        """Wait while the provider wants to be left alone; raise where the gate is shut."""
        while self._shut_by is None and (left := self._held_until - self._clock()) > 0:
            await self.pause(left + random.uniform(0, SPREAD_S))
        self._check_open()

    async def pause(self, wait_s: float) -> None:
        """Wait, but no longer than until the gate is shut."""
        waits = [asyncio.ensure_future(each) for each in (self._sleep(wait_s), self._shut.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    def hold(self, wait_s: float) -> None:
        """Let nobody call for *wait_s* from now."""
        self._held_until = max(self._held_until, self._clock() + wait_s)

    def narrow(self, called_at: float, *, for_good: bool = False) -> bool:
        """Halve the number of calls at a time; False where that was not of use.

        Calls that began before the last narrowing do not count: they all failed of one cause.
        """
        if self.width == 1 or called_at < self._narrowed_at:
            return False
        self.width = max(1, self.width // 2)
        self._answers = 0
        if for_good:
            self._most = self.width
        self._narrowed_at = self._clock()
        return True

    def widen(self) -> None:
        """Note a call that went well; as many as run together allow one more."""
        if self.width < self._most:
            self._answers += 1
            if self._answers >= self.width:
                self.width, self._answers = self.width + 1, 0

    def shut(self, reason: ModelError) -> None:
        """Let nobody call any more; every paper ends with *reason*."""
        self._shut_by = self._shut_by or reason
        self._shut.set()

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
