"""The way through: read, ask, ground, store.

    feed ─read─> Paper ─ask─> Completion ─validate─> answer ─ground─> facts ─store─> DuckDB

Papers come in chunks. What a chunk's papers need is read from the database alone: nothing where
their current facts come from this very recipe, grounding where a completion is stored, a call
to the model where none is. Nothing flows backwards: grounding never asks, storing never grounds.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from extract.completion import Completion, Failure
from extract.errors import PaperfactsError
from extract.evidence import PaperText
from extract.feeds import Feed, read_feed
from extract.grounding import DERIVATION, Grounded, digest, ground
from extract.local.progress import Progress, silent
from extract.models import Model, limits_for, local_endpoint
from extract.papers import Paper
from extract.recipe import answer_rows
from extract.report import FailedPaper, RunReport
from extract.request import Request, request_key
from extract.shown import ShownPaper, show
from extract.store.database import Batch, Database, now, tool_version
from extract.store.lock import run_lock
from extract.store.writer import Writer

CHUNK = 250


@dataclass(frozen=True)
class RunOptions:
    """What a run is asked to do besides the model."""

    feed: str
    database: Path
    format: str | None = None
    columns: dict[str, str] | None = None
    limit: int | None = None
    retry_failed: bool = False
    concurrency: int | None = None
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


@dataclass(frozen=True)
class Todo:
    """A paper on its way: what is known of it, and what it still needs."""

    paper: Paper
    text_hash: str
    shown: ShownPaper
    request: Request
    key: str

    @property
    def text(self) -> PaperText:
        """The paper's text with the spans of its sentences."""
        spans = [(s.origins[0], s.origins[-1]) for s in self.shown.sentences[1:]]
        return PaperText(self.paper.title, self.paper.abstract, tuple(spans))


Watch = Callable[[RunReport], None]


