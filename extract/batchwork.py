"""What the commands about batches do: choose the batches, hold the lock, take them one by one.

A database says where its batches are. It may come from a stranger, so a key is only sent to a
server that the user names, to this machine, or to the provider itself.

Not here: what is done with one batch (`extract.batching`), and how it is shown.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.batching import Batching, BatchLimits, told, without_password
from extract.errors import InputError
from extract.models import Model, find_model
from extract.report import RunReport
from extract.store.batches import BatchBook, StoredBatch, stored_batches
from extract.store.database import Database
from extract.store.lock import run_lock
from extract.store.rescue import take_up
from extract.task import Task
from extract.tasks import BUILT_IN, load_task

if TYPE_CHECKING:
    from extract.asking import Endpoint

LOCK_WAIT_S = 5.0
MOST = BatchLimits()


@dataclass(frozen=True)
class Chosen:
    """Which batches a command is about, and what is needed to reach them."""

    database: Path
    ids: Sequence[str] = ()
    """The beginning of an id of ours or of the provider's; none means all that are open."""
    base_url: str | None = None
    """The server that the user names for these batches."""
    known_url: str | None = None
    """The server of the user's settings, which may have their key."""
    task: str | None = None
    trust_code: bool = False
    lock_wait_s: float = LOCK_WAIT_S

    def batches(self) -> list[StoredBatch]:
        """Return the chosen batches; `InputError` for an id that is none."""
        if not self.database.exists():
            raise InputError(
                f"there is no database at {self.database}",
                hint=f"paperfacts run FEED --batch --model openai/NAME --db {self.database}",
            )
        stored = stored_batches(self.database)
        if not self.ids:
            return [batch for batch in stored if batch.is_open]
        return [_named(each, stored, self.database) for each in dict.fromkeys(self.ids)]


@dataclass
class BatchReport:
    """What a command found and did."""

    database: str
    batches: list[StoredBatch] = field(default_factory=list)
    runs: list[RunReport] = field(default_factory=list)
    """What was stored, by model."""
    notes: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """Batches that could not be fetched by this command, and why."""

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
        }


def has_losses(batch: StoredBatch) -> bool:
    """True where a batch was closed with papers that have no answer."""
    return bool(batch.failures or batch.not_asked)


def standing(chosen: Chosen) -> BatchReport:
    """Ask how the chosen batches stand; nothing is written."""
    report = BatchReport(str(chosen.database))
    report.batches = chosen.batches()

    async def look() -> None:
        for endpoint, batches in _by_place(chosen, [b for b in report.batches if b.is_open]):
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


def fetch(chosen: Chosen, *, resubmit: bool = False) -> BatchReport:
    """Store what has come of the chosen batches; with *resubmit*, ask again for what failed."""
    report = BatchReport(str(chosen.database))
    every = chosen.batches()
    for batch in every:
        if not batch.is_open:
            report.batches.append(batch)
    for name, batches in _by_task([batch for batch in every if batch.is_open]):
        task = _task(chosen, name, batches)
        for model, of_model in _by_model(chosen, task, batches):
            fitting = [b for b in of_model if b.ask_id == model.recipe.ask_id]
            report.left += [_other(b) for b in of_model if b not in fitting]
            if fitting:
                _add(report, fetch_of(model, chosen.database, fitting, chosen.lock_wait_s))
    if resubmit:
        _resubmit(chosen, every if chosen.ids else stored_batches(chosen.database), report)
    return report


def cancel(chosen: Chosen) -> BatchReport:
    """End the chosen batches; what they have answered so far can still be fetched."""
    report = BatchReport(str(chosen.database))
    batches = chosen.batches()
    with run_lock(chosen.database, wait_s=chosen.lock_wait_s):
        for model, of_model in _by_model(chosen, load_task(), [b for b in batches if b.is_open]):
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
    lock_wait_s: float = LOCK_WAIT_S,
    limits: BatchLimits = MOST,
) -> BatchReport:
    """Submit the papers of these keys, less those that are answered or in an open batch."""
    report = BatchReport(str(database))

    async def work(batching: Batching) -> list[StoredBatch]:
        return await batching.submit(wanted)

    with _opened(model, database, report, lock_wait_s):
        _in_batches(model, database, report, work, limits)
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
        f" asks them again; they can be fetched with: paperfacts batch fetch --db {database}"
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
            batching = Batching(Database(database, model.recipe.task), model, line, run, limits)
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


