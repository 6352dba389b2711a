"""What the commands about batches do: hold the lock, take the batches one by one, report.

Not here: which batches are meant (`extract.batchchoice`), what is done with one
(`extract.batching`), and how it is shown.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.batchchoice import Chosen, by_model, by_place, by_task, task_of
from extract.batching import Batching, BatchLimits, told
from extract.models import Model
from extract.money.account import check_budget
from extract.money.budget import Budget
from extract.money.prices import known_prices
from extract.money.reserve import Reserve, cap_of
from extract.report import RunReport
from extract.store.batches import BatchBook, StoredBatch, stored_batches
from extract.store.database import Database
from extract.store.lock import WAIT_S, run_lock
from extract.store.rescue import take_up
from extract.store.spending import spent_before
from extract.tasks import load_task
from extract.terminal import shell_word

if TYPE_CHECKING:
    from extract.asking import Endpoint

MOST = BatchLimits()


@dataclass
class BatchReport:
    """What a command found and did."""

    database: str
    batches: list[StoredBatch] = field(default_factory=list)
    runs: list[RunReport] = field(default_factory=list)
    """What was stored, by model."""
    notes: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """What this command could not do: batches to fetch, papers to submit; and why."""
    held: Decimal = Decimal(0)
    """Dollars that what was submitted may cost at most."""

    @property
    def exit_code(self) -> int:
        """3 where papers were left without an answer, or a batch could not be fetched."""
        return 3 if self.left or any(map(has_losses, self.batches)) else 0

    def as_json(self) -> dict[str, Any]:
        """The report as data, for `--json`."""
        return {
            "schema_version": 1,
            "database": self.database,
            "batches": [asdict(batch) for batch in self.batches],
            "runs": [run.as_json() for run in self.runs],
            "notes": self.notes,
            "left": self.left,
            "held": float(self.held),
        }


def has_losses(batch: StoredBatch) -> bool:
    """True where a batch was closed with papers that have no answer."""
    return bool(batch.failures or batch.not_asked)


def standing(chosen: Chosen) -> BatchReport:
    """Ask how the chosen batches stand; nothing is written."""
    report = BatchReport(str(chosen.database))
    report.batches = chosen.batches()

    async def look() -> None:
        for endpoint, batches in by_place(chosen, [b for b in report.batches if b.is_open]):
            async with _line(endpoint) as line:
                for batch in batches:
                    job = None
                    if batch.state == "submitted":
                        job = await line.job(batch.provider_batch_id or "")
                    if job:
                        place = report.batches.index(batch)
                        report.batches[place] = replace(batch, **told(job))

    asyncio.run(look())
    return report


def fetch(chosen: Chosen, *, resubmit: bool = False, budget: Budget | None = None) -> BatchReport:
    """Store what has come of the chosen batches; with *resubmit*, ask again for what failed.

    Without a *budget*, what is asked again keeps to the one that it was submitted with.
    """
    report = BatchReport(str(chosen.database))
    every = chosen.batches()
    for batch in every:
        if not batch.is_open:
            report.batches.append(batch)
    for name, batches in by_task([batch for batch in every if batch.is_open]):
        task = task_of(chosen, name, batches)
        for model, of_model in by_model(chosen, task, batches):
            fitting = [b for b in of_model if b.ask_id == model.recipe.ask_id]
            report.left += [_other(b) for b in of_model if b not in fitting]
            if fitting:
                _add(report, fetch_of(model, chosen.database, fitting, chosen.lock_wait_s))
    if resubmit:
        batches = every if chosen.ids else stored_batches(chosen.database)
        _resubmit(chosen, batches, report, budget)
    return report


def cancel(chosen: Chosen) -> BatchReport:
    """End the chosen batches; what they have answered so far can still be fetched."""
    report = BatchReport(str(chosen.database))
    batches = chosen.batches()
    with run_lock(chosen.database, wait_s=chosen.lock_wait_s):
        for model, of_model in by_model(chosen, load_task(), [b for b in batches if b.is_open]):
            _in_batches(model, chosen.database, report, _each(of_model, Batching.cancel))
    report.batches += [batch for batch in batches if not batch.is_open]
    return report


def fetch_of(
    model: Model, database: Path, batches: Sequence[StoredBatch], lock_wait_s: float
) -> BatchReport:
    """Fetch batches of one model."""
    report = BatchReport(str(database))
    with _opened(model, database, report, lock_wait_s):
        still = {b.batch_id: b for b in stored_batches(database)}
        now = [still[batch.batch_id] for batch in batches]
        _in_batches(model, database, report, _each([b for b in now if b.is_open], Batching.fetch))
        report.batches += [batch for batch in now if not batch.is_open]
    return report


def submit(
    model: Model,
    database: Path,
    wanted: Mapping[str, list[str]],
    *,
    lock_wait_s: float = WAIT_S,
    limits: BatchLimits = MOST,
    budget: Budget | None = None,
) -> BatchReport:
    """Submit the papers of these keys, less those that are answered or in an open batch.

    With a *budget*, only as many as it has something left for.
    """
    report = BatchReport(str(database))

    async def work(batching: Batching) -> list[StoredBatch]:
        sent = await batching.submit(wanted)
        if batching.reserve.reached is not None:
            report.left.append(
                f"the budget is reached, and not all papers were submitted:"
                f" {batching.reserve.reached}; go on with a higher --budget"
            )
        report.held += batching.reserve.held
        return sent

    with _opened(model, database, report, lock_wait_s):
        if budget is None:
            _in_batches(model, database, report, work, limits)
        else:
            before = spent_before(database)
            reserve = Reserve(lambda: known_prices(model), budget.limit(before.at_most))
            cap = cap_of(budget, before)
            _in_batches(model, database, report, work, limits, reserve, cap)
    return report


def open_batches(model: Model, database: Path) -> list[StoredBatch]:
    """Return the open batches that ask exactly as *model* would."""
    return [
        batch
        for batch in stored_batches(database)
        if batch.is_open and batch.ask_id == model.recipe.ask_id
    ]


def open_words(model: Model, database: Path) -> str:
    """Say that a live run would ask what is in open batches; empty where nothing is."""
    waiting = [] if model.is_local else open_batches(model, database)
    if not waiting:
        return ""
    return (
        f"{sum(batch.requests for batch in waiting):,} requests are in open batches, and a live run"
        " asks them again; they can be fetched with: paperfacts batch fetch"
        f" --db {shell_word(database)}"
    )


Work = Callable[[Batching], Awaitable[list[StoredBatch]]]


def _each(
    batches: Sequence[StoredBatch],
    do: Callable[[Batching, StoredBatch], Awaitable[StoredBatch]],
) -> Work:
    async def work(batching: Batching) -> list[StoredBatch]:
        return [await do(batching, batch) for batch in batches]

    return work


def _in_batches(
    model: Model,
    database: Path,
    report: BatchReport,
    work: Work,
    limits: BatchLimits = MOST,
    reserve: Reserve | None = None,
    cap: Decimal | None = None,
) -> None:
    """Do *work* on the batches of one model, and add what it did to the report."""
    run = RunReport(
        run_id=f"run-{secrets.token_hex(6)}",
        feed="batch",
        database=str(database),
        model=model.name,
        task=model.recipe.task.name,
    )

    async def go() -> None:
        async with _line(model.hosted_endpoint()) as line:
            stored = Database(database, model.recipe.task)
            batching = Batching(stored, model, line, run, limits, reserve, cap)
            try:
                report.batches += await work(batching)
            finally:
                batching.end()

    asyncio.run(go())
    report.runs.append(run)


@contextmanager
def _opened(
    model: Model, database: Path, report: BatchReport, lock_wait_s: float
) -> Iterator[None]:
    """Hold the run lock of a database that is up to date."""
    store = Database(database, model.recipe.task)
    with run_lock(database, wait_s=lock_wait_s):
        report.notes += store.prepare()
        report.notes += take_up(store)
        yield


def _resubmit(
    chosen: Chosen,
    batches: Sequence[StoredBatch],
    report: BatchReport,
    budget: Budget | None,
) -> None:
    """Submit what ended batches left to be asked again, of the models that were chosen."""
    for name, of_task in by_task(batches):
        task = task_of(chosen, name, of_task)
        for model, of_model in by_model(chosen, task, of_task):
            asked = [batch for batch in of_model if batch.ask_id == model.recipe.ask_id]
            if asked:
                again = BatchBook(chosen.database).unanswered(model.recipe.ask_id)
                limit = budget or _budget_of(asked[-1])
                check_budget(model, limit)
                wait_s = chosen.lock_wait_s
                _add(
                    report, submit(model, chosen.database, again, lock_wait_s=wait_s, budget=limit)
                )


def _budget_of(batch: StoredBatch) -> Budget | None:
    """Return the budget that a batch was submitted with."""
    return None if batch.budget is None else Budget(Decimal(repr(batch.budget)))


def _add(report: BatchReport, more: BatchReport) -> None:
    report.left += more.left
    report.held += more.held
    report.batches += more.batches
    report.runs += [run for run in more.runs if run.tried]
    report.notes += [note for note in more.notes if note not in report.notes]
    for run in more.runs:
        report.notes += [note for note in run.notes if note not in report.notes]


def _line(endpoint: Endpoint) -> Any:
    from extract.asking.batches import BatchLine

    return BatchLine(endpoint)


def _other(batch: StoredBatch) -> str:
    """Say why a batch cannot be fetched."""
    return (
        f"{batch.batch_id} was submitted by paperfacts {batch.tool_version} with another prompt or"
        " schema than this one has; fetch it with that version, or cancel it"
    )