def run(
    options: RunOptions,
    model: Model,
    *,
    watch: Watch = lambda report: None,
    progress: Progress = silent,
) -> RunReport:
    """Extract a feed into a database and return what was done.

    *watch* is called after every paper. Raises the errors of `extract.errors`; papers that
    failed alone are in the report. Everything that was answered is written in any case.
    """
    feed = read_feed(options.feed, format=options.format, columns=options.columns)
    database = Database(options.database, model.recipe.task)
    report = RunReport(
        run_id=f"run-{secrets.token_hex(6)}",
        feed=feed.source,
        database=str(options.database),
        model=model.name,
        task=model.recipe.task.name,
    )
    with run_lock(options.database, wait_s=options.lock_wait_s):
        database.prepare()
        job = _Run(options, model, feed, database, report, watch, progress)
        asyncio.run(job.go())
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
        progress: Progress,
    ) -> None:
        self.options, self.model, self.feed, self.database = options, model, feed, database
        self.report, self.watch, self.progress = report, watch, progress
        self.recipe = model.recipe
        self.began = time.monotonic()
        self.started_at = now()
        self.has_row = False

    async def go(self) -> None:
        """Run to the end, to an error or to a signal, and leave a row in `runs` that says so."""
        state, code = "failed", 1
        try:
            with Writer(self.database) as writer, Signals(asyncio.current_task()) as stopped:
                self.writer = writer
                try:
                    async with AsyncExitStack() as stack:
                        self.stack = stack
                        self.asking: _Asking | None = None
                        await self._all_papers()
                except asyncio.CancelledError:
                    if not stopped:
                        raise
                    self.report.stopped_by = stopped[0]
                    raise Stopped(stopped[0], self.report) from None
            state, code = "finished", self.report.exit_code
        except PaperfactsError as error:
            state, code = "stopped", error.exit_code
            raise
        finally:
            self.report.problems = [asdict(problem) for problem in self.feed.problems]
            self.report.seconds = time.monotonic() - self.began
            if self.has_row:
                with suppress(PaperfactsError):
                    self.database.write_run(self._row(state, code))

    async def _all_papers(self) -> None:
        """Go through the feed chunk by chunk."""
        papers = iter(self.feed.papers)
        if self.options.limit is not None:
            papers = itertools.islice(papers, self.options.limit)
        while chunk := list(itertools.islice(papers, CHUNK)):
            await self._chunk(chunk)

    async def _chunk(self, papers: list[Paper]) -> None:
        """Bring the papers of one chunk to the state that this run wants."""
        self.report.papers += len(papers)
        hashes = {p.paper_id: digest(p.title, p.abstract) for p in papers}
        current = self.database.current([p.paper_id for p in papers])
        wanted = (self.recipe.ask_id, DERIVATION)
        open_papers = []
        for paper in papers:
            known = current.get(paper.paper_id)
            if known and known[:3] == (hashes[paper.paper_id], *wanted):
                self.report.cached += 1
            else:
                open_papers.append(paper)
        self._store_papers(papers, hashes)
        self.watch(self.report)
        if open_papers:
            await self._open_papers(open_papers, hashes)

    def _store_papers(self, papers: list[Paper], hashes: dict[str, str]) -> None:
        """Write the papers that are new, changed, or new in this feed."""
        known = self.database.known_papers([p.paper_id for p in papers])
        rows: list[Mapping[str, Any]] = []
        for paper in papers:
            old_hash, feeds = known.get(paper.paper_id, ("", []))
            if old_hash == hashes[paper.paper_id] and self.feed.source in feeds:
                continue
            rows.append(_paper_row(paper, hashes[paper.paper_id], [*feeds, self.feed.source]))
        if rows:
            self.writer.put(Batch(papers=rows))

    async def _open_papers(self, papers: list[Paper], hashes: dict[str, str]) -> None:
        """Ground what is answered already, and ask for the rest."""
        if not self.has_row:
            self.has_row = True
            self.database.write_run(self._row("running", None))
        todos = [t for p in papers if (t := self._todo(p, hashes[p.paper_id]))]
        stored = self.database.completions([t.key for t in todos])
        to_ask: list[Todo] = []
        for todo in todos:
            known = stored.get(todo.key)
            is_answered = known is not None and known["status"] == "ok"
            batch = self._ground(todo, known["content"]) if known and is_answered else None
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

    def _is_retried(self, known: dict[str, Any]) -> bool:
        return self.options.retry_failed or bool(known["is_transient"])

    def _todo(self, paper: Paper, text_hash: str) -> Todo | None:
        """Prepare the request of a paper; one that cannot be asked becomes a failed row."""
        length = len(paper.title) + len(paper.abstract)
        if length > self.model.max_chars:
            message = f"{length:,} characters, and {self.model.name} takes {self.model.max_chars:,}"
            self._fail(paper, f"long-{text_hash}", None, Failure("too_long", message))
            return None
        shown = show(paper)
        request = self.recipe.request(shown)
        return Todo(paper, text_hash, shown, request, request_key(request))

    async def _ask_all(self, todos: list[Todo]) -> None:
        """Ask for papers side by side; papers with the same text share one call."""
        if self.asking is None:
            asking = _Asking(self.model, self.options.concurrency, self.progress)
            self.asking = await self.stack.enter_async_context(asking.opened())
        groups: dict[str, list[Todo]] = {}
        for todo in todos:
            groups.setdefault(todo.key, []).append(todo)
        width = asyncio.Semaphore(2 * self.asking.width)
        try:
            async with asyncio.TaskGroup() as tasks:
                for group in groups.values():
                    await width.acquire()
                    task = tasks.create_task(self._ask(self.asking, group))
                    task.add_done_callback(lambda _: width.release())
        except BaseExceptionGroup as errors:
            raise _first(errors) from None

    async def _ask(self, asking: _Asking, group: list[Todo]) -> None:
        """Ask once for all papers of one text, and store what came back."""
        todo = group[0]
        outcome = await asking.ask(todo)
        self.report.add_usage(outcome.usage)
        if isinstance(outcome, Failure):
            for each in group:
                self._fail(each.paper, each.key, each.request, outcome)
        else:
            row = self._completion_row(todo.key, todo.request) | _completed(outcome)
            # One batch: an answer and its facts are committed together or not at all.
            batch = Batch(completions=[row])
            for each in group:
                batch.add(self._ground(each, outcome.content) or Batch())
            self.writer.put(batch)
            self.report.asked += len(group)
        self.watch(self.report)

    def _ground(self, todo: Todo, content: str) -> Batch | None:
        """Return the rows of one answer's facts; None where the answer is no answer now."""
        try:
            answer = answer_rows(self.recipe.answer(content, todo.shown))
        except ValueError:
            return None
        grounded = ground(self.recipe.task, answer, todo.text, self.recipe.prompt.example_values)
        extraction = digest(todo.paper.paper_id, todo.text_hash, todo.key, DERIVATION)
        batch = Batch(
            current=[
                {
                    "task": self.recipe.task.name,
                    "paper_id": todo.paper.paper_id,
                    "extraction_id": extraction,
                }
            ]
        )
        if not self.database.extraction_ids([extraction]):
            batch.add(fact_rows(todo, grounded, extraction, self.recipe.ask_id, self.report.run_id))
        for fact in grounded.facts:
            counter = self.report.missing if fact.alignment == "missing" else self.report.facts
            counter[fact.kind] += 1
        return batch

    def _fail(self, paper: Paper, key: str, request: Request | None, failure: Failure) -> None:
        """Keep a failure as a row, and list it in the report."""
        self.report.failed.append(FailedPaper(paper.paper_id, paper.title, failure))
        row = self._completion_row(key, request) | {
            "status": "failed",
            "failure_class": failure.failure_class,
            "failure_message": failure.message,
            "is_transient": failure.is_transient,
            "attempts": failure.attempts,
            "http_status": failure.http_status,
            "finish_reason": failure.finish_reason,
            "content": failure.excerpt,
            "request_id": failure.request_id,
            **_tokens(failure),
        }
        self.writer.put(Batch(completions=[row]))

    def _completion_row(self, key: str, request: Request | None) -> dict[str, Any]:
        """Return what every completion row says of its request."""
        recipe = self.recipe
        return {
            "completion_key": key,
            "model": recipe.model,
            "model_id": recipe.model_id,
            "task": recipe.task.name,
            "task_version": recipe.task.version,
            "prompt_version": recipe.prompt.version,
            "wire": recipe.wire,
            "request": _stored_request(request) if request else None,
            "run_id": self.report.run_id,
            "created_at": now(),
        }

    def _row(self, state: str, code: int | None) -> dict[str, Any]:
        """Return the run's own row."""
        report = self.report
        return {
            "run_id": report.run_id,
            "started_at": self.started_at,
            "finished_at": None if state == "running" else now(),
            "state": state,
            "exit_code": code,
            "feed": report.feed,
            "model": report.model,
            "task": report.task,
            "tool_version": tool_version(),
            "papers": report.papers,
            "cached": report.cached,
            "asked": report.asked,
            "failed": len(report.failed),
            "problems": len(self.feed.problems),
            "facts": sum(report.facts.values()),
            "missing": sum(report.missing.values()),
            **{k: v for k, v in asdict(report.usage).items() if k != "calls"},
            "calls": report.usage.calls,
        }


