"""From an answer to facts: every name, number and sentence tied to the characters that state it.

Promises that nothing is dropped: what cannot be tied to the text is a fact with the alignment
`missing` and a reason. Pure functions over values; the same answer and text give the same
facts, so a database can be derived again from its completions.

Not here: asking again. An answer that does not validate never comes this far.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from extract.columns import field_columns, side_span
from extract.evidence import (
    Alignment,
    PaperText,
    acronym_pairs,
    align,
    join_names,
    mentions,
    name_key,
)
from extract.gapplan import gap_plan
from extract.gaps import GapCheck, check_gaps
from extract.misplaced import NOT_A_NAME, is_number, own_reference
from extract.taken import Taken
from extract.task import RecordKind, Task, TaskField

DERIVATION = "d4"
"""Changes whenever the same answer would give other facts: stored answers are derived again."""

DOUBTFUL = 0.3
"""Records of a lower confidence are kept, and left out of the views that people query by default.

Half of the F1 that the lists of names reach: leaving out what is less sure than half of F1, and
no more, is what makes F1 largest (Lipton, Elkan and Naryanaswamy 2014)."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Fact:
    """One row: its record kind, its place in the answer, and its columns by name.

    `sentence`, `span_start` and `span_end` are None where the alignment is `missing`; offsets
    are in the abstract, or in the title where `sentence` is 0.
    """

    kind: str
    position: int
    sentence: int | None
    span_start: int | None
    span_end: int | None
    alignment: str
    reason: str | None
    evidence: str | None
    columns: dict[str, Any] = field(default_factory=dict)
    refs: dict[str, tuple[str, int] | None] = field(default_factory=dict)
    """For each reference: the kind and position of the record it names, None where unknown."""
    probability: float | None = None
    """The model's own probability of the record, where its answer came with probabilities."""
    confidence: float | None = None
    """The share of records of this probability that are right, where that was measured."""

    @property
    def is_doubtful(self) -> bool:
        """True where the record is more likely wrong than worth having."""
        return self.confidence is not None and self.confidence < DOUBTFUL

    @property
    def is_shown(self) -> bool:
        """True where the views that people query by default have it."""
        return self.alignment != "missing" and not self.is_doubtful


@dataclass(frozen=True)
class MentionRow:
    """One place where a named record of the list `kind` stands."""

    kind: str
    position: int
    sentence: int
    span_start: int
    span_end: int
    surface: str


@dataclass(frozen=True)
class Grounded:
    """The facts of one answer, every mention of its names, and what became of its stated gaps.

    The positions in `gaps` are those of facts of the list `gap_kind`.
    """

    facts: tuple[Fact, ...]
    mentions: tuple[MentionRow, ...]
    gaps: tuple[GapCheck, ...] = ()
    gap_kind: str = ""

    @property
    def missing(self) -> int:
        """How many facts could not be tied to the text."""
        return sum(fact.alignment == "missing" for fact in self.facts)


def ground(
    task: Task,
    answer: Mapping[str, Sequence[Row]],
    text: PaperText,
    example_values: frozenset[str] = frozenset(),
    probabilities: Mapping[str, Sequence[float]] | None = None,
) -> Grounded:
    """Tie *answer* to *text*; *example_values* are those of the prompt's own examples.

    *probabilities* has one for every row of the lists that it has.
    """
    facts: list[Fact] = []
    found: list[MentionRow] = []
    names: dict[str, dict[str, tuple[int, str]]] = {}
    # Named lists first: the others refer to their entries.
    order = sorted(task.kinds, key=lambda kind: kind.per is not None)
    for kind in order:
        rows = [dict(row) for row in answer.get(kind.name, ())]
        sure = (probabilities or {}).get(kind.name, ())
        if kind.per is None and (key := kind.first("verbatim")):
            rows, names[kind.name], at = _joined(kind, key, rows, text)
            sure = _surest(sure, at)
            found += _mentions(kind, key, rows, text)
        placed = _facts(kind, rows, text, names)
        if len(sure) == len(rows):
            placed = (replace(fact, probability=sure[fact.position]) for fact in placed)
        facts += [_unless_leaked(fact, kind, example_values) for fact in placed]
    return Grounded(tuple(facts), tuple(found), *_gaps(task, facts))


def _gaps(task: Task, facts: Sequence[Fact]) -> tuple[tuple[GapCheck, ...], str]:
    """Check the gaps that grounded facts state; return them and the list that they are of."""
    plan = gap_plan(task)
    if plan is None:
        return (), ""
    numbers = [
        stated
        for fact in facts
        if fact.kind == plan.kind and fact.sentence is not None
        if (stated := plan.stated(fact.position, fact.sentence, fact.evidence or "", fact.columns))
    ]
    return tuple(check_gaps(numbers)), plan.kind


