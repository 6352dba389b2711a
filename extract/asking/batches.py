"""The Batch API of the OpenAI protocol: files and batches, one call each, and their retries.

Every call but one may be made twice without harm. The one that starts a batch may not: where it
breaks, nobody knows whether the batch was started, so the provider is asked for it first, by the
marker that is in its metadata and by its file.

What cannot be done is raised as a `ModelError`. Not here: what is kept of a batch, and what
follows from how it stands (`extract.batching`).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from pydantic import BaseModel

from extract.asking.batch_jobs import MARKER, Job, job_of
from extract.asking.client import Line, open_line
from extract.asking.endpoint import Endpoint, Limits
from extract.asking.errors import ModelNotFound
from extract.asking.fault import Fault
from extract.asking.gate import Clock, Sleep
from extract.asking.mapping import late, mapped
from extract.asking.policy import Tally, retrying
from extract.asking.purse import Bound, bound_of
from extract.asking.question import PATHS, Question, question_of
from extract.asking.reply import Received, document_of
from extract.asking.statuses import fault_in_body
from extract.asking.words import shown_words
from extract.errors import InputError, ModelError, PaperfactsError
from extract.request import Request

T = TypeVar("T")

WINDOW = "24h"
FILE_TIMEOUT_S = 900.0
MAX_FILE_BYTES = 2_000_000_000
PAGE = 100
LOOK_BACK_S = 86_400
"""A batch made so long before ours was planned is not ours, whatever the clocks say."""
REFUSALS = frozenset({400, 404, 405, 413, 422, 501})


class NoListing(ModelError):
    """The provider does not say which batches there are."""


class BatchRefused(ModelError):
    """The provider did not take the batch: it was not started, and would not be another time."""


class BatchLine:
    """A provider's Batch API; an async context manager that owns its clients."""

    def __init__(
        self,
        endpoint: Endpoint,
        limits: Limits = Limits(),  # noqa: B008  # frozen
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.endpoint = endpoint
        self.limits = limits
        self._clock, self._sleep = clock, sleep
        self._line: Line | None = None
        self._file_line: Line | None = None

    async def __aenter__(self) -> Self:
        self._line = await asyncio.to_thread(self._open, self.limits)
        if self._line.is_wrapped:
            raise InputError(
                f"{self.endpoint.place} has no Batch API of the OpenAI protocol",
                hint="Leave out --batch, or use openai/NAME or a server with --base-url.",
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for line in (self._line, self._file_line):
            if line is not None:
                await line.close()

    def path(self) -> str:
        """Return the endpoint that batches of this mode are for."""
        return f"/v1{PATHS[self.endpoint.answer_mode]}"

    def question(self, request: Request, answer_model: type[BaseModel], budget: int) -> Question:
        """Return *request* as a live call would ask it, with room for *budget* times the answer."""
        return question_of(request, answer_model, self._calls()).with_budget(budget)

    def bound(self, question: Question) -> Bound:
        """Return the most tokens that *question* can take."""
        return bound_of(question, self._calls())

    def row(self, key: str, question: Question) -> bytes:
        """Return the line of the batch's file that asks *question*.

        Written in ASCII: some servers take U+2028 in a text for the end of its line.
        """
        row = {
            "custom_id": key,
            "method": "POST",
            "url": f"/v1{question.path}",
            "body": question.sent_form(),
        }
        return json.dumps(row, separators=(",", ":")).encode() + b"\n"

    async def upload(self, file: IO[bytes], name: str) -> str:
        """Send a file of rows; return its id."""
        client = (await self._for_files()).client

        async def send() -> dict[str, Any]:
            file.seek(0)
            return self._document(
                await client.files.with_raw_response.create(file=(name, file), purpose="batch")
            )

        document = await self._tried(send, FILE_TIMEOUT_S, "the upload of the batch")
        return self._id_in(document)

    async def start(self, file_id: str, path: str, marker: str, since_s: float) -> Job:
        """Start the batch of a file, once: where the call breaks, look whether it was started."""
        client = self._calls().client

        async def create() -> dict[str, Any]:
            return self._document(
                await client.batches.with_raw_response.create(
                    input_file_id=file_id,
                    endpoint=path,
                    completion_window=WINDOW,
                    metadata={MARKER: marker},
                    extra_headers={"Idempotency-Key": f"{MARKER}-{marker}"},
                )
            )

        tally = Tally(self._clock())
        policy = retrying(self.limits, tally, clock=self._clock, sleep=self._sleep)
        try:
            async for attempt in policy:
                with attempt:
                    if tally.calls and (found := await self.find(marker, file_id, since_s)):
                        return found
                    tally.calls += 1
                    return job_of(await self._once(create, self.limits.call_timeout_s, tally))
        except Fault as fault:
            error = self._error(fault, "the start of the batch")
            if fault.http_status in REFUSALS:
                error = BatchRefused(str(error), hint=error.hint)
            raise error from fault.__cause__
        raise AssertionError("unreachable: the policy returns or raises")

    async def find(self, marker: str, file_id: str, since_s: float) -> Job | None:
        """Return the batch that has this marker or file; None where there is none.

        Of several, which a broken call may have left, one that did not fail counts, and the
        others are cancelled.
        """
        found: list[Job] = []
        after: str | None = None
        while True:
            jobs, has_more = await self._page(after)
            found += [job for job in jobs if job.marker == marker or job.file_id == file_id]
            is_old = jobs and (jobs[-1].created_at or since_s) < since_s - LOOK_BACK_S
            if not has_more or not jobs or is_old or jobs[-1].id == after:
                break
            after = jobs[-1].id
        found.sort(key=lambda job: (job.status in ("failed", "cancelled"), job.created_at or 0))
        for spare in found[1:]:
            if not spare.is_final:
                await self.cancel(spare.id)
        return found[0] if found else None

    async def job(self, job_id: str) -> Job:
        """Return how a batch stands."""
        client = self._calls().client

        async def retrieve() -> dict[str, Any]:
            return self._document(await client.batches.with_raw_response.retrieve(job_id))

        return job_of(await self._tried(retrieve, self.limits.call_timeout_s, f"batch {job_id}"))

    async def cancel(self, job_id: str) -> Job:
        """Ask for a batch to be ended; what it has answered so far can still be fetched."""
        client = self._calls().client

        async def end() -> dict[str, Any]:
            return self._document(await client.batches.with_raw_response.cancel(job_id))

        try:
            return job_of(await self._tried(end, self.limits.call_timeout_s, f"batch {job_id}"))
        except ModelNotFound:
            raise
        except ModelError:
            # One that has ended meanwhile cannot be cancelled, and need not be.
            job = await self.job(job_id)
            if job.is_final or job.status == "cancelling":
                return job
            raise

    async def download(self, file_id: str, into: IO[bytes]) -> bool:
        """Write a file's content to *into*, from its beginning; False where it is gone."""
        client = (await self._for_files()).client

        async def fetch() -> bool:
            into.seek(0)
            into.truncate()
            async with client.files.with_streaming_response.content(file_id) as response:
                async for piece in response.iter_bytes():
                    into.write(piece)
            return True

        try:
            return await self._tried(fetch, FILE_TIMEOUT_S, f"file {file_id}")
        except ModelNotFound:
            return False

    async def _page(self, after: str | None) -> tuple[list[Job], bool]:
        client = self._calls().client
        more: dict[str, Any] = {"after": after} if after else {}

        async def listing() -> dict[str, Any]:
            request = client.batches.with_raw_response.list(limit=PAGE, **more)
            return self._document(await request)

        try:
            document = await self._tried(listing, self.limits.call_timeout_s, "the batches")
        except ModelNotFound as error:
            raise NoListing(
                f"{self.endpoint.place} does not say which batches there are, so nobody knows"
                " whether one that was being started runs there",
                hint="Look for it with the provider. paperfacts batch cancel forgets it.",
            ) from error
        jobs = [job_of(each) for each in document.get("data") or [] if isinstance(each, dict)]
        return jobs, bool(document.get("has_more"))

    async def _tried(self, call: Callable[[], Awaitable[T]], limit_s: float, what: str) -> T:
        """Make a call that may be made again, until it succeeds or the policy gives up."""
        tally = Tally(self._clock())
        policy = retrying(self.limits, tally, clock=self._clock, sleep=self._sleep)
        try:
            async for attempt in policy:
                with attempt:
                    return await self._once(call, limit_s, tally)
        except Fault as fault:
            raise self._error(fault, what) from fault.__cause__
        raise AssertionError("unreachable: the policy returns or raises")

    async def _once(self, call: Callable[[], Awaitable[T]], limit_s: float, tally: Tally) -> T:
        """Make one call; raise the `Fault` where it fails."""
        try:
            async with asyncio.timeout(limit_s):
                return await call()
        except Fault as raised:
            fault = raised
        except TimeoutError:
            fault = late(self.endpoint, limit_s)
        except Exception as error:  # noqa: BLE001  # what is not known there is raised again
            fault = mapped(error, self.endpoint)
        tally.faults[fault.failure_class] += 1
        raise fault

    def _document(self, response: Any) -> dict[str, Any]:
        """Return the JSON object of an answer; a `Fault` where it has none."""
        headers = response.headers
        received = Received(
            response.content,
            headers.get("content-type", ""),
            response.status_code,
            headers.get("x-request-id"),
            self.endpoint,
        )
        document = document_of(received)
        if "status" not in document and (fault := fault_in_body(document, self.endpoint)):
            raise fault
        return document

    def _id_in(self, document: dict[str, Any]) -> str:
        found = document.get("id")
        if isinstance(found, str) and found:
            return found
        raise ModelError(
            f"{self.endpoint.place} answered without an id: {shown_words(json.dumps(document))}",
            hint="Does this server have the Batch API? Leave out --batch where it has not.",
        )

    def _error(self, fault: Fault, what: str) -> ModelError:
        """Return the error that ends the command; nothing is lost by it."""
        if fault.http_status in (404, 405, 501):
            return ModelNotFound(
                f"{self.endpoint.place} does not know {what} ({fault.http_status}):"
                f" {shown_words(str(fault), self.endpoint.secret())}",
                hint="Is it the server and the key that it was submitted with, and does it have"
                " the Batch API?",
            )
        if fault.stops is not None:
            return fault.stops
        return ModelError(
            f"{what}: {fault.message}",
            hint="Run the same command again: nothing is lost, and nothing is sent twice.",
        )

    def _calls(self) -> Line:
        assert self._line, "a BatchLine is used inside `async with`"
        return self._line

    async def _for_files(self) -> Line:
        """Return the line for files, which are longer than any answer to a call."""
        if self._file_line is None:
            limits = replace(
                self.limits, call_timeout_s=FILE_TIMEOUT_S, max_response_bytes=MAX_FILE_BYTES
            )
            self._file_line = await asyncio.to_thread(self._open, limits)
        return self._file_line

    def _open(self, limits: Limits) -> Line:
        """Open a client; whatever a library says about that is ours afterwards."""
        try:
            return open_line(self.endpoint, limits)
        except PaperfactsError:
            raise
        except Exception as error:  # noqa: BLE001  # what is not known there is raised again
            fault = mapped(error, self.endpoint)
        raise fault.stops or ModelError(fault.message) from fault.__cause__
