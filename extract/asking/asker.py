"""Asking a model: one request in, one checked answer or one failure out.

    Asker.ask -> a place at the gate -> _answer (re-asks) -> _reply (retries) -> _call

Each layer does one thing. What concerns one paper ends as a `Failure`; what concerns all of
them is raised as a `ModelError`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Generic, Self, TypeVar

from pydantic import BaseModel

from extract.asking.call import call
from extract.asking.checking import checked
from extract.asking.client import Line, open_line
from extract.asking.descriptors import allow_open_files
from extract.asking.endpoint import Endpoint, Limits
from extract.asking.errors import WaitTooLong
from extract.asking.fault import Fault
from extract.asking.gate import Clock, Gate, Sleep
from extract.asking.mapping import mapped
from extract.asking.policy import Tally, backoff_s, retrying
from extract.asking.purse import Purse, bound_of
from extract.asking.question import Question, question_of
from extract.asking.rates import Rates
from extract.asking.reask import reasked
from extract.asking.reply import Reply
from extract.asking.tracing import Tracing
from extract.asking.words import problem_words, shown_words
from extract.completion import EXCERPT_CHARS, Completion, Failure, Heard
from extract.errors import ModelError, PaperfactsError
from extract.money.errors import BudgetReached
from extract.request import Request

T = TypeVar("T")


@dataclass(frozen=True)
class Asked(Generic[T]):
    """An answer that was checked, and the completion that it stands in."""

    completion: Completion
    answer: T


class Asker:
    """Asks one model; an async context manager that owns its client, gate and breaker.

    `calls` counts the calls that were made, retries and re-asks too. `notes` says in words what
    was changed on the way, for the report. A *purse* reserves money before each of them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        limits: Limits = Limits(),  # noqa: B008  # frozen
        *,
        purse: Purse | None = None,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.endpoint = endpoint
        self.limits = limits
        self.calls = 0
        self.notes: list[str] = []
        self._purse = purse
        self._clock = clock
        self._sleep = sleep
        rates = Rates(limits.rpm, limits.tpm, max_wait_s=limits.max_wait_s)
        self._gate = Gate(limits.concurrency, limits.breaker, clock=clock, sleep=sleep, rates=rates)
        self._tracing = Tracing(endpoint)
        self._line: Line | None = None

    async def __aenter__(self) -> Self:
        allow_open_files(self.limits.concurrency)
        # In a thread: importing the SDK takes most of a second.
        self._line = await asyncio.to_thread(self._open)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._line is not None:
            await self._line.close()
            self._line = None

    async def ask(
        self,
        request: Request,
        validate: Callable[[str], T],
        answer_model: type[BaseModel] | None = None,
    ) -> Asked[T] | Failure:
        """Return the answer to *request* once *validate* takes it, or why there is none.

        *validate* gets the answer's text and raises `ValueError` where it will not do; the model
        is then told why and asked again. The first call of all runs alone: a wrong key is found
        out by one call, not by as many as may run together.
        """
        async with self._gate.place():
            await self._gate.wait_until_free()
            tally = Tally(self._clock())
            try:
                with self._tracing.paper(request, tally):
                    asked = await self._answer(request, validate, answer_model, tally)
            except Fault as error:
                fault = error
            except BudgetReached as reached:
                reached.usage, reached.spent = tally.usage(), tally.spent
                raise
            else:
                self._gate.answered()
                return asked
            return self._given_up(fault, tally)

    async def _answer(
        self,
        request: Request,
        validate: Callable[[str], T],
        answer_model: type[BaseModel] | None,
        tally: Tally,
    ) -> Asked[T]:
        """Ask, and ask again with what was wrong, until *validate* takes the answer."""
        assert self._line is not None, "an Asker is used inside `async with`"
        question = question_of(request, answer_model, self._line)
        for reasks_left in range(self.limits.max_reasks, -1, -1):
            reply = await self._reply(self._line, question, tally)
            tally.heard.append(Heard(reply.content, reply.problem))
            try:
                answer, text, is_repaired = checked(tally.heard[-1], validate)
            except ValueError as problem:
                if reasks_left == 0:
                    raise invalid_answer(reply, problem) from None
                question = reasked(question, reply, problem)
            else:
                return Asked(self._completion(reply, text, is_repaired, tally), answer)
        raise AssertionError("unreachable: the last round returns or raises")

    async def _reply(self, line: Line, question: Question, tally: Tally) -> Reply:
        """Call until there is a reply or the policy gives up."""
        fault: Fault | None = None
        try:  # nearly every call is answered, and the policy would cost a tenth of it
            return await self._call(line, question, tally)
        except Fault as first:
            fault = first
        policy = retrying(self.limits, tally, clock=self._clock, sleep=self._gate.pause)
        async for attempt in policy:
            with attempt:
                if fault is not None:
                    met, fault = fault, None
                    raise met
                # An answer that was cut is asked for again, once, with twice the room.
                budget = 2 if tally.faults["truncated"] else 1
                return await self._call(line, question.with_budget(budget), tally)
        raise AssertionError("unreachable: the policy returns or raises")

    async def _call(self, line: Line, question: Question, tally: Tally) -> Reply:
        """Make one call, paid for from the purse where there is one."""
        if self._purse is None:
            return await self._timed(line, question, tally)
        asked_at = self._clock()
        hold = await self._purse.reserve(bound_of(question, line))
        tally.started += self._clock() - asked_at  # waiting for money is not the provider's time
        sent, counted, unbilled = tally.sent, len(tally.counted), 0
        try:
            return await self._timed(line, question, tally)
        except Fault as fault:
            unbilled = not fault.may_be_billed
            raise
        finally:
            # In any case: a call that is cancelled, by a signal too, may have been billed.
            known = tally.counted[counted:]
            unknown = max(0, tally.sent - sent - len(known) - unbilled)
            tally.add_spent(self._purse.settle(hold, known, unknown))

    async def _timed(self, line: Line, question: Question, tally: Tally) -> Reply:
        """Make one call within what is left of the paper's time, and count it."""
        async with self._gate.room(question.chars, question.max_tokens) as ticket:
            tally.started += ticket.waited_s  # waiting for our turn is not the provider's time
            read, written = tally.input_tokens, tally.output_tokens
            called_at, calls_before = self._clock(), tally.calls
            left_s = self.limits.total_timeout_s - (called_at - tally.started)
            tally.calls += 1
            try:
                limit_s = max(0.001, min(self.limits.call_timeout_s, left_s))
                with self._tracing.call(question, tally) as span:
                    reply = await call(line, question, tally, limit_s)
                    span.replied(reply)
            except Fault as fault:
                self._note(fault, tally, called_at)
                raise
            finally:
                self.calls += tally.calls - calls_before
                ticket.used = tally.input_tokens - read, tally.output_tokens - written
        self._gate.answered()
        self._gate.widen()
        return reply

    def _note(self, fault: Fault, tally: Tally, called_at: float) -> None:
        """Let every worker of this model know what a fault means for it."""
        tally.faults[fault.failure_class] += 1
        if fault.failure_class == "rate_limited" and fault.retry_after_s is None:
            fault.retry_after_s = backoff_s(tally.faults["rate_limited"], is_rate_limit=True)
        if fault.retry_after_s is not None:
            if fault.retry_after_s > self.limits.max_wait_s:
                fault.stops = _wait_too_long(fault.retry_after_s, self.endpoint)
                fault.tries = 1
            else:
                self._gate.hold(fault.retry_after_s)
        if fault.failure_class == "rate_limited":
            self._gate.narrow(called_at)
        if fault.wants_fewer and self._gate.narrow(called_at, for_good=True):
            self.notes.append(f"{fault.message} (now {self._gate.width})")

    def _given_up(self, fault: Fault, tally: Tally) -> Failure:
        """Return the row of a paper that was given up; raise where no other would fare better."""
        is_first = fault.stops_only_first and self._gate.has_answered
        if fault.stops is not None and not is_first:
            self._gate.shut(fault.stops)
            raise fault.stops from fault.__cause__
        self._gate.failed(fault)
        return replace(fault.as_failure(tally.usage(), tuple(tally.heard)), spent=tally.spent)

    def _completion(self, reply: Reply, text: str, is_repaired: bool, tally: Tally) -> Completion:
        """Return the completion of a reply that was accepted."""
        return Completion(
            content=text,
            usage=tally.usage(),
            finish_reason=reply.finish_reason,
            latency_s=self._clock() - tally.started,
            attempts=tally.calls,
            repaired=is_repaired,
            request_id=reply.request_id,
            http_status=reply.http_status,
            token_logprobs=reply.token_logprobs,
            heard=tuple(tally.heard),
            spent=tally.spent,
        )

    def _open(self) -> Line:
        """Open the client; whatever a library says about that is ours afterwards."""
        try:
            return open_line(self.endpoint, self.limits, self._gate.heard)
        except PaperfactsError:
            raise
        except Exception as error:  # noqa: BLE001  # what is not known there is raised again
            fault = mapped(error, self.endpoint)
        raise fault.stops or ModelError(fault.message) from fault.__cause__


def invalid_answer(reply: Reply, problem: ValueError) -> Fault:
    """Return the fault of an answer that stayed wrong after the last re-ask."""
    return Fault(
        "schema_invalid",
        f"the answer is not what was asked for: {shown_words(problem_words(problem))}",
        http_status=reply.http_status,
        finish_reason=reply.finish_reason,
        request_id=reply.request_id,
        excerpt=reply.content[:EXCERPT_CHARS],
    )


def _wait_too_long(wait_s: float, endpoint: Endpoint) -> WaitTooLong:
    """Return the error of a provider that wants to be left alone for too long."""
    wait = f"{wait_s // 3600:.0f} h" if wait_s >= 3600 else f"{wait_s / 60:.0f} min"
    return WaitTooLong(
        f"{endpoint.place} asks to wait {wait}; rerun to resume",
        hint="What was answered is kept: run the same command again later.",
        wait_s=wait_s,
    )
