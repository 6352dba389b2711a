"""`--verbose`: what each paper was asked, and what came back, word for word.

Not here: the log of a whole run. That is the table `completions`, with or without `--verbose`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

from extract.completion import Completion, Failure, Usage, Waiting
from extract.errors import InputError, PaperfactsError
from extract.models import Model
from extract.session import LaterSession
from extract.terminal import safe_text
from extract.todo import Todo

OpenSession = Callable[[], AbstractAsyncContextManager[LaterSession]]


class VerboseSession:
    """Asks another session, and prints each paper's conversation on stderr once it is over.

    A paper is printed in one piece, so that those asked side by side stay apart. *secret* is the
    provider's key, which a server may echo: it is never printed.
    """

    def __init__(self, inner: LaterSession, secret: str = "") -> None:
        self.inner, self.secret = inner, secret
        self.width = inner.width

    async def ask(self, todo: Todo) -> Completion | Failure | Waiting:
        """Return what the other session returns, once it is printed."""
        try:
            outcome = await self.inner.ask(todo)
        except PaperfactsError as error:
            self._print([*_prompt(todo), ("not answered", str(error))])
            raise
        self._print([*_prompt(todo), *_outcome(outcome)])
        return outcome

    def _print(self, parts: list[tuple[str, str]]) -> None:
        """Print parts, each a heading with its text indented: no text can look like a heading."""
        lines = []
        for heading, text in parts:
            lines.append(safe_text(self._without_key(heading)))
            shown = safe_text(self._without_key(text), keep="\n\t")
            lines += [f"    {line}".rstrip(" ") for line in shown.split("\n")] if text else []
        print("\n".join(lines), file=sys.stderr, flush=True)

    def _without_key(self, text: str) -> str:
        return text.replace(self.secret, "[key]") if self.secret else text


def verbosely(model: Model) -> Callable[[OpenSession], OpenSession]:
    """Return what makes a verbose session of one that asks *model*."""
    secret = ""
    if not model.is_local:
        with suppress(InputError):  # no key: recorded answers need none, and asking says so
            secret = model.hosted_endpoint().secret()

    def around(open_session: OpenSession) -> OpenSession:
        @asynccontextmanager
        async def opened() -> AsyncIterator[VerboseSession]:
            async with open_session() as inner:
                yield VerboseSession(inner, secret)

        return opened

    return around


def _prompt(todo: Todo) -> Iterator[tuple[str, str]]:
    """Yield the title and the messages of the first call."""
    yield f"---- {todo.paper.paper_id}  {todo.paper.title}", ""
    yield f"asked: {todo.request.model}, wire {todo.request.wire}, completion {todo.key}", ""
    for message in todo.request.messages:
        yield message["role"], message["content"]


def _outcome(outcome: Completion | Failure | Waiting) -> Iterator[tuple[str, str]]:
    """Yield every reply that was read, and how it ended."""
    if isinstance(outcome, Waiting):
        yield "in a batch: the answer comes later", ""
        return
    is_answer = isinstance(outcome, Completion)
    refused = outcome.heard[:-1] if is_answer else outcome.heard
    for number, reply in enumerate(refused, 1):
        why = f": {reply.problem}" if reply.problem else ""
        yield f"reply {number}, not accepted{why}", reply.content
    cost = f"{_cost(outcome.usage)}, finish reason {outcome.finish_reason or 'unknown'}"
    if isinstance(outcome, Completion):
        mended = ", mended before it was read" if outcome.repaired else ""
        raw = outcome.heard[-1].content if outcome.heard else outcome.content
        yield f"answer ({cost}, {outcome.latency_s:.2f} s{mended})", raw
        return
    if outcome.excerpt and not outcome.heard:
        yield "reply, from its beginning", outcome.excerpt
    yield f"failed: {outcome.failure_class} ({cost})", outcome.message


def _cost(usage: Usage) -> str:
    calls = f"{usage.calls} call{'s' if usage.calls != 1 else ''}"
    return f"{calls}, {usage.input_tokens:,} tokens in, {usage.output_tokens:,} out"
