"""Papers that are asked in batches, which a provider answers later for half the price.

    run --batch   fetch what has ended, go through the feed, submit what is not answered
    status        say how each batch stands; writes nothing
    fetch         store what has come, and go on where a kill broke a submission off
    cancel        end a batch, or forget one that the provider does not know

Every step is in the database before it is taken and after it (`extract.store.batches`), so that
a batch is neither lost nor started twice, whenever the process ends. A batch is only ever
started from the state `uploaded`, and one that is found in it is looked for with the provider.

Not here: the calls (`extract.asking.batches`), what answers become (`extract.arriving`), and who
is to be asked (`extract.batchsession`).
"""

from __future__ import annotations

import itertools
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

from extract.arriving import Arrivals, Price
from extract.completion import Completion, Failure, Spent
from extract.models import Model
from extract.money.errors import BudgetReached
from extract.money.prices import prices_of
from extract.money.reserve import PRICE_FACTOR, Reserve
from extract.report import RunReport
from extract.rows import run_row
from extract.settling import Settling
from extract.store.batches import BatchBook, StoredBatch
from extract.store.database import Database, now
from extract.store.spending import spending_row
from extract.todo import prepare
from extract.version import tool_version

if TYPE_CHECKING:
    from extract.asking.batch_jobs import Job
    from extract.asking.batches import BatchLine

CHUNK = 250


@dataclass(frozen=True)
class BatchLimits:
    """The most that one batch may hold; more papers become more batches."""

    requests: int = 50_000
    bytes: int = 200_000_000


Row = tuple[str, list[str], bytes, Decimal | None]
"""The key, the papers and the line of a request, and the most that it may cost."""


