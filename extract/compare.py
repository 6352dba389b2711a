"""What differs between two sets of facts, fact by fact.

A set is a mapping from paper ids to papers, each a plain dictionary with one list of rows per
record kind, and `title` where it is known: the form of `paperfacts eval` and of expected rows.

    {"arxiv:2401.00001": {"title": "...", "methods": [{"name": "DDAE", "role": "proposed"}], ...}}

Two rows are the same fact where they have the same key: the quantity or the name of the kind;
where it has neither, the sentence, known again by its text or else by its number. Several rows
with one key are paired by the number of their equal columns. Values are compared as they are
stored, and a column that one side does not have says nothing. The order of rows never matters.

Not here: where facts come from (`extract.factsets`), and how differences are shown
(`extract.differences`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from extract.pairing import Row, canonical, take_pairs
from extract.task import RecordKind, Task

FactSet = Mapping[str, Mapping[str, Any]]
Outcome = Literal["same", "moved", "changed", "lost", "new"]

OUTCOMES: tuple[Outcome, ...] = ("same", "moved", "changed", "lost", "new")
BOOKKEEPING = frozenset(
    "fact_id extraction_id paper_id position completion_key reason "
    "probability confidence doubtful".split()
)
"""Columns that say where a row came from, and nothing about the fact."""

_PLACE = frozenset({"sentence", "span_start", "span_end", "evidence"})


@dataclass(frozen=True)
class Difference:
    """One fact that is not the same on both sides.

    `changes` has for each column that differs its value before and after; `before` is None
    for a new fact, `after` for a lost one.
    """

    paper_id: str
    title: str
    kind: str
    outcome: Outcome
    key: str
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    before: Row | None = None
    after: Row | None = None


@dataclass(frozen=True)
class KindCounts:
    """How many facts of one kind had which outcome."""

    same: int = 0
    moved: int = 0
    changed: int = 0
    lost: int = 0
    new: int = 0

    @property
    def before(self) -> int:
        """Facts of the first side."""
        return self.same + self.moved + self.changed + self.lost

    @property
    def after(self) -> int:
        """Facts of the second side."""
        return self.same + self.moved + self.changed + self.new

    def rate(self, outcome: Outcome) -> float:
        """Return the share of *outcome*: of the second side for new facts, else of the first."""
        whole = self.after if outcome == "new" else self.before
        count: int = getattr(self, outcome)
        return count / whole if whole else 0.0

    def __add__(self, other: KindCounts) -> KindCounts:
        return KindCounts(*(getattr(self, o) + getattr(other, o) for o in OUTCOMES))


@dataclass(frozen=True)
class Comparison:
    """Two sets of facts, aligned. Papers of one side alone are named and not counted."""

    kinds: Mapping[str, KindCounts]
    differences: tuple[Difference, ...]
    papers: int
    only_before: Mapping[str, str]
    """Papers of the first side alone: their titles by id."""
    only_after: Mapping[str, str]
    text_changed: tuple[str, ...]
    """Papers whose title or abstract is another, where both sides have them."""

    @property
    def total(self) -> KindCounts:
        """The counts of all kinds together."""
        return sum(self.kinds.values(), KindCounts())

    @property
    def is_same(self) -> bool:
        """True where both sides have the same papers with the same facts."""
        return not (self.differences or self.only_before or self.only_after)


def compare(
    before: FactSet, after: FactSet, task: Task, *, ignored: frozenset[str] = BOOKKEEPING
) -> Comparison:
    """Align two sets of facts; *ignored* are columns in which two rows may differ."""
    both = sorted(before.keys() & after.keys())
    differences: list[Difference] = []
    counts: dict[str, KindCounts] = {}
    for kind in task.kinds:
        rules = _Rules(kind, ignored)
        total = dict.fromkeys(OUTCOMES, 0)
        for paper_id in both:
            ours, theirs = before[paper_id], after[paper_id]
            left, right = ours.get(kind.name) or (), theirs.get(kind.name) or ()
            if left == right:
                total["same"] += len(left)
                continue
            title = str(ours.get("title") or theirs.get("title") or "")
            found = [
                Difference(paper_id, title, kind.name, *rest)
                for rest in rules.outcomes(left, right)
            ]
            for difference in found:
                total[difference.outcome] += 1
            differences += sorted((d for d in found if d.outcome != "same"), key=_place_order)
        counts[kind.name] = KindCounts(**total)
    order = {paper_id: place for place, paper_id in enumerate(both)}
    return Comparison(
        kinds=counts,
        # The sort is stable: within a paper, kinds stay in the task's order.
        differences=tuple(sorted(differences, key=lambda d: order[d.paper_id])),
        papers=len(both),
        only_before=_titles(before, after),
        only_after=_titles(after, before),
        text_changed=tuple(p for p in both if _has_other_text(before[p], after[p])),
    )


def mirrored(comparison: Comparison) -> Comparison:
    """Return what the comparison of the two sides in the other order says."""
    swap: dict[Outcome, Outcome] = {"lost": "new", "new": "lost"}
    turned = [
        replace(
            d,
            outcome=swap.get(d.outcome, d.outcome),
            changes={name: (after, before) for name, (before, after) in d.changes.items()},
            before=d.after,
            after=d.before,
        )
        for d in comparison.differences
    ]
    return replace(
        comparison,
        kinds={k: replace(c, lost=c.new, new=c.lost) for k, c in comparison.kinds.items()},
        differences=tuple(turned),
        only_before=comparison.only_after,
        only_after=comparison.only_before,
    )


class _Rules:
    """When two rows of one kind are the same fact, and in which columns they may differ."""

    def __init__(self, kind: RecordKind, ignored: frozenset[str]) -> None:
        self.kind = kind
        # Where ids are not compared, those of the records that a row refers to are not either.
        refs = {f"{f.name}_id" for f in kind.fields if f.type == "ref"}
        self.ignored = ignored | refs if "fact_id" in ignored else ignored
        sides = [f.name for f in kind.fields if f.type == "verbatim" and f is not kind.key]
        self.place = _PLACE | {
            f"{n}_{part}" for n in sides for part in ("sentence", "start", "end")
        }
        self.aliases = frozenset(f.name for f in kind.fields if f.type == "aliases")
        self.sentence = kind.sentence.name if kind.sentence else "sentence"

    def outcomes(
        self, before: Sequence[Row], after: Sequence[Row]
    ) -> Iterator[tuple[Outcome, str, Mapping[str, tuple[Any, Any]], Row | None, Row | None]]:
        """Yield outcome, key, changes and the two rows of every fact."""
        left, right = list(map(self._compared, before)), list(map(self._compared, after))
        key = self.kind.key
        for ours, theirs in take_pairs(left, right, [key.name] if key else ["text", "sentence"]):
            changes = self._changes(ours, theirs)
            outcome: Outcome = "changed" if changes.keys() - self.place else "moved"
            yield outcome if changes else "same", self._name(ours, changes), changes, ours, theirs
        for ours in left:
            yield "lost", self._name(ours), {}, ours, None
        for theirs in right:
            yield "new", self._name(theirs), {}, None, theirs

    def _compared(self, row: Row) -> Row:
        """Return the columns of a row that count, its lists of forms in order."""
        kept = {name: value for name, value in row.items() if name not in self.ignored}
        if self.sentence in kept:
            # A table calls the sentence `sentence`, whatever the schema's own word is.
            kept["sentence"] = kept.pop(self.sentence)
        for name in self.aliases & kept.keys():
            kept[name] = sorted(kept[name] or ())
        return kept

    def _changes(self, before: Row, after: Row) -> dict[str, tuple[Any, Any]]:
        """Return the columns that both rows have and that differ."""
        return {
            name: (before[name], after[name])
            for name in before
            if name in after and before[name] != after[name]
        }

    def _name(self, row: Row, changes: Mapping[str, Any] | None = None) -> str:
        """Return what a reader knows the fact by: its key, or the sentence's text or number."""
        column = self.kind.key.name if self.kind.key else "text"
        if row.get(column) is None or column in (changes or ()):
            return f"sentence {row.get('sentence')}"
        return str(row[column])


def _place_order(difference: Difference) -> tuple[int, int, str, str]:
    """Differences of a paper come in the order of its text, those without a place last."""
    row = difference.before or difference.after or {}
    number, start = row.get("sentence"), row.get("span_start")
    return (
        number if isinstance(number, int) else 10**6,
        start if isinstance(start, int) else 0,
        difference.key,
        canonical(row),
    )


def _titles(papers: FactSet, others: FactSet) -> dict[str, str]:
    return {p: str(papers[p].get("title") or "") for p in sorted(papers.keys() - others.keys())}


def _has_other_text(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return any(
        before.get(part) is not None and after.get(part) is not None and before[part] != after[part]
        for part in ("title", "abstract", "text_hash")
    )