def _resubmit(chosen: Chosen, batches: Sequence[StoredBatch], report: BatchReport) -> None:
    """Submit what ended batches left to be asked again, of the models that were chosen."""
    for name, of_task in _by_task(batches):
        task = _task(chosen, name, of_task)
        for model, of_model in _by_model(chosen, task, of_task):
            if any(batch.ask_id == model.recipe.ask_id for batch in of_model):
                again = BatchBook(chosen.database).unanswered(model.recipe.ask_id)
                done = submit(model, chosen.database, again, lock_wait_s=chosen.lock_wait_s)
                _add(report, done)


def _add(report: BatchReport, more: BatchReport) -> None:
    report.batches += more.batches
    report.runs += [run for run in more.runs if run.tried]
    report.notes += [note for note in more.notes if note not in report.notes]
    for run in more.runs:
        report.notes += [note for note in run.notes if note not in report.notes]


def _line(endpoint: Endpoint) -> Any:
    from extract.asking.batches import BatchLine

    return BatchLine(endpoint)


def _named(given: str, stored: Sequence[StoredBatch], database: Path) -> StoredBatch:
    """Return the batch whose id is, or begins with, *given*."""
    found = [
        batch
        for batch in stored
        if batch.batch_id.startswith(given) or (batch.provider_batch_id or "").startswith(given)
    ]
    if len(found) != 1:
        what = "means more than one" if found else "is no"
        raise InputError(
            f"{given} {what} batch of {database}",
            hint=f"It has: {', '.join(b.batch_id for b in found or stored) or 'none'}.",
        )
    return found[0]


def _by_task(batches: Sequence[StoredBatch]) -> Iterator[tuple[str, list[StoredBatch]]]:
    for name, group in groupby(sorted(batches, key=lambda b: b.task), key=lambda b: b.task):
        yield name, list(group)


def _task(chosen: Chosen, name: str, batches: Sequence[StoredBatch]) -> Task:
    """Return the task of a batch: a built-in one, or the folder that the user named."""
    if name in BUILT_IN and chosen.task is None:
        return load_task(name)
    task = load_task(chosen.task or name, trust_code=chosen.trust_code) if chosen.task else None
    if task is None or task.name != name:
        raise InputError(
            f"{batches[0].batch_id} is of the task {name}",
            hint="Name its folder with --task.",
        )
    return task


def _by_model(
    chosen: Chosen, task: Task, batches: Sequence[StoredBatch]
) -> Iterator[tuple[Model, list[StoredBatch]]]:
    """Yield each model that batches were submitted to, with them."""

    def where(batch: StoredBatch) -> tuple[str, str, str]:
        return batch.model, batch.base_url or "", batch.mode

    for _, group in groupby(sorted(batches, key=where), key=where):
        of_model = sorted(group, key=lambda batch: batch.created_at)
        first = of_model[0]
        url = _url(chosen, first)
        yield find_model(first.model, task, base_url=url, mode=first.mode or None), of_model


def _by_place(
    chosen: Chosen, batches: Sequence[StoredBatch]
) -> Iterator[tuple[Endpoint, list[StoredBatch]]]:
    for model, of_model in _by_model(chosen, load_task(), batches):
        yield model.hosted_endpoint(), of_model


def _url(chosen: Chosen, batch: StoredBatch) -> str | None:
    """Return the server of a batch; `InputError` where the user has to say that it is theirs."""
    if batch.base_url is None:
        return None
    if chosen.base_url is not None:
        return chosen.base_url
    if without_password(chosen.known_url) == batch.base_url:
        return chosen.known_url
    from extract.asking import Endpoint
    from extract.keys import GATEWAY_VARIABLE, find_key

    is_here = Endpoint("openai", "", batch.base_url, None).is_loopback
    if not is_here and find_key((GATEWAY_VARIABLE,)):
        raise InputError(
            f"{batch.batch_id} is with {batch.base_url}, says the database",
            hint=f"If your key may be sent there: --base-url {batch.base_url}",
        )
    return batch.base_url


def _other(batch: StoredBatch) -> str:
    """Say why a batch cannot be fetched."""
    return (
        f"{batch.batch_id} was submitted by paperfacts {batch.tool_version} with another prompt or"
        " schema than this one has; fetch it with that version, or cancel it"
    )
