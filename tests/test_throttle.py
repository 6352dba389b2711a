"""Limits of requests and tokens: ours, and those that a provider's headers tell."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from typing import Any

import pytest

from extract.asking.gate import Gate
from extract.asking.rates import Allowance, Pace, Rates, Ticket, Told, told
from tests.asking_kit import PassingTime, ask
from tests.faults.chaos_server import ChaosServer, Visit, completion


class Enforcing:
    """A provider that allows so many requests and tokens in a period, and counts who goes over.

    `steadily` gives back little by little (OpenAI, Anthropic); else all comes back at once when
    the period is over.
    """

    def __init__(
        self,
        requests: float = math.inf,
        tokens: float = math.inf,
        *,
        period_s: float = 0.5,
        steadily: bool = False,
        tells: bool = True,
        family: str = "x-ratelimit-{part}-{what}",
        clock: Any = time.monotonic,
    ) -> None:
        self.most = {"requests": requests, "tokens": tokens}
        self.left = dict(self.most)
        self.period_s, self.steadily, self.tells, self.family = period_s, steadily, tells, family
        self.clock = clock
        self.began = self.looked = clock()
        self.violations = 0
        self.answers = 0
        self.lock = threading.Lock()

    async def __call__(self, visit: Visit) -> None:
        """Answer, or refuse what is over the limit; 15 tokens a call."""
        with self.lock:
            self._give_back()
            cost = {"requests": 1, "tokens": 15}
            if any(self.left[what] < cost[what] for what in cost):
                self.violations += 1
                await visit.error(429, "slow down", "rate_limit", "retry-after-ms: 50")
                return
            for what, amount in cost.items():
                self.left[what] -= amount
            self.answers += 1
            headers = tuple(self._headers()) if self.tells else ()
        await asyncio.sleep(0.01)
        await visit.send(200, completion(), headers=headers)

    def _give_back(self) -> None:
        now = self.clock()
        if self.steadily:
            for what, most in self.most.items():
                if most < math.inf:
                    more = (now - self.looked) * most / self.period_s
                    self.left[what] = min(most, self.left[what] + more)
        elif now >= self.began + self.period_s:
            self.began = now
            self.left = dict(self.most)
        self.looked = now

    def _headers(self) -> list[str]:
        found = []
        for what, most in self.most.items():
            if most == math.inf:
                continue
            left_s = self.began + self.period_s - self.clock()
            if self.steadily:
                left_s = (most - self.left[what]) / most * self.period_s
            values = {
                "limit": f"{most:.0f}",
                "remaining": f"{math.floor(self.left[what])}",
                "reset": f"{max(1, math.ceil(left_s * 1000))}ms",
            }
            found += [
                f"{self.family.format(part=part, what=what)}: {value}"
                for part, value in values.items()
            ]
        return found


@pytest.mark.parametrize(
    "limits", [{"requests": 10}, {"tokens": 150}, {"requests": 12, "tokens": 165}]
)
@pytest.mark.parametrize("steadily", [False, True])
def test_after_the_first_header_no_call_is_over_the_limit(limits: dict[str, int], steadily: bool):
    """Sixteen workers, three periods' worth of papers, whichever way the limit comes back."""
    provider = Enforcing(**limits, steadily=steadily)
    with ChaosServer({"limited": provider}) as server:
        outcome = ask(server.url("limited"), papers=33, time_=RealTime(), concurrency=16)

    assert (33, 33, 0) == (len(outcome.answers), provider.answers, provider.violations)


def test_without_headers_the_provider_is_found_out_by_its_refusals_and_no_paper_is_lost():
    """A refusal halves the calls at a time; answers widen it again."""
    provider = Enforcing(requests=8, tells=False, period_s=0.3)
    with ChaosServer({"limited": provider}) as server:
        outcome = ask(server.url("limited"), papers=24, time_=RealTime(), concurrency=16)

    assert 24 == len(outcome.answers)
    assert provider.violations > 0


@pytest.mark.parametrize(("rpm", "tpm"), [(12, None), (None, 15 * 12)])
def test_our_own_limit_holds_over_any_minute(rpm: int | None, tpm: int | None):
    """Forty calls at twelve a minute take three minutes of a clock that passes by itself."""
    passing = PassingTime()
    times: list[float] = []

    async def run() -> None:
        rates = Rates(rpm, tpm, max_wait_s=120)
        door = Gate(8, 3, clock=passing.clock, sleep=passing.sleep, rates=rates)

        async def call() -> None:
            async with door.room(30, 5) as ticket:
                times.append(passing.clock())
                await asyncio.sleep(0)
                ticket.used = (10, 5)

        await asyncio.gather(*(call() for _ in range(40)))

    asyncio.run(run())
    busiest = max(sum(start <= t < start + 59.5 for t in times) for start in times)
    assert 40 == len(times)
    assert 10 <= busiest <= 12
    assert times[-1] - times[0] >= 120


