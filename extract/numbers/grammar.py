"""What a number phrase that begins at one position says: single, range, uncertain, fraction.

Promises the longest phrase, as an exact slice of the text.

Not here: where phrases begin in a text (`finding`), and whether a phrase is a result, a year or a
part of a name (`roles`).
"""

import math
import re
from dataclasses import replace

from extract.numbers.numerals import (
    MINUS,
    Atom,
    atom_at,
    rounded,
    signed_atom_at,
    unit_at,
)
from extract.numbers.quantity import Quantity, Shape
from extract.numbers.units import FACTOR_UNIT, PERCENT_UNIT

DASH = re.compile(r"\s?(?:--?|[–—‐‑−~～])\s?|\$--?\$|\s?(?:\$\\sim\$|\\sim)\s?")
TO = re.compile(
    r"\s?(?:--?|[–—‐‑−~～])\s?|\$--?\$|\s{1,4}(?:to|and|through)\s{1,4}|\s?(?:\.\.\.?|…)\s?"
)
_PLUS_MINUS = re.compile(r"\s?(?:\(|\{|[_^]\{)?(?:±|\+/-|\+-|\+/−|\$?\\pm(?![A-Za-z])\$?)\s?")
_CROSS = re.compile(r"[xX*]|\s?(?:×|\$?\\times\$?)\s?")
_SPACED_CROSS = re.compile(r"\s[xX*]\s|\s?-?by-?\s?")
_WORD_GOES_ON = re.compile(r"(?![xX]\d)[^\W_]")
_ORDINAL = re.compile(r"(?:\^\{?)?(?:st|nd|rd|th)\}?(?![A-Za-z0-9])")
_FRACTION = re.compile(r"\\[dt]?frac\s?\{\s?(\d{1,9})\s?\}\s?\{\s?(\d{1,9})\s?\}")


def read_numbers(text: str, pos: int, separator: re.Pattern[str]) -> Quantity | None:
    """Read the longest number phrase that begins at *pos* with a sign or a digit."""
    fraction = _FRACTION.match(text, pos)
    if fraction and int(fraction[2]):
        number = rounded(int(fraction[1]) / int(fraction[2]))
        return _phrase(text, pos, fraction.end(), "fraction", number=number)
    first = signed_atom_at(text, pos)
    if first is None:
        return None
    pair = _dimensions(text, first) or _uncertain(text, first) or _share(text, first)
    pair = pair or _range(text, first, separator)
    return _readable(_with_outer_percent(text, pair) if pair else _single(text, first))


def _with_outer_percent(text: str, pair: Quantity) -> Quantity:
    """Take in the brackets of `(1.9-3.4)%`."""
    close = re.match(r"\)\s?\\?%", text[pair.end : pair.end + 4])
    if close is None or pair.unit or text[pair.start - 1 : pair.start] != "(":
        return pair
    start, end = pair.start - 1, pair.end + close.end()
    return replace(pair, value=text[start:end], start=start, end=end, unit=PERCENT_UNIT)


def _second(text: str, first: Atom, separator: re.Pattern[str]) -> Atom | None:
    """Read the number after *separator*, or None where no whole number phrase follows."""
    between = separator.match(text, first.end)
    if between is None:
        return None
    second = signed_atom_at(text, between.end())
    if second and first.number < 0 and between[0] == "--":
        second = replace(second, start=second.start - 1, number=-second.number)
    if second is None or _WORD_GOES_ON.match(text, second.end):
        return None
    return second


def _is_open_dash(text: str, first: Atom, second: Atom) -> bool:
    """Say whether the dash between two numbers stands free and so may divide, not join."""
    between = text[first.end : second.start]
    return between != between.strip() and first.unit != second.unit


