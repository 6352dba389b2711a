"""A database derived again from its stored answers, without a model.

Every fact follows from the text of its paper, the answer of a model, and this library. So what
is derived now is what was stored, unless the library derives something else by now: then that
is told, fact by fact. Answers of other prompts and older schemas are derived again wherever they
are still answers; where one is not, or its text is gone, that is told too.

Nothing is written. Not here: how rows are read (`extract.store.history`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from extract.compare import Comparison, KindCounts, compare
from extract.deriving import derive
from extract.errors import InputError
from extract.grounding import digest
from extract.models import curves_for
from extract.papers import Paper
from extract.prompting import example_values_in
from extract.recipe import Recipe, answer_text
from extract.request import Request, Sampling
from extract.rows import fact_rows
from extract.shown import show
from extract.store.database import Batch
from extract.store.history import StoredExtraction, stored_extractions, tasks_of
from extract.store.inserting import checked
from extract.store.layout import TABLES, task_tables
from extract.task import Task
from extract.tasks import BUILT_IN, load_task
from extract.todo import Todo

Rows = Mapping[str, list[dict[str, Any]]]

_SAME_BY_MAKING = frozenset({"extraction_id", "paper_id", "completion_key"})
_FROM_EXPONENTIALS = frozenset({"probability", "confidence"})
_DIGITS = 9
"""Exponentials of two machines may differ behind these."""


class CannotDerive(Exception):
    """A stored extraction that cannot be derived again; the message says why."""


@dataclass(frozen=True)
class Underivable:
    """An extraction that could not be derived again, and why."""

    paper_id: str
    title: str
    extraction_id: str
    reason: str


@dataclass(frozen=True)
class Source:
    """What extractions have in common that came from one model in one way."""

    model: str
    prompt_version: str
    task_version: str
    derivation: str


@dataclass
class Replayed:
    """What came of the extractions of one source."""

    comparisons: list[Comparison] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    """Papers whose stored, validated answer is another now."""
    others: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Rows of other tables (mentions, gaps) that are lost or new, by table and outcome."""

    def comparison(self, task: Task) -> Comparison:
        """Return the comparisons of the papers as one."""
        empty = Comparison({kind.name: KindCounts() for kind in task.kinds}, (), 0, {}, {}, ())
        each = [empty, *self.comparisons]
        return replace(
            empty,
            kinds={k: sum((c.kinds[k] for c in each), KindCounts()) for k in empty.kinds},
            differences=tuple(d for c in each for d in c.differences),
            papers=len(self.comparisons),
        )

    @property
    def is_same(self) -> bool:
        """True where everything was derived as it is stored."""
        return not (self.answers or self.others) and all(c.is_same for c in self.comparisons)


@dataclass
class Replay:
    """What came of all extractions of a task in a database."""

    task: Task
    sources: dict[Source, Replayed] = field(default_factory=dict)
    underivable: list[Underivable] = field(default_factory=list)

    @property
    def is_same(self) -> bool:
        """True where every extraction was derived as it is stored."""
        return not self.underivable and all(each.is_same for each in self.sources.values())

    @property
    def extractions(self) -> int:
        """How many extractions there are, those that could not be derived too."""
        return sum(len(s.comparisons) for s in self.sources.values()) + len(self.underivable)


def task_to_replay(db: Path, where: str | None, *, trust_code: bool = False) -> Task:
    """Return the task *where*; where none is named, the one that *db* has facts of."""
    stored = tasks_of(db)
    if not stored:
        raise InputError(f"{db} has no facts", hint="Fill it with: paperfacts run FEED")
    if where is None and (len(stored) > 1 or stored[0] not in BUILT_IN):
        raise InputError(
            f"{db} has facts of the task{'s' * (len(stored) > 1)} {', '.join(stored)}",
            hint="Say which with --task, a folder where it is not built in.",
        )
    task = load_task(where or stored[0], trust_code=trust_code)
    if task.name not in stored:
        raise InputError(
            f"{db} has no facts of the task {task.name}", hint=f"It has: {', '.join(stored)}."
        )
    return task


def replay_database(db: Path, task: Task) -> Replay:
    """Derive every fact of *task* in a database again and compare it with what is stored."""
    return replay_extractions(task, stored_extractions(db, task))


def replay_extractions(task: Task, extractions: Iterable[StoredExtraction]) -> Replay:
    """Derive these extractions again; pure but for the order in which they come."""
    replay = Replay(task)
    for stored in extractions:
        source = stored.source
        try:
            derived, answer = _derived(task, source)
        except CannotDerive as error:
            replay.underivable.append(
                Underivable(
                    source["paper_id"], source["title"] or "", source["extraction_id"], str(error)
                )
            )
            continue
        key = Source(
            source["model"], source["prompt_version"], source["task_version"], source["derivation"]
        )
        _note(replay.sources.setdefault(key, Replayed()), task, stored, derived, answer)
    return replay


