"""The ledger and the purse: never over the limit, settled to the last digit, covered on disk."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from extract.asking.purse import Bound, Counted
from extract.completion import Spent
from extract.money.errors import BudgetReached
from extract.money.ledger import Ledger
from extract.money.prices import Prices
from extract.money.purse import Purse
from extract.money.tariff import flat

AMOUNTS = st.decimals("0", "2", places=9)


class Holding(RuleBasedStateMachine):
    """A ledger that calls hold from and settle with, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(Decimal(5))
        self.open: dict[int, Decimal] = {}
        self.real = Decimal(0)

    @rule(amount=AMOUNTS)
    def hold(self, amount: Decimal) -> None:
        if self.ledger.fits(amount):
            self.open[self.ledger.hold(amount)] = amount
        else:
            with pytest.raises(AssertionError):
                self.ledger.hold(amount)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.open)))
        cost = data.draw(st.decimals("0", str(self.open.pop(number)), places=9))
        self.ledger.settle(number, cost)
        self.real += cost
        with pytest.raises(KeyError):
            self.ledger.settle(number, cost)

    @invariant()
    def is_never_over(self) -> None:
        assert self.ledger.total <= Decimal(5)
        assert self.ledger.settled == self.real
        assert self.ledger.held == sum(self.open.values(), Decimal(0))
        assert self.ledger.left == Decimal(5) - self.ledger.total
        assert self.ledger.is_idle == (not self.open)
        assert self.ledger.total <= self.ledger.cover(Decimal(1)) <= Decimal(5)


TestHolding = Holding.TestCase
TestHolding.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_a_ledger_without_a_limit_takes_anything() -> None:
    """And has no end that is left."""
    ledger = Ledger()
    ledger.hold(Decimal(10**9))

    assert ledger.left is None
    assert Decimal(10**9) + 1 == ledger.cover(Decimal(1))


@dataclass
class Disk:
    """What a purse wrote down, and whether it was enough whenever a call went out."""

    at_most: Decimal = Decimal(0)
    writes: int = 0
    settled: list[tuple[Decimal, Decimal]] = field(default_factory=list)

    def write_down(self, at_most: Decimal, spent: Spent, is_settled: bool) -> None:
        self.at_most = at_most
        self.writes += 1
        if is_settled:
            self.settled.append((at_most, spent.price))


def purse(disk: Disk, limit: str, tokens: int = 100) -> Purse:
    """Return a purse at a dollar a million tokens, either way."""
    tariff = flat(Decimal(1), Decimal(1))
    prices = Prices("a test", lambda moment: tariff)
    return Purse(lambda: prices, limit=Decimal(limit), write_down=disk.write_down)


@given(
    seed=st.integers(0, 10_000),
    workers=st.integers(1, 40),
    limit=st.sampled_from(["0", "0.00005", "0.001", "0.01", "1"]),
)
@settings(max_examples=30, deadline=None)
def test_workers_never_go_over_and_the_disk_always_knows(
    seed: int, workers: int, limit: str
) -> None:
    """Calls of random size, cost and fate; at each of them the disk covers all that is out."""
    chance, disk = random.Random(seed), Disk()
    money = purse(disk, limit)
    out: dict[int, Decimal] = {}
    real = Decimal(0)
    reached = 0

    async def work(number: int) -> None:
        nonlocal real, reached
        for _ in range(chance.randint(1, 6)):
            bound = Bound(chance.randint(1, 200), chance.randint(0, 200), chance.randint(1, 2))
            try:
                hold = await money.reserve(bound)
            except BudgetReached:
                reached += 1
                return
            assert hold is not None
            out[number] = hold.worst * bound.calls
            # A process that died here would have spent no more than this.
            assert real + sum(out.values()) <= disk.at_most <= Decimal(limit)
            for _ in range(chance.randint(0, 3)):
                await asyncio.sleep(0)
            calls = chance.randint(0, bound.calls)
            counted = [
                Counted(
                    chance.randint(0, bound.input_tokens), 0, chance.randint(0, bound.output_tokens)
                )
                for _ in range(calls)
            ]
            unknown = chance.randint(0, bound.calls - calls)
            spent = money.settle(hold, counted, unknown)
            assert spent is not None
            real += spent.at_most
            del out[number]

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(workers):
                tasks.create_task(work(number))

    asyncio.run(all_of_them())
    money.close()

    assert real <= Decimal(limit)
    assert money.ledger.is_idle
    assert [(real, money.total.price)] == disk.settled
    assert reached or real < Decimal(limit) or limit == "0"


