"""How good predicted facts are, measured against annotated ones.

Counts are summed over papers first (micro average), then turned into figures: precision, recall
and F1 of each list, the accuracy of each scored field among the hits, `tuple_f1` where a record is
right only as a whole, and `macro_f1`, the mean F1 of the lists. A paper without a prediction
counts as empty, and is counted in `missing`.

Not here: which records mean the same (`matching`) and what a figure may be off by (`intervals`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from extract.errors import InputError
from extract.evaluation.intervals import Interval, bootstrap
from extract.evaluation.matching import Annotation, Hit, KindMatch, PaperMatch, Row, match_paper
from extract.evaluation.plan import Part, Plan, ScoredKind, scoring_plan
from extract.evaluation.renumbering import renumbered
from extract.task import Task

Counts = Counter[tuple[str, str]]
Figures = dict[str, Any]

_PLACES = 3


@dataclass(frozen=True)
class Evaluation:
    """The figures of one set of predictions, how sure they are, and what they were counted from.

    `figures` holds one mapping per list (and part of a list) and the figures of the whole;
    `intervals` holds the 95 % interval of each share by list and figure; the list of
    `macro_f1` is the empty string.
    """

    plan: Plan
    figures: Figures
    intervals: Mapping[tuple[str, str], Interval]
    matches: Mapping[str, PaperMatch]
    gold: Mapping[str, Annotation]


def evaluate(
    gold: Mapping[str, Annotation],
    predicted: Mapping[str, Annotation],
    task: Task,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Score *predicted* against *gold*; both map the id of a paper to its annotation.

    A prediction that has `sentences` of its own is renumbered to those of its gold paper.
    """
    if not gold:
        raise InputError("there are no annotated papers to score against")
    plan = scoring_plan(task)
    matches = {
        paper: match_paper(plan, annotation, renumbered(plan, annotation, predicted.get(paper)))
        for paper, annotation in gold.items()
    }
    counts = [count_paper(plan, match) for match in matches.values()]
    figures = figures_of(plan, sum_counts(counts))
    figures["papers"] = len(gold)
    figures["missing"] = sum(paper not in predicted for paper in gold)
    intervals = bootstrap(
        counts, lambda total: flat_shares(figures_of(plan, total)), resamples=resamples, seed=seed
    )
    return Evaluation(plan, figures, intervals, matches, gold)


def count_paper(plan: Plan, match: PaperMatch) -> Counts:
    """Count the hits, misses and false finds of one paper, and where the hits agree."""
    counts: Counts = Counter()
    for kind in plan:
        found = match[kind.name]
        counts.update(_outcomes(kind, kind.name, found))
        for field in kind.fields:
            counts[kind.name, field.figure] = sum(hit.agrees[field.name] for hit in found.hits)
        for part in kind.parts:
            counts.update(_outcomes(kind, part.name, _without(part, found)))
    return counts


def _outcomes(kind: ScoredKind, name: str, found: KindMatch) -> Counts:
    counts: Counts = Counter()
    counts[name, "tp"] = len(found.hits)
    counts[name, "fp"] = len(found.false)
    counts[name, "fn"] = len(found.missed)
    if kind.has_tuple:
        counts[name, "tuple"] = sum(is_whole(kind, hit) for hit in found.hits)
    return counts


def is_whole(kind: ScoredKind, hit: Hit) -> bool:
    """Say whether a hit agrees in all names and references of its record."""
    return all(hit.agrees[f.name] for f in kind.fields if f.is_in_tuple)


def _without(part: Part, found: KindMatch) -> KindMatch:
    """Leave out what is not of the part; a hit belongs where its gold record does."""

    def stays(row: Row) -> bool:
        return bool(row.get(part.field) != part.value)

    return KindMatch(
        tuple(hit for hit in found.hits if stays(hit.gold)),
        tuple(filter(stays, found.missed)),
        tuple(filter(stays, found.false)),
    )


def sum_counts(counts: Iterable[Counts]) -> Counts:
    """Return the counts of several papers together."""
    total: Counts = Counter()
    for each in counts:
        total.update(each)
    return total


def figures_of(plan: Plan, counts: Mapping[tuple[str, str], int]) -> Figures:
    """Turn counts into figures of three decimals."""
    figures: Figures = {}
    for kind in plan:
        own = _figures_of_list(kind, kind.name, counts)
        hits = max(1, own["tp"])
        for field in kind.fields:
            own[field.figure] = round(counts[kind.name, field.figure] / hits, _PLACES)
        figures[kind.name] = own
        for part in kind.parts:
            figures[part.name] = _figures_of_list(kind, part.name, counts)
    f1s = [figures[kind.name]["f1"] for kind in plan]
    figures["macro_f1"] = round(sum(f1s) / len(f1s), _PLACES)
    return figures


def _figures_of_list(kind: ScoredKind, name: str, counts: Mapping[tuple[str, str], int]) -> Figures:
    tp, fp, fn = (counts[name, outcome] for outcome in ("tp", "fp", "fn"))
    precision, recall, f1 = shares(tp, tp + fp, tp + fn)
    own: Figures = {
        "p": round(precision, _PLACES),
        "r": round(recall, _PLACES),
        "f1": round(f1, _PLACES),
        "tp": tp,
        "fp": fp,
        "fn": fn,
    }
    if kind.has_tuple:
        _, _, tuple_f1 = shares(counts[name, "tuple"], tp + fp, tp + fn)
        own["tuple_f1"] = round(tuple_f1, _PLACES)
    return own


def shares(right: int, predicted: int, wanted: int) -> tuple[float, float, float]:
    """Return precision, recall and F1; 0 where there is nothing to divide by."""
    precision = right / max(1, predicted)
    recall = right / max(1, wanted)
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


def flat_shares(figures: Figures) -> dict[tuple[str, str], float]:
    """Return every figure that is a share by its list and name; the list of the whole is ''."""
    flat: dict[tuple[str, str], float] = {}
    for name, figure in figures.items():
        if isinstance(figure, dict):
            flat.update({(name, key): v for key, v in figure.items() if isinstance(v, float)})
        elif isinstance(figure, float):
            flat["", name] = figure
    return flat