def _note(
    found: Replayed, task: Task, stored: StoredExtraction, derived: Rows, answer: str | None
) -> None:
    """Compare what is stored with what was derived."""
    paper_id, title = stored.source["paper_id"], stored.source["title"]
    before, after = (
        {paper_id: {"title": title} | {k.name: _stable(rows.get(k.name, ())) for k in task.kinds}}
        for rows in (stored.rows, derived)
    )
    found.comparisons.append(compare(before, after, task, ignored=_SAME_BY_MAKING))
    if stored.source["answer"] is not None and stored.source["answer"] != answer:
        found.answers.append(paper_id)
    kinds = {kind.name for kind in task.kinds}
    for table in (stored.rows.keys() | derived.keys()) - kinds:
        ours, theirs = _bags(stored.rows.get(table, ()), derived.get(table, ()))
        for outcome, rest in (("lost", ours - theirs), ("new", theirs - ours)):
            if rest:
                found.others[table, outcome] += rest.total()


def _derived(task: Task, source: Mapping[str, Any]) -> tuple[Rows, str | None]:
    """Return the rows and the answer that the stored completion gives now."""
    if source["content"] is None or source["status"] != "ok":
        raise CannotDerive("its answer is not stored")
    if (
        source["title"] is None
        or digest(source["title"], source["abstract"]) != source["text_hash"]
    ):
        raise CannotDerive("the paper has another text by now, and the old one is not kept")
    form, _, mode = source["wire"].partition("/")
    if form not in ("json", "compact"):
        raise CannotDerive(f"this version does not read answers of the form {source['wire']!r}")
    curves = curves_for(source["model_id"] or "", task.name)
    recipe = Recipe(task, source["model"], source["model_id"], form, mode, calibration=curves)
    request = json.loads(source["request"] or "{}")
    system = "".join(m["content"] for m in request.get("messages", ()) if m["role"] == "system")
    tokens = json.loads(source["token_logprobs"]) if source["token_logprobs"] else None
    todo = _todo(source)
    try:
        answer = recipe.answer(source["content"], todo.shown)
        grounded = derive(
            recipe,
            source["content"],
            tokens,
            todo.shown,
            todo.text,
            example_values=example_values_in(system),
            answer=answer,
        )
    except ValueError as error:
        versions = f"{source['task_version']}, and the task is {task.version} now"
        first = " ".join(str(error).split())[:160]
        raise CannotDerive(f"it is no answer any more (asked under {versions}): {first}") from None
    batch = fact_rows(todo, grounded, source["extraction_id"], source["ask_id"], source["run_id"])
    return _as_stored(task, batch), answer_text(answer)


def _todo(source: Mapping[str, Any]) -> Todo:
    """Return the paper as it was when it was asked about; nothing is asked now."""
    paper = Paper(source["paper_id"], source["title"], source["abstract"])
    request = Request(
        task=source["task"],
        task_version=source["task_version"],
        prompt_version=source["prompt_version"],
        wire=source["wire"],
        model=source["model"],
        model_id=source["model_id"],
        sampling=Sampling(),
        messages=(),
    )
    return Todo(paper, source["text_hash"], show(paper), request, source["completion_key"])


def _as_stored(task: Task, batch: Batch) -> Rows:
    """Return the rows of a batch as the tables would hold them, the empty tables left out."""
    tables = task_tables(task)
    rows = {
        name: [checked(name, tables[name], row) for row in own] for name, own in batch.facts.items()
    }
    mentions = [checked("mentions", TABLES["mentions"][0], row) for row in batch.mentions]
    return rows | ({"mentions": mentions} if mentions else {})


def _stable(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows without the digits that depend on the machine."""
    return [
        {
            name: round(value, _DIGITS) if name in _FROM_EXPONENTIALS and value else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _bags(
    stored: Iterable[Mapping[str, Any]], derived: Iterable[Mapping[str, Any]]
) -> tuple[Counter[str], Counter[str]]:
    """Return two lists of rows to be counted against each other, by the columns of the first."""
    kept = list(stored)
    columns = kept[0].keys() if kept else None

    def written(row: Mapping[str, Any]) -> str:
        own = {k: v for k, v in row.items() if columns is None or k in columns}
        # A table of doubles says 3.0 where we derived 3.
        plain = {k: float(v) if type(v) is int else v for k, v in own.items()}
        return json.dumps(plain, sort_keys=True)

    return Counter(map(written, kept)), Counter(map(written, derived))