def _joined(
    kind: RecordKind, key: TaskField, rows: list[dict[str, Any]], text: PaperText
) -> tuple[list[dict[str, Any]], dict[str, tuple[int, str]], tuple[int, ...]]:
    """Make one record of those that name one thing; index their names for references.

    Also say for each row which record it became.
    """
    aliases = kind.first("aliases")
    records = [(row[key.name], row.get(aliases.name) or () if aliases else ()) for row in rows]
    # Whatever the model calls an alias must stand in the text too.
    records = [
        (name, [a for a in own if align(a, text).grade != "missing"]) for name, own in records
    ]
    joined = join_names(records, text.once(acronym_pairs) if records else [], text)
    merged: list[dict[str, Any]] = []
    index: dict[str, tuple[int, str]] = {}
    for position, entry in enumerate(joined.entries):
        members = [row for row, at in zip(rows, joined.index, strict=True) if at == position]
        row = _merged(kind, members) | {key.name: entry.name}
        if aliases:
            row[aliases.name] = list(entry.aliases)
        merged.append(row)
        for form in (entry.name, *entry.aliases, *(m[key.name] for m in members)):
            if not is_number(form):
                index.setdefault(name_key(form), (position, entry.name))
    return merged, index, joined.index


def _surest(sure: Sequence[float], at: Sequence[int]) -> list[float]:
    """Return the highest probability among the rows that became each record."""
    if len(sure) != len(at):
        return []
    return [max(c for c, p in zip(sure, at, strict=True) if p == n) for n in sorted(set(at))]


def _merged(kind: RecordKind, members: list[dict[str, Any]]) -> dict[str, Any]:
    """Merge records of one thing: the first says most, a choice falls to the one named first."""
    row: dict[str, Any] = {}
    for member in members:
        for name, value in member.items():
            if row.get(name) is None:
                row[name] = value
    for f in kind.fields:
        if f.type == "choice" and len(members) > 1:
            chosen = [m[f.name] for m in members if m.get(f.name) in f.choices]
            row[f.name] = min(chosen, key=f.choices.index, default=row.get(f.name))
    return row


def _mentions(
    kind: RecordKind, key: TaskField, rows: list[dict[str, Any]], text: PaperText
) -> Iterator[MentionRow]:
    """Yield every place of every name and alias."""
    aliases = kind.first("aliases")
    for position, row in enumerate(rows):
        if is_number(row[key.name]):
            continue
        forms = [row[key.name], *(row.get(aliases.name, ()) if aliases else ())]
        found = mentions(forms, text)
        for m in found:
            yield MentionRow(kind.name, position, m.sentence, m.start, m.end, m.surface)
        if not found:
            yield from _own_place(kind.name, position, str(row[key.name]), text)


def _own_place(kind: str, position: int, name: str, text: PaperText) -> Iterator[MentionRow]:
    """Yield where a name stands that is no word of the folded text: the `GS` of `D$^2$GS`."""
    place = align(name, text)
    if place.grade == "exact" and place.sentence is not None:
        start, end = place.start or 0, place.end or 0
        surface = text.passage(place.sentence).raw[start:end]
        yield MentionRow(kind, position, place.sentence, start, end, surface)


def _facts(
    kind: RecordKind,
    rows: list[dict[str, Any]],
    text: PaperText,
    names: Mapping[str, Mapping[str, tuple[int, str]]],
) -> Iterator[Fact]:
    """Place the rows of one list, one after the other."""
    taken = Taken(text)
    seen: set[tuple[int, str]] = set()
    for position, row in enumerate(rows):
        cited = row.get(kind.sentence.name) if kind.sentence else None
        if kind.key is None:
            place = _sentence_place(text, cited)
            mark = (int(cited or 0), "")
            if mark in seen:
                continue
            seen.add(mark)
        elif kind.key.type == "verbatim" and is_number(str(row.get(kind.key.name, ""))):
            place = Alignment("missing", None, None, None, NOT_A_NAME)
        else:
            place = align(str(row.get(kind.key.name, "")), text, cited)
            if kind.key.type == "quantity":
                place = taken.next_free(str(row[kind.key.name]), place)
        evidence = text.sentence(place.sentence) if place.sentence is not None else None
        columns: dict[str, Any] = {} if kind.key else {"text": evidence}
        refs: dict[str, tuple[str, int] | None] = {}
        for f in kind.fields:
            if f.type == "ref":
                columns[f.name], refs[f.name] = own_reference(kind, f, row.get(f.name), names)
                continue
            columns |= field_columns(f, row.get(f.name), text, place)
            if f.type == "verbatim" and f is not kind.key:
                columns |= side_span(f.name, row.get(f.name), text, place.sentence)
        yield Fact(
            kind.name,
            position,
            place.sentence,
            place.start,
            place.end,
            place.grade,
            place.reason,
            evidence,
            columns,
            refs,
        )


def _sentence_place(text: PaperText, cited: Any) -> Alignment:
    """Return the whole cited sentence, or missing where there is none of this number."""
    if not isinstance(cited, int) or not text.has(cited):
        return Alignment("missing", None, None, None, f"there is no sentence {cited}")
    start, end = text.bounds(cited)
    return Alignment("exact", cited, start, end, None)


def _unless_leaked(fact: Fact, kind: RecordKind, example_values: frozenset[str]) -> Fact:
    """Name the prompt's example as the reason where a value was copied from there."""
    if fact.alignment != "missing" or kind.key is None:
        return fact
    if str(fact.columns.get(kind.key.name)) in example_values:
        return replace(fact, reason="example")
    return fact


def digest(*parts: str) -> str:
    """Return a short name for a sequence of strings."""
    return hashlib.blake2b(
        "\x1f".join(parts).encode("utf-8", "replace"), digest_size=10
    ).hexdigest()
