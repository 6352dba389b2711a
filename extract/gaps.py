"""Whether a stated gap is the gap between the two values that it joins.

"From 74.3 to 78.1, +3.8" states a value, another, and their difference; one of the three is wrong
where they do not agree. Points and a relative change are both tried, with the tolerance that the
written digits give. The rules are conservative: a contradiction is said only where the words or
the subjects join the two values, and every reading of the gap fails; what is left is not
checkable.

Not here: factors ("3x faster"), gaps over several values ("up to", "on average"), and which
records of a task are gaps and values (`extract.gapplan`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from extract.gapmath import Reading, readings, written
from extract.numbers import parse_quantity

Verdict = Literal["agreement", "contradiction", "not_checkable"]

_SPREAD = re.compile(
    r"(?i:\bup to\b|\bon average\b|\b(?:average|mean) \w+|\brespectively\b|\bacross\b|\beach\b)"
)
_COMPARES = re.compile(
    r"(?i:\b(?:outperform|surpass|exceed|beat|improv|compar|reduc|increas|rais|drop|lower)\w*"
    r"|\b(?:over|versus|vs|than|against|from)\b)"
)
_ANOTHER_CLAUSE = re.compile(r"(?i:;|\band\b|\bwhile\b|\bwhereas\b|\bbut\b|\bwhich\b)")
_GAP_CHARS = 60
# What has more numbers or characters is a list or a fault, where nothing joins two values and
# looking at all pairs takes time.
_MOST_ROWS = 24
_LONGEST_SENTENCE = 5_000


@dataclass(frozen=True, slots=True)
class StatedNumber:
    """What a row says, as far as gaps are concerned.

    *subject* has the number, *baseline* is what it is compared with, and *measure* and *setting*
    must be one where two numbers are compared. `position` is the row's place in its list.
    """

    value: str
    number: float | None
    unit: str | None
    kind: str
    sentence: int
    sentence_text: str = ""
    relative: bool | None = None
    comparator: str = "="
    measure: str | None = None
    setting: str | None = None
    subject: str | None = None
    baseline: str | None = None
    position: int = 0


Pair = tuple[StatedNumber, StatedNumber]


@dataclass(frozen=True, slots=True)
class GapCheck:
    """A stated gap, the two values that it joins, and whether they agree.

    `expected` is the gap between the values in the reading nearest to what is stated. All but
    `delta`, `verdict` and `stated` are None where the gap is not checkable.
    """

    delta: StatedNumber
    low: StatedNumber | None
    high: StatedNumber | None
    verdict: Verdict
    expected: float | None
    stated: float | None
    reading: Reading | None = None


def read_stated(row: Mapping[str, Any]) -> StatedNumber:
    """Return a row of written values as a stated number.

    Where the row has no `relative`, the words beside the value decide.
    """
    text = str(row.get("sentence_text") or "")
    quantity = parse_quantity(str(row["value"]), text)
    named: dict[str, Any] = {
        key: row.get(key) for key in ("measure", "setting", "subject", "baseline")
    }
    relative = row.get("relative")
    return StatedNumber(
        value=str(row["value"]),
        number=row.get("number", quantity.number),
        unit=row.get("unit", quantity.unit),
        kind=str(row["kind"]),
        sentence=int(row["sentence"]),
        sentence_text=text,
        relative=quantity.relative if relative is None else relative,
        comparator=str(row.get("comparator") or quantity.comparator),
        **named,
    )


def check_gaps(rows: Iterable[StatedNumber]) -> list[GapCheck]:
    """Check each stated gap among the numbers of one paper, in their order."""
    by_sentence: dict[int, list[StatedNumber]] = {}
    deltas: list[StatedNumber] = []
    for row in rows:
        by_sentence.setdefault(row.sentence, []).append(row)
        if row.kind == "delta":
            deltas.append(row)
    checks = [_check(delta, _values_near(delta, by_sentence)) for delta in deltas]
    # A pair has one gap: where that is stated too, another gap beside it is of something else.
    settled = [(c.low, c.high) for c in checks if c.verdict == "agreement"]
    return [
        _unchecked(check.delta)
        if check.verdict == "contradiction" and (check.low, check.high) in settled
        else check
        for check in checks
    ]


def _unchecked(delta: StatedNumber) -> GapCheck:
    return GapCheck(delta, None, None, "not_checkable", None, delta.number)


def _values_near(
    delta: StatedNumber, by_sentence: Mapping[int, Sequence[StatedNumber]]
) -> list[StatedNumber]:
    """Return the values of the gap's sentence and of those beside it, none where it is a list."""
    near: list[StatedNumber] = []
    if len(delta.sentence_text) > _LONGEST_SENTENCE:
        return near
    for number in range(delta.sentence - 1, delta.sentence + 2):
        rows = by_sentence.get(number, ())
        if len(rows) <= _MOST_ROWS:
            near += [row for row in rows if _is_value(row)]
        elif number == delta.sentence:
            return []
    return near


def _is_value(row: StatedNumber) -> bool:
    return row.kind == "score" and row.number is not None and row.comparator == "="


def _check(delta: StatedNumber, values: Sequence[StatedNumber]) -> GapCheck:
    """Find the pair that the gap joins, and say whether they agree."""
    unknown = _unchecked(delta)
    if delta.number is None or delta.comparator in ("<", "<="):
        return unknown
    pairs = _pairs(delta, values)
    joined = [pair for pair in pairs if _is_joined(delta, pair)]
    checks = [check for pair in joined or pairs if (check := _compare(delta, pair))]
    agreeing = [check for check in checks if check.verdict == "agreement"]
    # Among many values that nothing joins, some two lie any gap apart by chance.
    if agreeing and (joined or len(agreeing) == 1):
        return agreeing[0]
    if len(joined) == len(checks) == 1 and _is_plain(delta, joined[0]):
        return checks[0]
    return unknown


