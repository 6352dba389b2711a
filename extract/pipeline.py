"""The way through: read, ask, ground, store.

    feed ─read─> Paper ─ask─> Completion ─validate─> answer ─ground─> facts ─store─> DuckDB

Papers come in chunks. What a chunk's papers need is read from the database alone: nothing where
their current facts come from this very recipe, grounding where a completion is stored, a call
to the model where none is. Nothing flows backwards: grounding never asks, storing never grounds.
The next chunk is begun while the last papers of this one are still asked about: one slow answer
does not hold up the others.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from extract.completion import Completion, Failure, Waiting
from extract.errors import ModelError, PaperfactsError
from extract.feeds import Feed, read_feed
from extract.grounding import DERIVATION, digest
from extract.local.progress import Progress, silent
from extract.machine_text import machine_signs
from extract.models import Model
from extract.money.account import Account, check_budget
from extract.money.budget import Budget
from extract.money.errors import BudgetReached
from extract.papers import Paper
from extract.report import FailedPaper, RunReport
from extract.request import Request
from extract.rows import paper_row, run_row
from extract.session import LaterSession
from extract.settling import Settling
from extract.sidebyside import live_session
from extract.signals import Signals
from extract.store.database import Batch, Database, now
from extract.store.lock import run_lock
from extract.store.rescue import take_up
from extract.store.writer import Writer
from extract.todo import Todo, prepare

CHUNK = 250
RECENT = 1000
"""So many answers are remembered: those that the writer may not have written yet."""


@dataclass(frozen=True)
class RunOptions:
    """What a run is asked to do besides the model."""

    feed: str
    database: Path
    format: str | None = None
    columns: dict[str, str] | None = None
    limit: int | None = None
    only: frozenset[str] | None = None
    """The ids of the papers to take; the others of the feed are passed over."""
    retry_failed: bool = False
    concurrency: int | None = None
    min_grounded: float | None = None
    budget: Budget | None = None
    probe: str | None = None
    """What a probe said of the model (`extract.probed`), for the report and the run's row."""
    lock_wait_s: float = 5.0


class Stopped(PaperfactsError):
    """A signal stopped the run after everything that was answered had been written."""

    def __init__(self, name: str, report: RunReport) -> None:
        super().__init__(
            f"stopped by {name}: {report.asked + report.cached} papers done and written",
            hint="Run the same command again to go on; nothing is asked twice.",
        )
        self.exit_code = 130 if name == "SIGINT" else 143
        self.report = report


Watch = Callable[[RunReport], None]
OpenSession = Callable[[], AbstractAsyncContextManager[LaterSession]]


def run(
    options: RunOptions,
    model: Model,
    *,
    watch: Watch = lambda report: None,
    progress: Progress = silent,
    open_session: OpenSession | None = None,
    around: Callable[[OpenSession], OpenSession] = lambda opened: opened,
) -> RunReport:
    """Extract a feed into a database and return what was done.

    *watch* is called after every paper. *open_session* gives what answers, where it is not the
    model itself; it is opened only if a paper has to be asked. *around* makes another of it, one
    that looks on (`extract.watching`). Raises the errors of
    `extract.errors`; papers that failed alone are in the report. Everything that was answered
    is written in any case.
    """
    check_budget(model, options.budget)
    feed = read_feed(options.feed, format=options.format, columns=options.columns)
    database = Database(options.database, model.recipe.task)
    report = RunReport(
        run_id=f"run-{secrets.token_hex(6)}",
        feed=feed.source,
        database=str(options.database),
        model=model.name,
        task=model.recipe.task.name,
        min_grounded=options.min_grounded,
        probe=options.probe,
    )
    with run_lock(options.database, wait_s=options.lock_wait_s):
        report.notes += database.prepare()
        report.notes += take_up(database)
        account = Account(model, database, report, options.budget, is_live=open_session is None)
        live = live_session(model, options.concurrency, progress, account.purse)
        opened = around(open_session or live.opened)
        job = _Run(options, model, feed, database, report, watch, opened, account)
        with Signals() as signals:
            asyncio.run(job.go(signals))
    return report