class Batching:
    """The batches of one model in one database, while its run lock is held."""

    def __init__(
        self,
        database: Database,
        model: Model,
        line: BatchLine,
        report: RunReport,
        limits: BatchLimits = BatchLimits(),  # frozen
        reserve: Reserve | None = None,
        cap: Decimal | None = None,
    ) -> None:
        self.reserve = reserve or Reserve(lambda: prices_of(model))
        self.cap = cap
        self.database, self.model, self.line, self.report = database, model, line, report
        self.limits = limits
        self.recipe = model.recipe
        self.book = BatchBook(database.path)
        self._started_at = now()
        self._has_row = False

    async def fetch(self, batch: StoredBatch) -> StoredBatch:
        """Store what has come of *batch*, and close it once nothing more will come."""
        batch = await self._taken_up(batch)
        if batch.state != "submitted":
            return batch
        job = await self.line.job(batch.provider_batch_id or "")
        batch = self._record(batch, job)
        if job.status == "completed" and job.completed and not job.output_file_id:
            return batch  # the provider has counted the answers, and not written them yet
        if not job.is_final and not job.output_file_id:
            return batch
        self._begin()
        price = half_price(self.model)
        arrivals = Arrivals(
            self.database, Settling(self.recipe, self.report), self.line, batch, price
        )
        for file_id in (job.output_file_id, job.error_file_id):
            if file_id and not await arrivals.take(file_id) and job.is_final:
                self.report.notes.append(
                    f"{batch.batch_id}: the provider has its file {file_id} no more; what it held"
                    " is asked again"
                )
        self.report.notes += arrivals.notes()
        if not job.is_final:
            self.book.settle(batch, arrivals.settled, self._spending())
            return batch
        return self._closed(batch, arrivals, arrivals.conclude(job.status))

    def end(self) -> None:
        """Write the row of this run, where anything was fetched."""
        if self._has_row:
            code = self.report.exit_code
            row = run_row(self.report, self._started_at, 0, "finished", code)
            self.database.write_run(row)

    def _begin(self) -> None:
        """Write the row of this run, once, before what is fetched names it."""
        if not self._has_row:
            self._has_row = True
            self.database.write_run(run_row(self.report, self._started_at, 0, "running", None))

    async def submit(self, wanted: Mapping[str, list[str]]) -> list[StoredBatch]:
        """Submit the papers of these keys that are neither answered nor in an open batch.

        Ends where nothing is left for the next one: `reserve.reached` says so.
        """
        batches = []
        rows = self._rows(wanted)
        first = next(rows, None)
        while first is not None:
            with tempfile.TemporaryFile() as file:
                papers: dict[str, list[str]] = {}
                held: dict[str, Decimal | None] = {}
                row: Row | None = first
                while row is not None and self._has_room(len(papers), file.tell(), len(row[2])):
                    papers[row[0]], held[row[0]] = row[1], row[3]
                    file.write(row[2])
                    row = next(rows, None)
                first = row
                batches.append(await self._sent(file, papers, held))
        return batches

    async def cancel(self, batch: StoredBatch) -> StoredBatch:
        """End *batch*; one that the provider does not know is dropped."""
        from extract.asking.batches import NoListing
        from extract.asking.errors import ModelNotFound

        if batch.state == "uploaded":
            try:
                if found := await self.line.find(
                    batch.batch_id, batch.file_id or "", _since(batch)
                ):
                    batch = self._record(batch, found)
            except NoListing as error:
                return self._dropped(batch, str(error), may_run=True)
        if batch.state != "submitted":
            return self._dropped(batch, "it was cancelled before it was started")
        try:
            return self._record(batch, await self.line.cancel(batch.provider_batch_id or ""))
        except ModelNotFound as error:
            return self._dropped(batch, str(error), may_run=True)

    async def _taken_up(self, batch: StoredBatch) -> StoredBatch:
        """Go on where a submission was broken off; drop one that had not got anywhere."""
        if batch.state == "planned":
            return self._dropped(batch, "its upload was broken off; its papers are free again")
        if batch.state == "uploaded":
            found = await self._found(batch)
            return self._record(batch, found) if found else await self._started(batch)
        return batch

    async def _found(self, batch: StoredBatch) -> Job | None:
        """Look for an uploaded batch with the provider."""
        return await self.line.find(batch.batch_id, batch.file_id or "", _since(batch))

    def _rows(self, wanted: Mapping[str, list[str]]) -> Iterator[Row]:
        """Yield each request that is to be sent, as long as there is something left for it."""
        keys = iter(wanted)
        while chunk := list(itertools.islice(keys, CHUNK)):
            chunk = [key for key in chunk if key not in self.book.taken(chunk)]
            same = self.book.same_text(wanted[key][0] for key in chunk)
            papers = self.book.papers(wanted[key][0] for key in chunk)
            before = self.book.failures(chunk)
            for key in chunk:
                paper = papers.get(wanted[key][0])
                todo = prepare(paper, self.recipe) if paper else None
                if todo is None or todo.key != key:
                    continue  # its text has changed since: the next run asks about the new one
                # An answer that was cut is asked for with twice the room, as a live one is.
                budget = 2 if "truncated" in before.get(key, ()) else 1
                question = self.line.question(todo.request, self.recipe.task.answer, budget)
                try:
                    held = self.reserve.take(self.line.bound(question))
                except BudgetReached:
                    return
                of_text = same.get(todo.paper.paper_id, wanted[key])
                yield key, of_text, self.line.row(key, question), held

    def _has_room(self, requests: int, size: int, more: int) -> bool:
        """Say whether another row fits; the first one always does."""
        fits = requests < self.limits.requests and size + more <= self.limits.bytes
        return not requests or fits

    async def _sent(
        self,
        file: IO[bytes],
        papers: Mapping[str, list[str]],
        held: Mapping[str, Decimal | None],
    ) -> StoredBatch:
        """Write down, upload and start one batch."""
        batch = StoredBatch(
            batch_id=f"b-{secrets.token_hex(6)}",
            state="planned",
            model=self.model.name,
            place=self.line.endpoint.place,
            base_url=self.model.base_url,
            mode=self.recipe.mode,
            path=self.line.path(),
            task=self.recipe.task.name,
            ask_id=self.recipe.ask_id,
            requests=len(papers),
            bytes=file.tell(),
            budget=None if self.cap is None else float(self.cap),
            tool_version=tool_version(),
            created_at=now(),
        )
        self.book.plan(batch, papers, held)
        file_id = await self.line.upload(file, f"paperfacts-{batch.batch_id}.jsonl")
        batch = self.book.write(replace(batch, state="uploaded", file_id=file_id))
        return await self._started(batch)

    async def _started(self, batch: StoredBatch) -> StoredBatch:
        """Start a batch whose file is uploaded."""
        from extract.asking.batches import BatchRefused

        try:
            job = await self.line.start(
                batch.file_id or "", batch.path, batch.batch_id, _since(batch)
            )
        except BatchRefused as error:
            self._dropped(batch, str(error))
            raise
        return self._record(batch, job)

    def _record(self, batch: StoredBatch, job: Job) -> StoredBatch:
        """Write down how the provider says that a batch stands."""
        return self.book.write(
            replace(
                batch,
                state="submitted",
                submitted_at=batch.submitted_at or now(),
                checked_at=now(),
                **told(job),
            )
        )

    def _dropped(self, batch: StoredBatch, words: str, *, may_run: bool = False) -> StoredBatch:
        """Give a batch up; what is held for one that may run all the same stays held."""
        dropped = replace(batch, state="dropped", words=words)
        return self.book.write(dropped) if may_run else self.book.release(dropped)

    def _closed(
        self, batch: StoredBatch, arrivals: Arrivals, outcomes: Mapping[str, str]
    ) -> StoredBatch:
        """Write down how a batch ended."""
        said = list(outcomes.values())
        answered = said.count("answered")
        not_asked = said.count("cancelled") + said.count("not_asked")
        closed = replace(
            batch,
            state="fetched",
            answered=answered,
            not_asked=not_asked,
            failures=len(said) - answered - not_asked,
            fetched_at=now(),
        )
        return self.book.close(closed, arrivals.papers_of, outcomes, self._spending())

    def _spending(self) -> dict[str, Any] | None:
        """Return what this run has cost so far, as a row that budgets count."""
        spent = self.report.spent
        if spent is None:
            return None
        return spending_row(self.report.run_id, None, spent.at_most, spent.price, is_settled=True)


def told(job: Job) -> dict[str, Any]:
    """Return what a provider says of a batch, as columns."""
    return {
        "provider_batch_id": job.id,
        "status": job.status,
        "output_file_id": job.output_file_id,
        "error_file_id": job.error_file_id,
        "completed": job.completed,
        "failed": job.failed,
        "words": job.words or None,
    }


def half_price(model: Model) -> Price:
    """Return what puts a price on the outcomes of a batch; nothing where none is known."""
    prices = prices_of(model)

    def priced(outcome: Completion | Failure) -> Completion | Failure:
        usage = outcome.usage
        if prices is None or not usage.input_tokens:
            return outcome
        tokens = (usage.input_tokens, usage.cached_tokens, usage.output_tokens)
        return replace(outcome, spent=Spent(prices.now().price(*tokens) * PRICE_FACTOR))

    return priced


def _since(batch: StoredBatch) -> float:
    """Return when *batch* was planned, in seconds since 1970."""
    return datetime.fromisoformat(batch.created_at).replace(tzinfo=UTC).timestamp()
