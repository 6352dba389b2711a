"""The gap between two written numbers, in points and relative, and how exactly it is known.

A number written `78.1` stands for anything between 78.05 and 78.15, so a gap of two such numbers
is an interval. A stated gap fits where it is that gap, rounded or cut off at its last digit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Reading = Literal["points", "relative", "relative_error"]

_EPSILON = 1e-9
_FULL = 100.0
#: "more than 3 points" is said of 3.4, not of 30.
_AT_MOST_OVER = 2.0


@dataclass(frozen=True, slots=True)
class Written:
    """A number as written, and the worth of one step of its last digit."""

    number: float
    step: float


def written(value: str, number: float) -> Written:
    """Return *number* with the step that its written form *value* gives."""
    digits = re.search(r"\d[\d,]*(?:\.(\d+))?", value)
    decimals = len(digits[1]) if digits and digits[1] else 0
    mantissa = float(digits[0].replace(",", "")) if digits else 0.0
    # "1.2 million" is written in steps of 0.1 million.
    scale = abs(number) / mantissa if mantissa else 1.0
    return Written(abs(number), scale * 10.0**-decimals)


@dataclass(frozen=True, slots=True)
class Gap:
    """The gap between two numbers in one reading, and the interval that rounding allows."""

    reading: Reading
    expected: float
    least: float
    most: float

    def allows(self, stated: Written, comparator: str) -> bool:
        """Say whether *stated* may be this gap, rounded or cut off; `>` states a lower bound."""
        slack = _EPSILON * max(1.0, self.most)
        if comparator in (">", ">="):
            # A bound is not rounded: "over 4 points" is wrong of 3.8.
            return self.least / _AT_MOST_OVER <= stated.number <= self.most + slack
        least = self.least - stated.step - slack
        return least <= stated.number <= self.most + stated.step / 2 + slack


def readings(low: Written, high: Written, meanings: Sequence[Reading]) -> list[Gap]:
    """Return the gap between two numbers in each of its *meanings*.

    A relative gap may be of either number, since it is not known which one came first. A
    relative error counts what is missing to 100: from 90 to 92 is a fifth fewer errors.
    """
    bases: dict[Reading, tuple[float, ...]] = {
        "relative": (low.number, high.number),
        "relative_error": (_FULL - low.number, _FULL - high.number),
    }
    found: list[Gap] = []
    for meaning in meanings:
        if meaning == "points":
            difference, margin = high.number - low.number, (low.step + high.step) / 2
            least = max(0.0, difference - margin)
            found.append(Gap("points", difference, least, difference + margin))
        else:
            found += [_relative(low, high, base, meaning) for base in bases[meaning] if base > 0]
    return found


def _relative(low: Written, high: Written, base: float, reading: Reading) -> Gap:
    """Return the gap in percent of *base*, which is as exact as the two numbers."""
    margin = (low.step + high.step) / 2
    difference = high.number - low.number
    least = max(0.0, difference - margin) / (base + margin)
    most = (difference + margin) / max(base - margin, _EPSILON)
    return Gap(reading, _FULL * difference / base, _FULL * least, _FULL * most)