class _Asking:
    """The model while it is being asked: a local server is started here, and started again."""

    def __init__(self, model: Model, concurrency: int | None, progress: Progress) -> None:
        self.model, self.progress = model, progress
        self.limits = limits_for(model, concurrency)
        self.width = self.limits.concurrency
        self._restarting = asyncio.Lock()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[_Asking]:
        """Keep the model reachable for as long as the block lasts."""
        from extract.asking import Asker

        async with AsyncExitStack() as stack:
            self.stack = stack
            self.server = None
            if self.model.is_local:
                server = await asyncio.to_thread(self.model.server, self.progress)
                await asyncio.to_thread(server.__enter__)
                stack.callback(server.close)
                self.server = server
                endpoint = local_endpoint(server)
            else:
                endpoint = self.model.hosted_endpoint()
            self.asker = await stack.enter_async_context(Asker(endpoint, self.limits))
            yield self

    async def ask(self, todo: Todo) -> Completion | Failure:
        """Ask for one paper; after the death of the local process, ask a new one once more."""
        asker = self.asker
        outcome = await self._ask_once(todo)
        if isinstance(outcome, Failure) and self.server is not None:
            async with self._restarting:
                if asker is self.asker and not self.server.is_alive():
                    await self._restart()
            if asker is not self.asker:
                outcome = await self._ask_once(todo)
            if isinstance(outcome, Failure) and not self.server.is_alive():
                outcome = replace(outcome, failure_class="local_crash")
        return outcome

    async def _ask_once(self, todo: Todo) -> Completion | Failure:
        from extract.asking import Asked

        recipe = self.model.recipe
        answer_model = None if recipe.compact else recipe.task.answer
        asked = await self.asker.ask(
            todo.request, lambda content: recipe.answer(content, todo.shown), answer_model
        )
        return asked.completion if isinstance(asked, Asked) else asked

    async def _restart(self) -> None:
        from extract.asking import Asker

        assert self.server is not None
        await asyncio.to_thread(self.server.restart)
        endpoint = local_endpoint(self.server)
        self.asker = await self.stack.enter_async_context(Asker(endpoint, self.limits))


