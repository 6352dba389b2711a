"""Differences between two sets of facts, for people and for programs.

Not here: how they are found (`extract.compare`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from extract.cells import cell_text
from extract.compare import OUTCOMES, Comparison, Difference, KindCounts
from extract.terminal import safe_text

DOCUMENT_VERSION = 1
"""Changes when a key of the JSON document gets another meaning or goes."""

_SIGNS = {"lost": "-", "new": "+", "changed": "~", "moved": ">"}
_VALUE_CHARS = 60
_TITLE_CHARS = 40


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return everything that a comparison found as one JSON document."""
    return {
        "schema_version": DOCUMENT_VERSION,
        "is_same": comparison.is_same,
        "papers": comparison.papers,
        "kinds": {name: _counts_json(counts) for name, counts in comparison.kinds.items()},
        "total": _counts_json(comparison.total),
        "only_before": dict(comparison.only_before),
        "only_after": dict(comparison.only_after),
        "text_changed": list(comparison.text_changed),
        "differences": [_difference_json(d) for d in comparison.differences],
    }


def as_text(comparison: Comparison, *, most: int | None = 40) -> str:
    """Return the counts of each kind, then one line per difference, at most *most* of them."""
    lines = [*_table(comparison), *_notes(comparison)]
    shown = comparison.differences[:most]
    if shown:
        lines += ["", *map(difference_line, shown)]
    if comparison.is_same:
        lines.append("no differences")
    if left := len(comparison.differences) - len(shown):
        lines.append(f"and {left} more differences")
    return "\n".join(lines)


def difference_line(difference: Difference) -> str:
    """Return a difference in one line: what, which paper, which fact, and what changed."""
    title = _cut(difference.title, _TITLE_CHARS)
    parts = [
        f"{_SIGNS[difference.outcome]} {difference.outcome:<7}",
        f"{difference.paper_id} {title}".rstrip(),
        f"{difference.kind}: {_cut(difference.key, _VALUE_CHARS)}",
    ]
    if difference.outcome in ("lost", "new"):
        parts.append(_where(difference.before or difference.after or {}))
    else:
        parts.append("; ".join(_change(*change) for change in _told(difference.changes)))
    return safe_text("  ".join(part for part in parts if part))


def _told(changes: Mapping[str, tuple[Any, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the changes a reader needs: both ends of a span as one, no text beside its number."""
    for name, (before, after) in changes.items():
        if name == "evidence" and "sentence" in changes:
            continue
        if name.endswith("_end") and f"{name.removesuffix('end')}start" in changes:
            continue
        if name.endswith("_start") and f"{name.removesuffix('start')}end" in changes:
            end = changes[f"{name.removesuffix('start')}end"]
            stem = name.removesuffix("_start")
            label = stem if stem == "span" else f"{stem} span"
            yield label, f"{cell_text(before)}-{end[0]}", f"{cell_text(after)}-{end[1]}"
            continue
        yield name, before, after


def _change(name: str, before: Any, after: Any) -> str:
    """Return `role: other -> proposed`; long texts are cut around the place where they part."""
    one, other = cell_text(before), cell_text(after)
    if max(len(one), len(other)) > _VALUE_CHARS:
        part = _parting(one, other)
        one, other = _around(one, part), _around(other, part)
    return f"{name}: {one} -> {other}"


def _parting(one: str, other: str) -> int:
    """Return where two texts first differ."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _around(text: str, place: int) -> str:
    start = max(0, place - _VALUE_CHARS // 2)
    return ("…" if start else "") + _cut(text[start:], _VALUE_CHARS)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _where(row: Mapping[str, Any]) -> str:
    """Return the sentence of a fact that stands on one side alone."""
    evidence = row.get("evidence")
    number = row.get("sentence")
    if number is None:
        return ""
    return f"[{number}] {_cut(evidence, 2 * _VALUE_CHARS)}" if evidence else f"[{number}]"


def _table(comparison: Comparison) -> list[str]:
    """Return the counts as aligned columns, with the rates of what went wrong."""
    header = ["", "before", "after", *OUTCOMES]
    named = [*comparison.kinds.items(), ("all", comparison.total)]
    rows = [header, *([name, *_cells(counts)] for name, counts in named)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _cells(counts: KindCounts) -> list[str]:
    shown = [str(counts.before), str(counts.after)]
    for outcome in OUTCOMES:
        count = getattr(counts, outcome)
        shown.append(f"{count} ({counts.rate(outcome):.1%})" if count else "0")
    return shown


def _notes(comparison: Comparison) -> Iterator[str]:
    """Say what the table does not: papers of one side alone, and other texts."""
    yield f"{comparison.papers} {'paper' if comparison.papers == 1 else 'papers'} on both sides"
    for label, papers in (
        ("only before", comparison.only_before),
        ("only after", comparison.only_after),
        ("with another text", dict.fromkeys(comparison.text_changed, "")),
    ):
        if papers:
            named = [
                f"{paper} {_cut(title, _TITLE_CHARS)}".rstrip() for paper, title in papers.items()
            ]
            more = f"; and {len(papers) - 5} more" if len(papers) > 5 else ""
            yield safe_text(f"{len(papers)} {label}: {'; '.join(named[:5])}{more}")


def _counts_json(counts: KindCounts) -> dict[str, Any]:
    rates = {f"{o}_rate": round(counts.rate(o), 6) for o in OUTCOMES if o != "same"}
    own: dict[str, int] = {outcome: getattr(counts, outcome) for outcome in OUTCOMES}
    return {"before": counts.before, "after": counts.after, **own, **rates}


def _difference_json(difference: Difference) -> dict[str, Any]:
    return {
        "paper_id": difference.paper_id,
        "title": difference.title,
        "kind": difference.kind,
        "outcome": difference.outcome,
        "key": difference.key,
        "changes": {n: {"before": b, "after": a} for n, (b, a) in difference.changes.items()},
        "before": dict(difference.before) if difference.before is not None else None,
        "after": dict(difference.after) if difference.after is not None else None,
    }