def test_the_one_that_waits_goes_on_with_what_others_give_back() -> None:
    """Most calls cost less than they hold: a full ledger is no reason to stop yet."""
    disk = Disk()
    money = purse(disk, "0.0002")

    async def three() -> list[int]:
        order: list[int] = []

        async def one(number: int) -> None:
            hold = await money.reserve(Bound(100, 0))
            order.append(number)
            await asyncio.sleep(0.01)
            money.settle(hold, [Counted(10, 0, 0)], 0)

        await asyncio.gather(*(one(number) for number in range(9)))
        return order

    assert list(range(9)) == sorted(asyncio.run(three()))
    assert Decimal("0.00009") == money.total.price


def test_a_call_that_is_too_dear_is_not_made_and_says_why() -> None:
    """With nothing out that could give money back."""
    money = purse(Disk(), "0.0001")

    with pytest.raises(BudgetReached, match=r"may cost \$0\.000201, and \$0\.000100") as raised:
        asyncio.run(money.reserve(Bound(101, 100)))

    assert 3 == raised.value.exit_code
    assert money.ledger.is_idle


def test_a_disk_that_takes_nothing_lets_no_call_out() -> None:
    """The hold is given back, and the error is the disk's."""

    def full(at_most: Decimal, spent: Spent, is_settled: bool) -> None:
        raise OSError("no space")

    tariff = flat(Decimal(1), Decimal(1))
    money = Purse(lambda: Prices("t", lambda moment: tariff), limit=Decimal(1), write_down=full)

    with pytest.raises(OSError, match="no space"):
        asyncio.run(money.reserve(Bound(1, 1)))

    assert money.ledger.is_idle
    assert Decimal(0) == money.ledger.total


def test_writes_are_few() -> None:
    """A step covers many calls: a thousand of them take tens of writes."""
    disk = Disk()
    money = purse(disk, "10")

    async def thousand() -> None:
        for _ in range(1000):
            money.settle(await money.reserve(Bound(100, 100)), [Counted(50, 0, 50)], 0)

    asyncio.run(thousand())

    assert disk.writes < 40
    assert Decimal("0.1") == money.total.price


def test_a_provider_that_counts_more_is_reserved_more_for() -> None:
    """Tokens beyond any bound are counted as they are said, and a note says so."""
    money = purse(Disk(), "1")

    async def twice() -> None:
        money.settle(await money.reserve(Bound(100, 0)), [Counted(300, 0, 0)], 0)
        await money.reserve(Bound(100, 0))

    asyncio.run(twice())

    assert Decimal("0.0003") == money.ledger.settled == money.ledger.held
    assert ["more tokens" in note for note in money.notes] == [True]


def test_a_model_of_unknown_price_has_no_price() -> None:
    """Nothing is held and nothing is counted, not even 0."""
    money = Purse(lambda: None)

    hold = asyncio.run(money.reserve(Bound(100, 100)))

    assert (None, None, None) == (hold, money.settle(hold, [Counted(1, 0, 1)], 1), money.spent)


def test_a_cancelled_write_still_ends_before_the_next_begins() -> None:
    """A number that is late would replace a higher one that came after it."""
    import threading

    begun, go = threading.Event(), threading.Event()
    written: list[Decimal] = []

    def slow(at_most: Decimal, spent: Spent, is_settled: bool) -> None:
        begun.set()
        go.wait(30)
        written.append(at_most)

    tariff = flat(Decimal(1), Decimal(1))
    money = Purse(lambda: Prices("t", lambda moment: tariff), limit=Decimal(1), write_down=slow)

    async def cancelled() -> None:
        first = asyncio.create_task(money.reserve(Bound(10, 0)))
        await asyncio.to_thread(begun.wait, 30)
        first.cancel()
        second = asyncio.create_task(money.reserve(Bound(1000, 0)))
        await asyncio.sleep(0.05)
        assert [] == written
        go.set()
        await second
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(cancelled())

    assert written == sorted(written)
    assert written[-1] >= money.ledger.total
