"""The answers of one batch, as they arrive: checked, grounded and stored like live ones.

Files may come more than once, in any order, cut short and with rows twice: what is stored is
never asked for or counted again, and an answer always stands against a failure. What is missing
in the end says why. Not here: how the batch stands with the provider (`extract.batching`).
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from extract.completion import Completion, Failure, Spent
from extract.papers import Paper
from extract.rows import answered_row
from extract.settling import Settling
from extract.shown import show
from extract.store.batches import BatchBook, StoredBatch
from extract.store.database import Batch, Database
from extract.todo import Todo, prepare

if TYPE_CHECKING:
    from extract.asking.batches import BatchLine

CHUNK = 250
MAX_LINE = 8_000_000
"""No longer answer is read from a live call either."""

Price = Callable[[Completion | Failure], Completion | Failure]


@dataclass(frozen=True)
class Asked:
    """What a key of the batch was about: papers whose text is still the one that was sent."""

    todos: Sequence[Todo]
    papers: Sequence[Paper]
    """All papers, also those whose text has changed since."""


class Arrivals:
    """Takes the files of one batch, and says in the end what became of each request."""

    def __init__(
        self,
        database: Database,
        settling: Settling,
        line: BatchLine,
        batch: StoredBatch,
        price: Price = lambda outcome: outcome,
    ) -> None:
        self.database, self.settling, self.line, self.batch = database, settling, line, batch
        self.book = BatchBook(database.path)
        self.papers_of = self.book.requests(batch.batch_id)
        self.outcomes: dict[str, str] = {}
        self.failures: dict[str, Failure] = {}
        self.unread = 0
        self.strays = 0
        self.stale = 0
        self.dearer = 0
        self._price = price
        answered = self.book.answered(self.papers_of)
        self.outcomes |= dict.fromkeys(answered, "answered")
        self.held = self.book.held(batch.batch_id)
        """The most that each request may cost whose cost is not counted yet."""
        self.settled: list[str] = []
        self.is_whole = True
        """False once something of the files could not be read."""

    async def take(self, file_id: str) -> bool:
        """Fetch a file and store its answers; False where the provider has it no more."""
        with tempfile.TemporaryFile() as file:
            if not await self.line.download(file_id, file):
                self.is_whole = False
                return False
            file.seek(0)
            rows = self._rows(file)
            while chunk := list(itertools.islice(rows, CHUNK)):
                self._store(chunk)
        return True

    def conclude(self, status: str) -> dict[str, str]:
        """Store why the rest has no answer; return what became of each request."""
        from extract.asking.batch_rows import EXPIRED, MISSING

        rest = [key for key in self.papers_of if self.outcomes.get(key) != "answered"]
        for keys in _chunks(rest):
            asked = self._asked(keys)
            rows = Batch()
            for key in keys:
                failure = self.failures.get(key)
                if failure is None and (key in self.outcomes or status in ("cancelled", "failed")):
                    self._count_unseen(key, status)
                    self.outcomes.setdefault(
                        key, "cancelled" if status == "cancelled" else "not_asked"
                    )
                    continue
                if failure is None:
                    self._count_unseen(key, status)
                    failure = EXPIRED if status == "expired" else MISSING
                self.outcomes[key] = failure.failure_class
                self._count(failure, len(asked[key].papers))
                self._settle(key)
                for paper in asked[key].papers:
                    todo = next((t for t in asked[key].todos if t.paper is paper), None)
                    request = todo.request if todo else None
                    rows.add(self.settling.failed(paper, key, request, failure))
            self.database.write(rows)
        for key in [*self.held]:  # those that had an answer from elsewhere
            self._count_unseen(key, status)
        return self.outcomes

    def notes(self) -> list[str]:
        """Return what the user should be told of rows that could not be used."""
        found = {
            "rows that cannot be read; their papers are asked again": self.unread,
            "rows that were not asked for, which were left out": self.strays,
            "answers about texts that have changed since; they are kept without facts": self.stale,
            "requests that cost more than was held for them, by the provider's count of their"
            " tokens: a budget may be exceeded by that": self.dearer,
        }
        return [f"{self.batch.batch_id}: {n} {what}" for what, n in found.items() if n]

    def _rows(self, file: IO[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the rows of a file that are ours and not answered yet."""
        from extract.asking.batch_rows import row_of

        for line in iter(lambda: file.readline(MAX_LINE), b""):
            if not line.strip():
                continue
            row = row_of(line)
            if row is None:
                self.unread += 1
                self.is_whole = False
            elif row[0] not in self.papers_of:
                self.strays += 1
            elif self.outcomes.get(row[0]) != "answered" or row[0] in self.held:
                yield row

    def _store(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Store the answers among *rows* in one commit; keep the failures for the end."""
        from extract.asking.batch_rows import outcome_of

        keys = [key for key, _ in rows]
        asked, before = self._asked(keys), self.book.failures(keys)
        written = Batch()
        for key, row in rows:
            if self.outcomes.get(key) == "answered" and key not in self.held:
                continue
            validate = self._validate(asked[key])
            tries = len(before.get(key, ()))
            mode = self.line.endpoint.answer_mode
            unknown = self._unknown(key)
            outcome = outcome_of(row, self.line.endpoint, mode, validate, tries, unknown)
            if outcome == "cancelled":
                self.outcomes.setdefault(key, "cancelled")
                self._settle(key)
                continue
            priced = self._price(outcome)
            self._check_bound(key, priced)
            if self.outcomes.get(key) == "answered":
                # A live call was quicker: its answer stands, and this one is paid for all the same.
                self._count(priced, 0)
                self._settle(key)
            elif isinstance(priced, Failure):
                self.failures[key] = priced
            else:
                written.add(self._answered(key, asked[key], priced))
        self.database.write(written)

    def _answered(self, key: str, asked: Asked, completion: Completion) -> Batch:
        """Return the rows of an answer; of a text that has changed since, the answer alone."""
        self.outcomes[key] = "answered"
        self.failures.pop(key, None)
        self._settle(key)
        self._count(completion, len(asked.papers))
        if asked.todos:
            report = self.settling.report
            before = report.facts.total()
            rows = self.settling.answered(asked.todos, completion)
            report.new_facts += report.facts.total() - before
            return rows
        self.stale += 1
        row = self.settling.request_row(key, None) | answered_row(completion, completion.content)
        return Batch(completions=[row])

    def _unknown(self, key: str) -> Spent | None:
        """Return what a request counts with where nobody says what it cost."""
        held = self.held.get(key)
        return None if held is None else Spent(unsettled=held, unknown_calls=1)

    def _count_unseen(self, key: str, status: str) -> None:
        """Count a request that has no row with the most it can cost, if it may have been answered.

        Those that a batch did not come to are billed by nobody, and have no row either.
        """
        unknown = self._unknown(key)
        if unknown is not None and (status == "completed" or not self.is_whole):
            report = self.settling.report
            report.spent = (report.spent or Spent()) + unknown
        self._settle(key)

    def _settle(self, key: str) -> None:
        """Note that the cost of a request is counted."""
        if self.held.pop(key, None) is not None:
            self.settled.append(key)

    def _check_bound(self, key: str, outcome: Completion | Failure) -> None:
        """Note a request that cost more than the most that was held for it."""
        held = self.held.get(key)
        if held is not None and outcome.spent is not None and outcome.spent.price > held:
            self.dearer += 1

    def _count(self, outcome: Completion | Failure, papers: int) -> None:
        """Count what an outcome cost."""
        report = self.settling.report
        report.add_usage(outcome.usage)
        report.tried += papers
        if outcome.spent is not None:
            report.spent = (report.spent or Spent()) + outcome.spent

    def _validate(self, asked: Asked) -> Callable[[str], object]:
        """Return the check of an answer; the text of the paper matters to compact answers alone."""
        shown = asked.todos[0].shown if asked.todos else show(asked.papers[0])
        return lambda content: self.settling.recipe.answer(content, shown)

    def _asked(self, keys: Sequence[str]) -> Mapping[str, Asked]:
        """Return what each key was about, from the papers as they are stored now."""
        stored = self.book.papers(
            itertools.chain.from_iterable(self.papers_of[key] for key in keys)
        )
        found = {}
        for key in keys:
            papers = [stored[each] for each in self.papers_of[key] if each in stored]
            todos = [prepare(paper, self.settling.recipe) for paper in papers]
            found[key] = Asked(
                [todo for todo in todos if todo.key == key], papers or [Paper("", "", "")]
            )
        return found


def _chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]
