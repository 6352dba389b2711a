"""Whether confidences mean what they say: of the records given 0.7, are seven in ten right?

Right is what the evaluation matches, by its rule for the list. Repeats of a hit are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from extract.evaluation.scoring import Evaluation

BINS = 5


@dataclass(frozen=True, slots=True)
class Bin:
    """The records of one list with a confidence of *low* up to *high*."""

    kind: str
    low: float
    high: float
    count: int
    mean_confidence: float
    share_right: float


def outcomes(evaluation: Evaluation) -> dict[str, list[tuple[float, bool]]]:
    """Return confidence and rightness of every predicted record that has a confidence, by list."""
    found: dict[str, list[tuple[float, bool]]] = {kind.name: [] for kind in evaluation.plan}
    for match in evaluation.matches.values():
        for name, rows in found.items():
            judged = [(hit.predicted, True) for hit in match[name].hits]
            judged += [(row, False) for row in match[name].false]
            rows += [
                (float(row["confidence"]), right)
                for row, right in judged
                if row.get("confidence") is not None
            ]
    return found


def reliability(evaluation: Evaluation) -> list[Bin]:
    """Return the records of each list in bins of equal width; empty bins are left out."""
    return [
        each for kind, rows in outcomes(evaluation).items() for each in _bins(kind, sorted(rows))
    ]


def _bins(kind: str, rows: list[tuple[float, bool]]) -> Iterator[Bin]:
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        own = [(c, r) for c, r in rows if low <= c < high or (c == high == 1.0)]
        if own:
            mean = sum(c for c, _ in own) / len(own)
            yield Bin(kind, low, high, len(own), mean, sum(r for _, r in own) / len(own))


def calibration_error(bins: list[Bin], kind: str) -> float | None:
    """Return the mean distance between confidence and share right over a list's records."""
    own = [each for each in bins if each.kind == kind]
    count = sum(each.count for each in own)
    if not count:
        return None
    return sum(each.count * abs(each.mean_confidence - each.share_right) for each in own) / count


def reliability_text(bins: list[Bin]) -> str:
    """Return the table for a terminal."""
    if not bins:
        return "no record has a confidence: the model gave no token probabilities"
    lines = [f"{'list':<12}{'confidence':>14}{'records':>9}{'mean':>8}{'right':>8}"]
    for each in bins:
        between = f"{each.low:.1f}-{each.high:.1f}"
        lines.append(
            f"{each.kind:<12}{between:>14}{each.count:>9}"
            f"{each.mean_confidence:>8.2f}{each.share_right:>8.2f}"
        )
    kinds = dict.fromkeys(each.kind for each in bins)
    errors = (f"{kind}: mean distance {calibration_error(bins, kind):.3f}" for kind in kinds)
    return "\n".join([*lines, *errors])


def reliability_document(bins: list[Bin]) -> list[dict[str, Any]]:
    """Return the bins as values for JSON."""
    return [asdict(each) for each in bins]
