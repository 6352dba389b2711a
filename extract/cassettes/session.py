"""A session that answers from recordings, and asks a model only where its mode says so.

In the mode `replay` nothing is opened, whatever happens: there is no way from here to a network.

Not here: what a recording is (`cassette`), and how it becomes an outcome again (`playing`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from extract.cassettes.cassette import Cassette, PaperPart, cassette_of, request_part
from extract.cassettes.errors import CassetteDamaged, CassetteMissing, CassettesStale
from extract.cassettes.folder import Cassettes, shown_path
from extract.cassettes.modes import Mode
from extract.cassettes.nearest import nearest
from extract.cassettes.playing import NoLongerValid, played
from extract.completion import Completion, Failure
from extract.recipe import Recipe
from extract.session import Session
from extract.todo import Todo

OpenSession = Callable[[], AbstractAsyncContextManager[Session]]

REPLAY_WIDTH = 8
QUOTE_CHARS = 40
LISTED = 10


class CassetteSession:
    """Plays and makes the recordings at one place.

    `live` opens what is asked in the other modes. `command` is what people are told to run where
    a recording is missing. `asked` and `quoting` are keys: of what was asked, and of answers
    that quote a whole sentence of a text that was to be left out.
    """

    def __init__(
        self,
        cassettes: Cassettes,
        recipe: Recipe,
        mode: Mode = "replay",
        *,
        live: OpenSession | None = None,
        width: int = REPLAY_WIDTH,
        with_text: bool = True,
        command: str = "",
    ) -> None:
        self.cassettes, self.recipe, self.mode = cassettes, recipe, mode
        self.width, self.with_text, self.command = width, with_text, command
        self.asked: list[str] = []
        self.quoting: list[str] = []
        self._live = None if mode == "replay" else live
        self._opening = asyncio.Lock()
        self._session: Session | None = None
        self._secrets = tuple(v for k, v in os.environ.items() if k.endswith("_API_KEY") and v)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[CassetteSession]:
        """Keep what is asked open, once something has to be asked, as long as the block lasts."""
        async with AsyncExitStack() as stack:
            self._stack = stack
            try:
                yield self
            finally:
                self._session = None
                if self.mode in ("record", "refresh"):
                    self.cassettes.close()

    async def ask(self, todo: Todo) -> Completion | Failure:
        """Return the recorded outcome or the model's, as the mode says."""
        if self.mode == "replay":
            return self.play(todo)
        # What was asked a moment ago, for another paper or test, is fresh already.
        is_kept = self.mode == "record" or (
            self.mode == "refresh" and todo.key in self.cassettes.played
        )
        if is_kept and (kept := self._kept(todo)) is not None:
            return kept
        outcome = await (await self._opened()).ask(todo)
        self.asked.append(todo.key)
        if self.mode != "live":
            self._record(todo, outcome)
        return outcome

    def play(self, todo: Todo) -> Completion | Failure:
        """Return the recorded outcome; `CassetteMissing` where there is none."""
        cassette = self._read(todo.key)
        if cassette is None:
            raise self.missing(todo)
        self.cassettes.played.add(todo.key)
        try:
            return played(cassette, todo, self.recipe)
        except NoLongerValid as error:
            raise CassetteMissing(
                f"the recorded answer about {cassette.about} is none any more: {error}\n"
                f"  in {self.cassettes.place(todo.key)}\n"
                "  A live model would be told so and asked again; that was not recorded."
                " Its request is unchanged: the library checks answers in another way now.",
                hint=_how(self.command),
            ) from None

    def missing(self, todo: Todo, others: int = 0) -> CassetteMissing:
        """Return the error of a question that nobody recorded, and of so many *others*."""
        paper = PaperPart(id=todo.paper.paper_id, title=todo.paper.title)
        lines = [f"no answer is recorded about {paper.title!r} ({paper.id})"]
        found = nearest(paper, request_part(todo), list(self.cassettes.readable()))
        if found:
            cassette, differing = found
            lines.append(f"  nearest: {self.cassettes.place(cassette.key)}, about {cassette.about}")
            lines += [f"  differs in {words}" for words in differing]
        else:
            lines.append(f"  {self._nothing_near()}")
        lines += [f"  {problem}" for problem in self.cassettes.problems()[:LISTED]]
        if moved := self.cassettes.elsewhere(todo.key):
            lines.append(
                f"  it is recorded in {shown_path(moved)}: move it, if you renamed the test"
            )
        if others:
            more = "paper" if others == 1 else "papers"
            lines.append(f"  and no answer is recorded about {others} more {more}")
        return CassetteMissing("\n".join(lines), hint=_how(self.command))

    def _nothing_near(self) -> str:
        """Say that no recording is like the question."""
        count, where = len(self.cassettes), shown_path(self.cassettes.path)
        if not count:
            return f"nothing is recorded in {where}"
        if count == 1:
            return f"the only recording in {where} is not like it"
        return f"none of the {count} recordings in {where} is like it"

    def stale(self) -> CassettesStale | None:
        """Return the error of recordings that nothing played, None where all were."""
        keys = self.cassettes.unplayed()
        if not keys:
            return None
        verb = "recording was" if len(keys) == 1 else "recordings were"
        return CassettesStale(
            f"{len(keys)} {verb} not played: no paper asks for them any more\n"
            + "\n".join(stale_lines(self.cassettes, keys)),
            hint="Delete them, or let `paperfacts record` do so with --prune.",
        )

    def _read(self, key: str) -> Cassette | None:
        """Return the recording of *key*, None where there is none; say how to make it anew."""
        try:
            return self.cassettes.get(key)
        except CassetteDamaged as error:
            hint = f"{error.hint}\n{_how(self.command)}"
            raise CassetteDamaged(str(error), hint=hint) from None

    def _kept(self, todo: Todo) -> Completion | Failure | None:
        """Return the recorded outcome, None where the question has to be asked."""
        cassette = self._read(todo.key)
        # What failed for a passing reason is worth another try, and no recording.
        if cassette is None or cassette.outcome.is_transient:
            return None
        try:
            outcome = played(cassette, todo, self.recipe)
        except NoLongerValid:
            return None
        self.cassettes.played.add(todo.key)
        return outcome

    async def _opened(self) -> Session:
        """Return what is asked, opened when it is first needed."""
        async with self._opening:
            if self._session is None:
                assert self._live is not None, f"mode {self.mode} needs something to ask"
                self._session = await self._stack.enter_async_context(self._live())
                self.width = self._session.width
            return self._session

    def _record(self, todo: Todo, outcome: Completion | Failure) -> None:
        cassette = cassette_of(todo, outcome, with_text=self.with_text, secrets=self._secrets)
        if not self.with_text and _quotes(cassette, todo):
            self.quoting.append(todo.key)
        self.cassettes.put(cassette)
        self.cassettes.played.add(todo.key)


def stale_lines(cassettes: Cassettes, keys: list[str]) -> list[str]:
    """Return a line for each stale recording: its file and its paper."""
    by_key = {cassette.key: cassette for cassette in cassettes.readable()}
    lines = []
    for key in keys[:LISTED]:
        about = f", about {by_key[key].about}" if key in by_key else ", which cannot be read"
        lines.append(f"  {cassettes.place(key)}{about}")
    if len(keys) > LISTED:
        lines.append(f"  and {len(keys) - LISTED} more")
    return lines


def _quotes(cassette: Cassette, todo: Todo) -> bool:
    """True where a reply has a whole sentence of the paper in it."""
    said = "\n".join(reply.content for reply in cassette.outcome.replies)
    texts = [sentence.text for sentence in todo.shown.sentences]
    return any(len(text) >= QUOTE_CHARS and text in said for text in texts)


def _how(command: str) -> str:
    return f"Record it with: {command}" if command else "Record it with: paperfacts record"
