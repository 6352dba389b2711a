"""The gate that all calls go through."""

from __future__ import annotations

import asyncio

import pytest

from extract.asking import KeyRejected, ProviderDown
from extract.asking.fault import Fault
from extract.asking.gate import SPREAD_S, Gate
from tests.asking_kit import PassingTime


def gate(width: int = 4, breaker: int = 3, time_: PassingTime | None = None) -> Gate:
    """Return a gate on time that passes without waiting."""
    passing = time_ or PassingTime()
    return Gate(width, breaker, clock=passing.clock, sleep=passing.sleep)


def test_the_first_paper_is_alone_until_it_is_done():
    """Then as many as there is room for."""

    async def run() -> list[int]:
        door, inside, seen = gate(), 0, []

        async def paper() -> None:
            nonlocal inside
            async with door.place():
                inside += 1
                seen.append(inside)
                await asyncio.sleep(0.01)
                inside -= 1

        await asyncio.gather(*(paper() for _ in range(6)))
        return seen

    assert [1, 1, 2, 3, 4, 1] == asyncio.run(run())


def test_a_first_paper_that_is_cancelled_leaves_its_turn_to_the_next():
    """Nobody waits for it."""

    async def run() -> str:
        door = gate()

        async def paper(wait_s: float) -> str:
            async with door.place():
                await asyncio.sleep(wait_s)
            return "done"

        first = asyncio.create_task(paper(60))
        second = asyncio.create_task(paper(0))
        await asyncio.sleep(0.01)
        first.cancel()
        return await second

    assert "done" == asyncio.run(run())


def test_a_held_gate_is_waited_for_by_everybody():
    """A longer wait counts, a shorter one does not."""
    passing = PassingTime()

    async def run() -> None:
        door = gate(time_=passing)
        door.hold(10)
        door.hold(2)
        await door.wait_until_free()
        await door.wait_until_free()

    asyncio.run(run())
    assert 1 == len(passing.waits)  # the second found that the time was over
    assert 10 - 0.1 < passing.waits[0] < 10 + SPREAD_S


def test_a_shut_gate_gives_everybody_the_same_reason():
    """The first one that was given."""

    async def run() -> None:
        door = gate()
        door.shut(KeyRejected("wrong key"))
        door.shut(KeyRejected("another"))
        async with door.place():
            raise AssertionError("let in")

    with pytest.raises(KeyRejected, match="wrong key"):
        asyncio.run(run())


def test_papers_that_fail_in_a_row_shut_the_gate():
    """An answer in between starts the count anew, and papers' own faults do not count."""
    down = Fault("server_error", "502", is_the_providers=True)

    async def run() -> None:
        door = gate(breaker=3)
        for _ in range(2):
            door.failed(down)
        door.answered()
        for _ in range(2):
            door.failed(down)
        door.failed(Fault("too_long", "a paper's own fault"))
        for _ in range(2):
            door.failed(down)
        door.failed(down)

    with pytest.raises(ProviderDown, match="3 papers in a row failed, the last one because 502"):
        asyncio.run(run())


def test_calls_that_failed_together_narrow_the_gate_once():
    """They all failed of one cause."""

    async def run() -> list[int]:
        door, widths = gate(width=16), []
        for called_at in (1.0, 1.0, 1.0):
            door.narrow(called_at)
            widths.append(door.width)
        return widths

    assert [8, 8, 8] == asyncio.run(run())
