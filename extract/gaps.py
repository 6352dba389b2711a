"""Whether a stated gap is the gap between the two values that it joins.

"From 74.3 to 78.1, +3.8" states a value, another, and their difference; one of the three is wrong
where they do not agree. Points and a relative change are both tried, with the tolerance that the
written digits give. The rules are conservative: a contradiction is said only where the words or
the subjects join the two values, and every reading of the gap fails; what is left is not
checkable.

Not here: factors ("3x faster"), gaps over several values ("up to", "on average"), which records
of a task are gaps and values (`extract.gapplan`), and how a text joins them (`extract.gapwords`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from extract.gapmath import Reading, readings, written
from extract.gapwords import goes_from_to, is_of_move, place, same_measure
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
    told = [pair for pair in joined if _is_told_of(delta, pair)]
    checks = [check for pair in told or joined or pairs if (check := _compare(delta, pair))]
    agreeing = [check for check in checks if check.verdict == "agreement"]
    # Among many values that nothing joins, some two lie any gap apart by chance.
    if agreeing and (joined or len(agreeing) == 1):
        return agreeing[0]
    # A pair of other columns is still that of the gap that is told of it.
    meant = [pair for pair in joined if pair in told or _columns_agree(delta, pair)]
    if len(meant) == 1 and _is_plain(delta, meant[0]):
        return _compare(delta, meant[0]) or unknown
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
    """Say whether the gap may be that of the two values.

    "From A to B" makes a pair of two values whatever else is said of them: where a name was
    filed under the wrong field, the sentence is right.
    """
    units = {row.unit for row in pair}
    # "From 74.3 to 78.1%" leaves the first one's unit out.
    has_one_unit = len(units) == 1 or units == {None, "%"}
    return has_one_unit and (_columns_agree(delta, pair) or _is_move_beside(delta, pair))


def _columns_agree(delta: StatedNumber, pair: Pair) -> bool:
    """Say whether measure, setting and subjects let the gap be that of the two values."""
    settings = {row.setting.casefold() for row in (delta, *pair) if row.setting}
    return (
        len(settings) <= 1
        and all(same_measure(a.measure, b.measure) for a, b in combinations((delta, *pair), 2))
        and _fits_subjects(delta, pair)
    )


def _is_move_beside(delta: StatedNumber, pair: Pair) -> bool:
    """Say whether the gap's own sentence goes from one value to the other."""
    one, other = pair
    text = delta.sentence_text
    return one.sentence == other.sentence == delta.sentence and (
        goes_from_to(text, one.value, other.value) or goes_from_to(text, other.value, one.value)
    )


def _is_told_of(delta: StatedNumber, pair: Pair) -> bool:
    """Say whether the gap is told of just these two: "from 74.3 to 78.1, a gain of 3.8"."""
    one, other = (row.value for row in pair)
    return _is_move_beside(delta, pair) and any(
        is_of_move(delta.sentence_text, start, end, delta.value)
        for start, end in ((one, other), (other, one))
    )


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
    if goes_from_to(text, one.value, other.value) or goes_from_to(text, other.value, one.value):
        return True
    if not _differ_in_subject(pair):
        return False
    if one.sentence == other.sentence == delta.sentence:
        return _COMPARES.search(text) is not None
    return {one.subject, other.subject} == {delta.subject, delta.baseline}


def _is_plain(delta: StatedNumber, pair: Pair) -> bool:
    """Say whether the gap is stated exactly, of these two values and of no others.

    "From 48% to 78% and reduces the time by 25%" speaks of something else after the "and".
    """
    text = delta.sentence_text
    if delta.comparator == "~" or _SPREAD.search(text):
        return False
    if pair[0].sentence != delta.sentence or pair[1].sentence != delta.sentence:
        return True
    at = place(text, delta.value)
    places = [place(text, row.value) for row in pair]
    if at is None or None in places:
        return False
    nearest = min((p for p in places if p is not None), key=lambda p: abs(p - at))
    return _ANOTHER_CLAUSE.search(text[min(at, nearest) : max(at, nearest)]) is None


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