def test_waiting_for_our_turn_does_not_count_as_the_papers_time():
    """A paper may wait for minutes, and its total is a minute."""
    with ChaosServer() as server:
        outcome = ask(server.url("ok"), papers=8, rpm=1, total_timeout_s=30)

    assert 8 == len(outcome.answers)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (("500", "499", "120ms"), Told(500, 499, 0.12)),
        (("500", "0", "6m0s"), Told(500, 0, 360)),
        (("500", "12", "1h2m3.5s"), Told(500, 12, 3723.5)),
        (("500", "12", "7"), Told(500, 12, 7)),
        (("500, 500;w=60", "12", "7.25"), Told(500, 12, 7.25)),
        (("500", "12", "1790000000"), None),
        (("500", "12", "soon"), None),
        (("500", "12", ""), None),
        (("", "12", "7"), None),
        (("0", "0", "7"), None),
        (("-5", "12", "7"), None),
        (("nan", "12", "7"), None),
    ],
)
def test_headers_are_read_as_providers_write_them(headers: tuple[str, ...], expected: Told | None):
    """What is not understood is no limit."""
    names = ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests")
    names += ("x-ratelimit-reset-requests",)

    assert expected == told(dict(zip(names, headers, strict=True)), "requests")


def test_anthropics_headers_have_a_point_in_time():
    """By the clock of the server that wrote them."""
    headers = {
        "anthropic-ratelimit-tokens-limit": "80000",
        "anthropic-ratelimit-tokens-remaining": "79000",
        "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:30Z",
        "date": "Mon, 23 Nov 2026 12:00:00 GMT",
    }

    assert Told(80000, 79000, 30) == told(headers, "tokens")


def test_a_limit_of_a_day_is_left_to_the_provider():
    """We do not wait for hours because of a header: the refusal says how long."""
    rates = Rates(None, None, max_wait_s=120)
    ticket = rates.ticket(100, 10)
    rates.take(ticket, 0)
    headers = {"limit": "1000", "remaining": "0", "reset": "7h12m"}
    rates.heard(ticket, {f"x-ratelimit-{k}-requests": v for k, v in headers.items()}, 0)

    assert 0 == rates.wait_s(rates.ticket(100, 10), 0)


def test_an_old_answer_does_not_raise_what_is_left():
    """Calls that were sent after it are taken off."""
    allowance = Allowance("requests")
    tickets = [Ticket(n, 0, {"requests": 1.0}) for n in range(5)]
    for ticket in tickets:
        allowance.take(ticket)
    allowance.heard(tickets[4], 0, Told(10, 5, 60))
    allowance.heard(tickets[0], 0, Told(10, 9, 60))

    assert 5 - 4 <= allowance.left <= 5


def test_a_call_that_is_larger_than_the_limit_goes_alone():
    """Waiting for ever would be worse; the provider says no if it means it."""
    pace = Pace(10)

    assert 0 == pace.wait_s(0, "tokens", 50)
    pace.take(0, Ticket(1, 0, {"tokens": 50.0}))
    assert 60 == pace.wait_s(0, "tokens", 1)


def test_the_size_of_a_call_is_learned_from_the_answers():
    """At first the worst is taken; then as much as answers had."""
    rates = Rates(None, 1000, max_wait_s=120)
    first = rates.ticket(3000, 4096)
    rates.take(first, 0)
    first.used = (600, 100)
    rates.done(first)
    second = rates.ticket(3000, 4096)

    assert (5096, 700) == (1000 + 4096, first.amounts["tokens"])
    assert 720 == round(second.amounts["tokens"])


def test_calls_that_go_well_widen_a_gate_that_was_narrowed():
    """One more for as many answers as run together, up to where it began."""
    passing = PassingTime()

    async def run() -> list[int]:
        door, widths = Gate(8, 3, clock=passing.clock, sleep=passing.sleep), []
        door.narrow(1.0)
        for _ in range(30):
            door.widen()
            widths.append(door.width)
        return widths

    assert [4, 4, 4, 5, 5, 5, 5, 5, 6] == asyncio.run(run())[:9]
    assert 8 == asyncio.run(run())[-1]


def test_files_that_ran_out_narrow_a_gate_for_good():
    """They would run out again."""
    passing = PassingTime()

    async def run() -> int:
        door = Gate(8, 3, clock=passing.clock, sleep=passing.sleep)
        door.narrow(1.0, for_good=True)
        for _ in range(30):
            door.widen()
        return door.width

    assert 4 == asyncio.run(run())


class RealTime(PassingTime):
    """Time as it is: the provider's limits are real here."""

    def clock(self) -> float:
        """Return the time."""
        return time.monotonic()

    async def sleep(self, wait_s: float) -> None:
        """Wait for real."""
        await asyncio.sleep(wait_s)
