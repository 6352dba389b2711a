"""What a quantity written without digits says: `twice`, `half`, `twenty-five`, `two million`.

Only for reading a value that a model has handed in. Results in words are not searched for in
a text, because the annotation guide leaves them out.
"""

import math
import re
from dataclasses import replace

from extract.numbers.context import comparator_before
from extract.numbers.quantity import Quantity, Shape
from extract.numbers.units import FACTOR_UNIT, PERCENT_UNIT, SCALES

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_COUNTS = (
    {word: float(number) for number, word in enumerate(_ONES)}
    | {word: 10.0 * tens for tens, word in enumerate(_TENS, start=2)}
    | {"a": 1.0, "an": 1.0, "dozen": 12.0}
)
_PLACES = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_PARTS = {"half": 1 / 2, "halves": 1 / 2, "quarter": 1 / 4, "quarters": 1 / 4} | {
    word + plural: 1 / part
    for part, word in enumerate(_PLACES, start=1)
    if part > 2
    for plural in ("", "s")
}
_FACTORS = {"twice": 2.0, "double": 2.0, "thrice": 3.0, "triple": 3.0, "quadruple": 4.0}
_FACTORS |= {"doubled": 2.0, "tripled": 3.0, "doubles": 2.0, "triples": 3.0, "halved": 0.5}
_FACTORS |= {"doubling": 2.0, "tripling": 3.0, "halving": 0.5, "halves": 0.5, "quadrupled": 4.0}
_FACTORS |= {"quadruples": 4.0, "quadrupling": 4.0, "quintuple": 5.0}
_MOST_CHARS = 60
_WORDS = re.compile(r"[a-z]+|%")
_BOUND = re.compile(
    r"(?:at (?:least|most)|no (?:more|less|fewer) than|(?:more|less|fewer|greater) than|up to|over"
    r"|under|below|above|about|around|approximately|approx\.?|roughly|nearly|almost|close to|some"
    r"|just (?:over|under)|well (?:over|under))\s+"
)
_FACTOR_OF = re.compile(r"(?:by )?(?:a |an )?factors? of\s+")
_PLACE = re.compile(r"(?:the )?(\w+)(?: (?:place|rank|position))?")


def read_words(value: str) -> Quantity:
    """Return the fields of a value without digits; what is no number is `unread`."""
    unread = Quantity(value, 0, len(value), None, None, None, None, "=", "unread", None)
    if re.search(r"\d", value) or len(value) > _MOST_CHARS:
        return unread
    plain = " ".join(value.lower().split())
    bound = _BOUND.match(plain)
    comparator = comparator_before(plain, bound.end()) if bound else "="
    plain = re.sub(r" of(?: the| all| its)?$", "", plain[bound.end() :] if bound else plain)
    read = _pair(unread, plain) or _place(unread, plain) or _one(unread, plain)
    return replace(read, comparator=comparator) if read else unread


def _one(unread: Quantity, plain: str) -> Quantity | None:
    """Read one number in words, with its unit."""
    factor = _FACTOR_OF.match(plain)
    spelled = number_in_words(plain[factor.end() :] if factor else plain)
    if spelled is None:
        return None
    number, unit = spelled
    unit = FACTOR_UNIT if factor and unit is None else unit
    shapes: dict[str | None, Shape] = {PERCENT_UNIT: "percent", FACTOR_UNIT: "factor"}
    return replace(unread, number=number, unit=unit, shape=shapes.get(unit, "plain"))


def _place(unread: Quantity, plain: str) -> Quantity | None:
    """Read `first` and `third place`; a third alone is a place, and `a third` a part."""
    found = _PLACE.fullmatch(plain)
    if found is None or found[1] not in _PLACES:
        return None
    return replace(unread, number=_PLACES.index(found[1]) + 1.0, unit="ordinal", shape="ordinal")


def _pair(unread: Quantity, plain: str) -> Quantity | None:
    """Read `two to three` as a range and `two out of three` as a fraction."""
    for between, shape in ((r" to | or ", "range"), (r" out of | in ", "fraction")):
        parts = re.split(between, plain.removeprefix("between ").removeprefix("from "))
        if len(parts) != 2:
            continue
        one, other = (number_in_words(part) for part in parts)
        if one is None or other is None or not other[0]:
            continue
        if shape == "fraction":
            return replace(unread, number=one[0] / other[0], shape="fraction")
        low, high = sorted((one[0], other[0]))
        return replace(unread, low=low, high=high, unit=other[1] or one[1], shape="range")
    return None


def number_in_words(value: str) -> tuple[float, str | None] | None:
    """Return number and unit (`x`, `%`, ...) of *value*, or None where it is no number."""
    words = _WORDS.findall(value[:_MOST_CHARS].lower())
    if len(words) == 1 and words[0] in _FACTORS:
        return _FACTORS[words[0]], FACTOR_UNIT
    unit = None
    if words and words[-1] in {"percent", "%"}:
        words, unit = words[:-1], "%"
    elif words and words[-1] in {"points", "point"} and words[-2:-1] == ["percentage"]:
        words, unit = words[:-2], "points"
    elif words and (words[-1] in {"fold", "times"} or words[-1].endswith("fold")):
        words, unit = [w for w in (*words[:-1], words[-1].removesuffix("fold")) if w], FACTOR_UNIT
        words = [word for word in words if word != "times"]
    orders = " ".join(words[-3:])
    if orders == "order of magnitude" and words[:-3] in (["an"], ["one"], ["a"]):
        return 10.0, FACTOR_UNIT
    if orders == "orders of magnitude":
        words, unit = words[:-3], orders
    number = _spelled(words)
    return None if number is None else (number, unit)


def _spelled(words: list[str]) -> float | None:
    """Return the number that *words* spell; each of them must take part."""
    if "and" in words[:-2] and (words[(at := words.index("and")) + 2]) in _PARTS:
        return _with_part(words[:at], words[at + 1 : at + 3], words[at + 3 :])
    total, current = 0.0, None
    for word, before in zip(words, [None, *words], strict=False):
        scale = SCALES.get(word) if len(word) > 3 else None
        if word == "and" or (word in {"a", "an"} and before in _PARTS):
            continue
        if scale is not None:
            current = (1.0 if current is None else current) * scale
            if scale > 100:
                total, current = total + current, None
        elif word in _PARTS or word == "dozen":
            part = _PARTS.get(word, 12.0)
            current = (1.0 if current is None else current) * part
        elif word in _COUNTS:
            current = (current or 0.0) + _COUNTS[word]
        else:
            return None
    if current is None and total == 0.0:
        return None
    return total + (current or 0.0)


def _with_part(whole: list[str], part: list[str], scales: list[str]) -> float | None:
    """Return the number of `two and a half million`."""
    count, number = _COUNTS.get(part[0]), _spelled(whole)
    if count is None or number is None or not all(word in SCALES for word in scales):
        return None
    return math.prod([number + count * _PARTS[part[1]], *(SCALES[word] for word in scales)])