class _Run:
    """One run, while it lasts."""

    def __init__(
        self,
        options: RunOptions,
        model: Model,
        feed: Feed,
        database: Database,
        report: RunReport,
        watch: Watch,
        open_session: OpenSession,
        account: Account,
    ) -> None:
        self.options, self.model, self.feed, self.database = options, model, feed, database
        self.report, self.watch, self.open_session = report, watch, open_session
        self.account = account
        self.recipe = model.recipe
        self.settling = Settling(model.recipe, report)
        self.session: LaterSession | None = None
        self.asking: dict[str, list[Todo]] = {}
        """Papers that are asked about, by the key of their request."""
        self.recent: dict[str, Completion] = {}
        self.ended_by: ModelError | None = None
        """What ends the run once the calls on their way have ended."""
        self.began = time.monotonic()
        self.started_at = now()
        self.has_row = False

    async def go(self, signals: Signals) -> None:
        """Run to the end, to an error or to a signal, and leave a row in `runs` that says so."""
        signals.end(asyncio.current_task())
        state, code = "failed", 1
        try:
            with Writer(self.database) as writer:
                self.writer = writer
                try:
                    async with AsyncExitStack() as stack:
                        self.stack = stack
                        await self._all_papers()
                except asyncio.CancelledError:
                    if not signals.name:
                        raise
                    self.report.stopped_by = signals.name
                    raise Stopped(signals.name, self.report) from None
            state, code = self.report.state, self.report.exit_code
        except PaperfactsError as error:
            state, code = "stopped", error.exit_code
            raise
        finally:
            self.report.problems = [asdict(problem) for problem in self.feed.problems]
            self.report.problem_counts = dict(self.feed.problems.counts)
            self.report.seconds = time.monotonic() - self.began
            if self.has_row:
                with suppress(PaperfactsError):
                    self.account.close()
                    self.database.write_run(self._row(state, code))

    async def _all_papers(self) -> None:
        """Go through the feed, and wait for all that was asked about."""
        met: PaperfactsError | None = None
        try:
            async with asyncio.TaskGroup() as self.tasks:
                try:
                    await self._all_chunks()
                except PaperfactsError as error:
                    met = error  # raised later: what is on its way is paid for
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        if (met := met or self.ended_by) is not None:
            raise met

    async def _all_chunks(self) -> None:
        """Go through the feed chunk by chunk."""
        papers = iter(self.feed.papers)
        if (only := self.options.only) is not None:
            papers = (paper for paper in papers if paper.paper_id in only)
        if self.options.limit is not None:
            papers = itertools.islice(papers, self.options.limit)
        chunk = list(itertools.islice(papers, CHUNK))
        while chunk:
            following = list(itertools.islice(papers, CHUNK))
            self.report.is_all_read = not following
            await self._chunk(chunk)
            chunk = following

    async def _chunk(self, papers: list[Paper]) -> None:
        """Bring the papers of one chunk to the state that this run wants."""
        self.report.papers += len(papers)
        self.report.machine_text += sum(bool(machine_signs(p.title, p.abstract)) for p in papers)
        hashes = {p.paper_id: digest(p.title, p.abstract) for p in papers}
        # In a thread, as all that is read: answers come in meanwhile.
        current = await asyncio.to_thread(self.database.current, [p.paper_id for p in papers])
        wanted = (self.recipe.ask_id, DERIVATION)
        open_papers = []
        for paper in papers:
            known = current.get(paper.paper_id)
            if known and known[:3] == (hashes[paper.paper_id], *wanted):
                self.report.cached += 1
                self.report.cached_facts += known[4]
                self.report.cached_missing += known[5]
            else:
                open_papers.append(paper)
        await self._store_papers(papers, hashes)
        self.watch(self.report)
        if open_papers:
            await self._open_papers(open_papers, hashes)

    async def _store_papers(self, papers: list[Paper], hashes: dict[str, str]) -> None:
        """Write the papers that are new, changed, or new in this feed."""
        ids = [p.paper_id for p in papers]
        known = await asyncio.to_thread(self.database.known_papers, ids)
        rows: list[Mapping[str, Any]] = []
        for paper in papers:
            old_hash, feeds = known.get(paper.paper_id, ("", []))
            if old_hash == hashes[paper.paper_id] and self.feed.source in feeds:
                continue
            rows.append(paper_row(paper, hashes[paper.paper_id], [*feeds, self.feed.source]))
        if rows:
            self.writer.put(Batch(papers=rows))

    async def _open_papers(self, papers: list[Paper], hashes: dict[str, str]) -> None:
        """Ground what is answered already, and ask for the rest."""
        if not self.has_row:
            self.has_row = True
            self.database.write_run(self._row("running", None))
        todos = [t for p in papers if (t := self._todo(p, hashes[p.paper_id]))]
        stored = await asyncio.to_thread(self.database.completions, [t.key for t in todos])
        to_ask: list[Todo] = []
        for todo in todos:
            known = stored.get(todo.key)
            batch = self._grounded(todo, known)
            if batch is not None:
                self.writer.put(batch)
                self.report.cached += 1
                self.watch(self.report)
            elif known and known["status"] == "failed" and not self._is_retried(known):
                failure = Failure(known["failure_class"], known["failure_message"])
                self.report.failed.append(
                    FailedPaper(todo.paper.paper_id, todo.paper.title, failure)
                )
            else:
                to_ask.append(todo)
        if to_ask:
            await self._ask_all(to_ask)

    def _grounded(self, todo: Todo, known: dict[str, Any] | None) -> Batch | None:
        """Return the facts of a paper whose text is answered, None where it is not."""
        if known is not None and known["status"] == "ok":
            return self.settling.grounded(todo, known["content"], known["token_logprobs"])
        if (recent := self.recent.get(todo.key)) is not None:
            return self.settling.grounded(todo, recent.content, recent.token_logprobs)
        return None

    def _is_retried(self, known: dict[str, Any]) -> bool:
        return self.options.retry_failed or bool(known["is_transient"])

    def _todo(self, paper: Paper, text_hash: str) -> Todo | None:
        """Prepare the request of a paper; one that cannot be asked becomes a failed row."""
        length = len(paper.title) + len(paper.abstract)
        if length > self.model.max_chars:
            message = f"{length:,} characters, and {self.model.name} takes {self.model.max_chars:,}"
            key = f"long-{digest(text_hash, self.recipe.ask_id)}"
            self._fail(paper, key, None, Failure("too_long", message))
            return None
        return prepare(paper, self.recipe)

    async def _ask_all(self, todos: list[Todo]) -> None:
        """Ask for papers side by side; papers with the same text share one call."""
        groups: dict[str, list[Todo]] = {}
        for todo in todos:
            if todo.key in self.asking:
                self.asking[todo.key].append(todo)
            else:
                self.asking[todo.key] = groups[todo.key] = [todo]
        if self.session is None:
            before = time.monotonic()
            self.session = await self.stack.enter_async_context(self.open_session())
            self.report.opening_seconds = time.monotonic() - before
            self.width = asyncio.Semaphore(2 * self.session.width)
        for key, group in groups.items():
            await self.width.acquire()
            if self.ended_by is not None:
                raise self.ended_by
            if self.account.is_reached:
                self.account.leave(self.asking.pop(key))
                self.width.release()
                continue
            task = self.tasks.create_task(self._ask(self.session, group))
            task.add_done_callback(lambda _: self.width.release())

    async def _ask(self, session: LaterSession, group: list[Todo]) -> None:
        """Ask once for all papers of one text, and store what came back."""
        while self.writer.is_waiting:  # nothing more is paid for before the disk has room again
            await asyncio.sleep(0.05)
        self.writer.check()
        todo = group[0]
        try:
            try:
                outcome = await session.ask(todo)
            finally:
                del self.asking[todo.key]  # from here on nobody joins the group
        except BudgetReached as reached:
            # Others are on their way and paid for: the run goes on, and begins nothing new.
            self.account.leave(group, reached)
            return
        except ModelError as error:
            self.ended_by = self.ended_by or error  # the same for these
            return
        facts = self.report.facts.total()
        if isinstance(outcome, Waiting):
            self.report.waiting += len(group)
            self.watch(self.report)
            return
        outcome = self.account.priced(outcome)
        self.report.add_usage(outcome.usage)
        if isinstance(outcome, Failure):
            for each in group:
                self._fail(each.paper, each.key, each.request, outcome)
        else:
            self._remember(todo.key, outcome)
            self.writer.put(self.settling.answered(group, outcome))
        self.account.count(len(group), self.report.facts.total() - facts)
        self.watch(self.report)

    def _remember(self, key: str, completion: Completion) -> None:
        """Keep an answer for papers of the same text that come before it is written."""
        self.recent[key] = completion
        if len(self.recent) > RECENT:
            del self.recent[next(iter(self.recent))]

    def _fail(self, paper: Paper, key: str, request: Request | None, failure: Failure) -> None:
        """Keep a failure as a row, and list it in the report."""
        self.writer.put(self.settling.failed(paper, key, request, failure))

    def _row(self, state: str, code: int | None) -> dict[str, Any]:
        return run_row(self.report, self.started_at, self.feed.problems.total, state, code)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error of a group that says most: one of ours before any other."""
    flat: list[BaseException] = []
    for error in errors.exceptions:
        flat += [_first(error)] if isinstance(error, BaseExceptionGroup) else [error]
    return next((e for e in flat if isinstance(e, PaperfactsError)), flat[0])