def fact_rows(todo: Todo, grounded: Grounded, extraction: str, ask_id: str, run_id: str) -> Batch:
    """Return the rows of one extraction: itself, its facts and its mentions."""
    paper_id = todo.paper.paper_id

    def fact_id(kind: str, position: int) -> str:
        return f"{kind}-{digest(extraction, kind, str(position))[:14]}"

    batch = Batch(
        extractions=[
            {
                "extraction_id": extraction,
                "paper_id": paper_id,
                "text_hash": todo.text_hash,
                "task": todo.request.task,
                "ask_id": ask_id,
                "derivation": DERIVATION,
                "completion_key": todo.key,
                "run_id": run_id,
                "facts": len(grounded.facts) - grounded.missing,
                "missing": grounded.missing,
                "created_at": now(),
            }
        ]
    )
    for fact in grounded.facts:
        columns = dict(fact.columns)
        for name, target in fact.refs.items():
            columns[f"{name}_id"] = fact_id(*target) if target else None
        batch.facts.setdefault(fact.kind, []).append(
            {
                "fact_id": fact_id(fact.kind, fact.position),
                "extraction_id": extraction,
                "paper_id": paper_id,
                "position": fact.position,
                "sentence": fact.sentence,
                "span_start": fact.span_start,
                "span_end": fact.span_end,
                "alignment": fact.alignment,
                "reason": fact.reason,
                "evidence": fact.evidence,
                "completion_key": todo.key,
                **columns,
            }
        )
    for m in grounded.mentions:
        batch.mentions.append(
            {
                "extraction_id": extraction,
                "fact_id": fact_id(m.kind, m.position),
                "paper_id": paper_id,
                "kind": m.kind,
                "sentence": m.sentence,
                "span_start": m.span_start,
                "span_end": m.span_end,
                "surface": m.surface,
            }
        )
    return batch


def _paper_row(paper: Paper, text_hash: str, feeds: list[str]) -> dict[str, Any]:
    from extract.sentences import split_sentences

    return {
        "paper_id": paper.paper_id,
        "title": paper.title,
        "abstract": paper.abstract,
        "url": paper.url,
        "published": paper.published,
        "authors": list(paper.authors),
        "venue": paper.venue,
        "feeds": list(dict.fromkeys(feeds)),
        "text_hash": text_hash,
        "sentence_spans": [list(span) for span in split_sentences(paper.abstract)],
        "added_at": now(),
    }


def _completed(completion: Completion) -> dict[str, Any]:
    """Return the columns of an answer."""
    logprobs = completion.token_logprobs
    return {
        "status": "ok",
        "content": completion.content,
        "finish_reason": completion.finish_reason,
        "repaired": completion.repaired,
        "attempts": completion.attempts,
        "http_status": completion.http_status,
        "request_id": completion.request_id,
        "latency_s": completion.latency_s,
        "token_logprobs": json.dumps(logprobs) if logprobs else None,
        **_tokens(completion),
    }


def _tokens(outcome: Completion | Failure) -> dict[str, Any]:
    usage = outcome.usage
    return {
        "calls": usage.calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
    }


def _stored_request(request: Request) -> str:
    """Return the request as it is kept: the grammar and schema follow from the rest."""
    kept = asdict(request)
    for derived in ("grammar", "answer_schema", "parts"):
        kept.pop(derived)
    return json.dumps(kept, ensure_ascii=False)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error of a group that says most: one of ours before any other."""
    flat: list[BaseException] = []
    for error in errors.exceptions:
        flat += [_first(error)] if isinstance(error, BaseExceptionGroup) else [error]
    return next((e for e in flat if isinstance(e, PaperfactsError)), flat[0])


class Signals:
    """Turns SIGINT and SIGTERM into the end of *task*; a second signal ends at once."""

    def __init__(self, task: asyncio.Task[Any] | None) -> None:
        self.task = task
        self.names: list[str] = []

    def __enter__(self) -> list[str]:
        loop = asyncio.get_running_loop()
        self.installed = []
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._came, signal.Signals(number))
                self.installed.append(number)
        return self.names

    def _came(self, number: signal.Signals) -> None:
        if self.names:
            import os

            os._exit(128 + number)
        self.names.append(number.name)
        if self.task is not None:
            self.task.cancel()

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in self.installed:
            loop.remove_signal_handler(number)
