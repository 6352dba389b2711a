"""Figures of an evaluation, for people, for a README and for programs.

Every form says the same: precision, recall and F1 of each list with the 95 % interval of F1, the
counts behind them, the accuracies of the fields, tuple F1 and macro F1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from extract.evaluation.intervals import Interval
from extract.evaluation.scoring import Evaluation

DOCUMENT_VERSION = 1
"""Changes when a key of the JSON document gets another meaning or goes."""

_HEADER = ("list", "P", "R", "F1", "95 % interval", "hits", "false", "missed", "attributes")
_ALIGN_RIGHT = frozenset({"P", "R", "F1", "hits", "false", "missed"})


def table_text(evaluation: Evaluation) -> str:
    """Return the table for a terminal: columns aligned, one list a line."""
    rows = [_HEADER, *_rows(evaluation)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    lines = [
        "  ".join(
            cell.rjust(width) if name in _ALIGN_RIGHT else cell.ljust(width)
            for cell, width, name in zip(row, widths, _HEADER, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "\n".join((*lines, "", _summary(evaluation))) + "\n"


def table_markdown(evaluation: Evaluation) -> str:
    """Return the table in Markdown."""
    rule = ["--:" if name in _ALIGN_RIGHT else "---" for name in _HEADER]
    lines = [_pipes(row) for row in (_HEADER, rule, *_rows(evaluation))]
    return "\n".join((*lines, "", _summary(evaluation))) + "\n"


def evaluation_document(evaluation: Evaluation) -> dict[str, Any]:
    """Return figures and intervals as one JSON document, the figures named as in SCORING.md."""
    intervals: dict[str, Any] = {}
    for (name, figure), interval in evaluation.intervals.items():
        home = intervals.setdefault(name, {}) if name else intervals
        home[figure] = list(interval)
    return {
        "document_version": DOCUMENT_VERSION,
        "figures": evaluation.figures,
        "intervals_95": intervals,
    }


def _pipes(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rows(evaluation: Evaluation) -> list[Sequence[str]]:
    """Return the cells of each list and part of a list."""
    rows: list[Sequence[str]] = []
    for name, own in evaluation.figures.items():
        if not isinstance(own, dict):
            continue
        rows.append(
            (
                name,
                *(_share(own[figure]) for figure in ("p", "r", "f1")),
                _range(evaluation.intervals.get((name, "f1"))),
                *(str(own[outcome]) for outcome in ("tp", "fp", "fn")),
                _attributes(evaluation, name),
            )
        )
    return rows


def _attributes(evaluation: Evaluation, name: str) -> str:
    """Return the accuracies of a list and its tuple F1 with its interval, in one cell."""
    own = evaluation.figures[name]
    said = [
        f"{figure.removesuffix('_acc')} {_share(share)}"
        for figure, share in own.items()
        if figure.endswith("_acc")
    ]
    if "tuple_f1" in own:
        interval = evaluation.intervals.get((name, "tuple_f1"))
        beside = f" ({_range(interval)})" if interval else ""
        said.append(f"tuple F1 {_share(own['tuple_f1'])}{beside}")
    return ", ".join(said)


def _summary(evaluation: Evaluation) -> str:
    """Return the line of the whole: macro F1, papers, and those without a prediction."""
    figures = evaluation.figures
    interval = evaluation.intervals.get(("", "macro_f1"))
    beside = f" ({_range(interval)})" if interval else ""
    missing = f", {figures['missing']} without a prediction" if figures["missing"] else ""
    return (
        f"macro F1 {_share(figures['macro_f1'])}{beside} over {figures['papers']} papers{missing}"
    )


def _share(share: float) -> str:
    return f"{share:.3f}"


def _range(interval: Interval | None) -> str:
    return f"{interval.low:.3f}–{interval.high:.3f}" if interval else ""