def _range(text: str, first: Atom, separator: re.Pattern[str]) -> Quantity | None:
    """Read `1.9-3.4%`, `66%-73%` and `70-90B`: the unit and magnitude may be said once."""
    second = _second(text, first, separator)
    if second is None or (separator is DASH and _is_open_dash(text, first, second)):
        return None
    if re.match(rf"[{MINUS}]\d|\.\d", text[second.end : second.end + 2]):
        return None
    if first.scale == 1.0 and first.unit is None:
        first = replace(first, scale=second.scale)
    low, high = sorted((first.scaled, second.scaled))
    unit = second.unit or first.unit
    return _phrase(text, first.start, second.end, "range", low=low, high=high, unit=unit)


def _uncertain(text: str, first: Atom) -> Quantity | None:
    """Read `81.2 ± 0.4`."""
    second = _second(text, first, _PLUS_MINUS)
    if second is None:
        return None
    end = second.end
    if text[end : end + 1] in {")", "}"} and set("({") & set(text[first.end : second.start]):
        end += 1
    unit = second.unit or first.unit
    scale = second.scale if first.scale == 1.0 else first.scale
    centre = rounded(first.number * scale)
    spread = second.scaled if second.scale != 1.0 else second.number * scale
    low, high = sorted((rounded(centre - spread), rounded(centre + spread)))
    if unit is None:
        unit, end = unit_at(text, end)
    return _phrase(
        text, first.start, end, "uncertain", number=centre, low=low, high=high, unit=unit
    )


def _share(text: str, first: Atom) -> Quantity | None:
    """Read `334/706` as a fraction and `1:4` as a ratio, both of two whole numbers."""
    mark = text[first.end : first.end + 1]
    if mark not in {"/", ":", "⁄"} or not first.is_whole or first.unit or first.scale != 1.0:
        return None
    second = atom_at(text, first.end + 1)
    if second is None or not second.is_whole or second.scale != 1.0 or second.number == 0:
        return None
    ordinal = _ORDINAL.match(text, second.end)
    end = ordinal.end() if ordinal else second.end
    if text[end : end + 1].isalnum() or re.match(r"[/:]\d", text[end : end + 2]):
        return None
    shape: Shape = "ratio" if mark == ":" else "fraction"
    number = rounded(first.number / second.number)
    return _phrase(text, first.start, end, shape, number=number, unit=second.unit)


def _dimensions(text: str, first: Atom) -> Quantity | None:
    """Read `224x224` and `5x4 meter`; `50 m x 50 m` states two lengths."""
    atoms = [first]
    while len(atoms) < 5:
        is_bare = atoms[-1].unit is None
        second = _second(text, atoms[-1], _CROSS)
        if second is None and is_bare:
            second = _second(text, atoms[-1], _SPACED_CROSS)
        if second is None:
            break
        atoms.append(second)
    if len(atoms) == 1:
        return None
    return _phrase(text, first.start, atoms[-1].end, "dimensions", unit=atoms[-1].unit)


def _single(text: str, atom: Atom) -> Quantity:
    """Read one number with its unit, an ordinal included."""
    ordinal = _ORDINAL.match(text, atom.end) if atom.is_whole and atom.unit is None else None
    if ordinal:
        end = ordinal.end()
        return _phrase(text, atom.start, end, "ordinal", number=atom.scaled, unit="ordinal")
    shapes: dict[str | None, Shape] = {PERCENT_UNIT: "percent", FACTOR_UNIT: "factor"}
    shape = shapes.get(atom.unit, "plain")
    return _phrase(text, atom.start, atom.end, shape, number=atom.scaled, unit=atom.unit)


def _phrase(
    text: str,
    start: int,
    end: int,
    shape: Shape,
    *,
    number: float | None = None,
    low: float | None = None,
    high: float | None = None,
    unit: str | None = None,
) -> Quantity:
    """Return the phrase `text[start:end]` with what it states."""
    return Quantity(text[start:end], start, end, number, low, high, unit, "=", shape, None)


def _readable(quantity: Quantity) -> Quantity:
    """Give up the numbers of a phrase that no float can hold."""
    stated = (quantity.number, quantity.low, quantity.high)
    if all(part is None or math.isfinite(part) for part in stated):
        return quantity
    return replace(quantity, number=None, low=None, high=None, shape="unread")
