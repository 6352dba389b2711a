"""From a model's own probability of a record to how often such records are right.

A model's probabilities order its records well and state them badly: a name that it gives 0.2 may
be right two times in three. A curve per record kind, fitted to annotated papers that the model
has not seen, says what share of the records of a probability was right. It never falls: of two
records the surer one stays the surer one.

    {"methods": [[0.02, 0.31], [0.4, 0.66], [0.95, 0.9]], "claims": ...}

Source: isotonic regression by pooling adjacent violators (Ayer et al. 1955).
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from extract.errors import InputError

Curve = Sequence[tuple[float, float]]
Calibration = Mapping[str, Curve]

FEWEST = 30
"""Records of a kind below which no curve is fitted: it would mostly show chance."""


def fit_curve(
    outcomes: Iterable[tuple[float, bool]], *, parts: int = 12
) -> list[tuple[float, float]]:
    """Return the points of a curve for records of known (probability, was it right).

    Empty where there are fewer than `FEWEST`. The probabilities are cut into at most *parts*
    runs of equal length before pooling, so that no point rests on a handful of records.
    """
    ordered = sorted(outcomes)
    if len(ordered) < FEWEST:
        return []
    size = max(FEWEST // 2, -(-len(ordered) // parts))
    runs = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    if len(runs) > 1 and len(runs[-1]) < size / 2:
        runs[-2:] = [runs[-2] + runs[-1]]
    pools: list[list[tuple[float, bool]]] = []
    for run in runs:
        pools.append(run)
        while len(pools) > 1 and _share(pools[-2]) >= _share(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    return [
        (round(sum(p for p, _ in pool) / len(pool), 4), round(_share(pool), 4)) for pool in pools
    ]


def _share(pool: Sequence[tuple[float, bool]]) -> float:
    return sum(is_right for _, is_right in pool) / len(pool)


def calibrated(probability: float, curve: Curve) -> float:
    """Return what *curve* makes of *probability*: straight between points, flat outside."""
    if not curve:
        return probability
    at = bisect_right([p for p, _ in curve], probability)
    if at == 0:
        return curve[0][1]
    if at == len(curve):
        return curve[-1][1]
    (left, low), (right, high) = curve[at - 1], curve[at]
    return low + (high - low) * (probability - left) / (right - left)


def read_calibration(path: Path) -> Calibration:
    """Read the curves of a file; raise `InputError` where they are none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        curves = {
            str(kind): [(float(p), float(share)) for p, share in points]
            for kind, points in document.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"calibration {path}: {error}") from error
    for kind, curve in curves.items():
        if any(a >= c or b > d for (a, b), (c, d) in pairwise(curve)):
            raise InputError(f"calibration {path}: the curve of {kind} falls")
        if any(not 0 <= value <= 1 for point in curve for value in point):
            raise InputError(f"calibration {path}: the curve of {kind} leaves 0 to 1")
    return curves
