"""How sentence numbers of one segmentation become those of another.

Gold annotations count sentences by their own `sentences` spans. A prediction that counts by
others (and brings its spans), or that gives a record as characters (`start`, `end`), is put on
the gold sentence that it overlaps most. 0 is the title on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from extract.evaluation.plan import Plan

Span = Sequence[int]


def most_overlapped(span: Span, sentences: Sequence[Span]) -> int | None:
    """Return the number of the sentence that *span* overlaps most, or None if it meets none.

    Of two that are overlapped equally the later one is taken.
    """
    start, end = span
    overlaps = (
        (min(high, end) - max(low, start), number)
        for number, (low, high) in enumerate(sentences, 1)
    )
    length, number = max(overlaps, default=(0, 0))
    return number if length > 0 else None


def renumbered(
    plan: Plan, gold: Mapping[str, Any], predicted: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """Return *predicted* with the sentence numbers of *gold*; an empty mapping for None."""
    if predicted is None:
        return {}
    sentences = gold.get("sentences")
    if sentences is None:
        return predicted
    own = predicted.get("sentences") or sentences
    return {
        **predicted,
        **{
            kind.name: [
                _moved(row, kind.sentence, own, sentences) for row in predicted.get(kind.name) or ()
            ]
            for kind in plan
        },
    }


def _moved(
    row: Mapping[str, Any], field: str, own: Sequence[Span], sentences: Sequence[Span]
) -> Mapping[str, Any]:
    """Return *row* with its sentence number changed from *own* to *sentences*."""
    number = row.get(field)
    if number is None:
        if row.get("start") is None or row.get("end") is None:
            return row
        return {**row, field: most_overlapped((row["start"], row["end"]), sentences)}
    if own is sentences or not isinstance(number, int) or not 0 < number <= len(own):
        return row
    return {**row, field: most_overlapped(own[number - 1], sentences)}