def _pairs(delta: StatedNumber, values: Sequence[StatedNumber]) -> list[Pair]:
    """Return the pairs of values that the gap could join.

    Those of its own sentence; where that has fewer than two values, those of the sentences
    beside it that are told of different subjects.
    """
    beside = [row for row in values if row.sentence == delta.sentence]
    if len(beside) > 1:
        return [pair for pair in combinations(beside, 2) if _may_join(delta, pair)]
    return [
        pair
        for pair in combinations(values, 2)
        if _may_join(delta, pair) and _differ_in_subject(pair)
    ]


def _may_join(delta: StatedNumber, pair: Pair) -> bool:
    """Say whether unit, measure, setting and subjects let the gap be that of the two values."""
    one, other = pair
    units = {one.unit, other.unit}
    # "From 74.3 to 78.1%" leaves the first one's unit out.
    has_one_unit = len(units) == 1 or units == {None, "%"}
    settings = {row.setting.casefold() for row in (delta, *pair) if row.setting}
    return (
        has_one_unit
        and len(settings) <= 1
        and all(_same_measure(a.measure, b.measure) for a, b in combinations((delta, *pair), 2))
        and _fits_subjects(delta, pair)
    )


def _same_measure(one: str | None, other: str | None) -> bool:
    """Say whether two measures may be one: either is unknown, or one contains the other."""
    if not one or not other:
        return True
    left, right = one.casefold(), other.casefold()
    return left in right or right in left


def _fits_subjects(delta: StatedNumber, pair: Pair) -> bool:
    """Say whether the gap's subject or baseline is one of those of the two values."""
    wanted = {name.casefold() for name in (delta.subject, delta.baseline) if name}
    given = {row.subject.casefold() for row in pair if row.subject}
    return len(given) < 2 or not wanted or bool(wanted & given)


def _differ_in_subject(pair: Pair) -> bool:
    one, other = (row.subject for row in pair)
    return bool(one and other) and one != other


def _is_joined(delta: StatedNumber, pair: Pair) -> bool:
    """Say whether the text joins the two values: "from A to B", or two subjects compared."""
    one, other = pair
    text = delta.sentence_text
    if _goes_from_to(text, one.value, other.value) or _goes_from_to(text, other.value, one.value):
        return True
    if not _differ_in_subject(pair):
        return False
    if one.sentence == other.sentence == delta.sentence:
        return _COMPARES.search(text) is not None
    return {one.subject, other.subject} == {delta.subject, delta.baseline}


def _goes_from_to(text: str, one: str, other: str) -> bool:
    """Say whether *text* goes from the value *one* to the value *other*."""
    start, end = (rf"(?<![\d.]){re.escape(value)}(?!\d|\.\d)" for value in (one, other))
    between = rf"(?:(?!\b(?:from|to)\b)[^;]){{0,{_GAP_CHARS}}}"
    pattern = rf"\b[Ff]rom\b[^;\d]{{0,40}}{start}{between}\bto\b[^;\d]{{0,30}}{end}"
    return re.search(pattern, text) is not None


def _is_plain(delta: StatedNumber, pair: Pair) -> bool:
    """Say whether the gap is stated exactly, of these two values and of no others.

    "From 48% to 78% and reduces the time by 25%" speaks of something else after the "and".
    """
    text = delta.sentence_text
    if delta.comparator == "~" or _SPREAD.search(text):
        return False
    if pair[0].sentence != delta.sentence or pair[1].sentence != delta.sentence:
        return True
    place = _place(text, delta.value)
    places = [_place(text, row.value) for row in pair]
    if place is None or None in places:
        return False
    nearest = min((p for p in places if p is not None), key=lambda p: abs(p - place))
    return _ANOTHER_CLAUSE.search(text[min(place, nearest) : max(place, nearest)]) is None


def _place(text: str, value: str) -> int | None:
    """Return where *value* stands in *text*, not inside a longer number."""
    found = re.search(rf"(?<![\d.]){re.escape(value)}(?!\d|\.\d)", text)
    return found.start() if found else None


def _compare(delta: StatedNumber, pair: Pair) -> GapCheck | None:
    """Return whether one pair agrees with the gap; None where the units cannot be compared."""
    low, high = sorted(pair, key=lambda row: row.number or 0.0)
    stated = written(delta.value, delta.number or 0.0)
    gaps = readings(
        written(low.value, low.number or 0.0),
        written(high.value, high.number or 0.0),
        _meanings(delta, low.unit or high.unit),
    )
    if not gaps:
        return None
    fitting = [gap for gap in gaps if gap.allows(stated, delta.comparator)]
    nearest = min(fitting or gaps, key=lambda gap: abs(gap.expected - stated.number))
    verdict: Verdict = "agreement" if fitting else "contradiction"
    return GapCheck(delta, low, high, verdict, nearest.expected, delta.number, nearest.reading)


def _meanings(delta: StatedNumber, unit: str | None) -> tuple[Reading, ...]:
    """Return what the gap may mean between two values in *unit*."""
    is_share = unit in (None, "%")
    if delta.unit == "%":
        if delta.relative is False:
            return ("points",) if is_share else ()
        relative: tuple[Reading, ...] = (
            ("relative", "relative_error") if is_share else ("relative",)
        )
        return relative if delta.relative or not is_share else ("points", *relative)
    if delta.unit in (None, unit) or (is_share and delta.unit in ("points", "pp")):
        return ("points",)
    return ()
