"""Fault 4: 429 with a Retry-After that can be waited for."""

import asyncio
import time

from tests.asking_kit import Finding, PassingTime, ask
from tests.faults.chaos_server import ChaosServer, Visit


def test_the_wait_is_at_least_what_was_asked_for(server: ChaosServer):
    """One wait, no failed paper."""
    outcome = ask(server.url("slow-down-once"))

    assert [Finding(method="a", n=1)] == outcome.answers
    assert 1.0 <= max(outcome.waits)
    assert 2 == server.hits["slow-down-once"]


def test_all_workers_wait_when_one_is_told_to():
    """No call comes between the refusal and the end of the wait."""
    times: list[tuple[float, bool]] = []

    async def refuse_the_third(visit: Visit) -> None:
        is_refused = visit.count == 3
        times.append((time.monotonic(), is_refused))
        if is_refused:
            await visit.error(429, "slow down", "rate_limit_exceeded", "retry-after: 0.5")
        else:
            await asyncio.sleep(0.02)
            await visit.chat()

    class RealTime(PassingTime):
        async def sleep(self, wait_s: float) -> None:
            self.waits.append(wait_s)
            await asyncio.sleep(wait_s)

    with ChaosServer({"refuse-third": refuse_the_third}) as server:
        outcome = ask(server.url("refuse-third"), papers=12, concurrency=4, time_=RealTime())

    refused_at = next(at for at, is_refused in times if is_refused)
    together = 0.05
    assert 12 == len(outcome.answers)
    assert [] == [at for at, _ in times if refused_at + together < at < refused_at + 0.5]


def test_a_date_is_read_by_the_servers_own_clock(server: ChaosServer):
    """A wrong clock on this machine does not change the wait."""
    outcome = ask(server.url("wait-until"))

    assert 7.0 <= max(outcome.waits) < 7.5
    assert 1 == len(outcome.answers)
