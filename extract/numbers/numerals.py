"""How one number is written: digits, magnitude and unit.

Promises linear time: every pattern is anchored at one position, and every repetition in it is
bounded or possessive.

Not here: phrases of two numbers, such as ranges (`grammar`).
"""

import re
from dataclasses import dataclass, replace

from extract.numbers.units import FACTOR_UNIT, PERCENT_UNIT, SCALE, SCALES, UNIT, measure_name

MINUS = "-−‐‑–"
_EXPONENT = (
    rf"(?:\^|\*\*)\s?(?:\{{\s?(?:\\text\{{-\}})?[{MINUS}+]?\d{{1,3}}\s?\}}|[{MINUS}+]?\d{{1,3}})"
)
_SUPERSCRIPT = "[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}"
_TIMES = r"\s?(?:\$?\\times\$?|\$?\\cdot\$?|[x×*·⋅])\s?\$?"
_GROUP = r"(?:,|\{,\}|\\,|,\\!|[\u00a0\u2009\u202f'’])"
NUMERAL = re.compile(
    rf"(?P<mantissa>\d++(?:\.\d++)?){_TIMES}(?P<ten>10)(?P<exp>{_EXPONENT}|{_SUPERSCRIPT}|[{MINUS}]\d{{1,2}}(?!\d))"
    rf"|(?P<base>\d{{1,3}})(?P<power>{_EXPONENT}|(?<=10)[⁻]?{_SUPERSCRIPT})(?![\d.]*\d)"
    r"|(?P<sci>\d++(?:\.\d++)?[eE][-−+]?\d{1,3})(?![A-Za-z0-9])"
    rf"|(?P<grouped>\d{{1,3}}(?:(?:{_GROUP}\d{{3}})++(?!\d)(?:\.\d++)?|(?:\.\d{{3}}){{2,4}}(?![.\d])))"
    r"|(?P<spaced>(?<![.\d])\d{1,3}(?:[ ]\d{3}){0,4}[ ]000(?![\d.,]\d|\d|%|\\%))"
    r"|(?P<comma>\d++,\d{1,2})(?=\s?\\?%)"
    r"|(?P<dotted>\d{1,3}·\d++)"
    r"|(?P<vulgar>\d{0,4}[¼½¾⅓⅔⅛])"
    r"|(?P<decimal>\d++\.\d++|\d++|\.\d++)"
)
_VULGAR = {"¼": 0.25, "½": 0.5, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3, "⅛": 0.125}
_SUPER_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺−‐‑–", "0123456789-+----")


@dataclass(frozen=True, slots=True)
class Atom:
    """A numeral with its magnitude and unit."""

    start: int
    end: int
    number: float
    scale: float
    unit: str | None
    is_whole: bool

    @property
    def scaled(self) -> float:
        return rounded(self.number * self.scale)


def rounded(number: float) -> float:
    """Drop the noise that multiplying decimal fractions leaves (3.4e6, not 3399999.9999999995)."""
    return float(f"{number:.15g}")


def _exponent(written: str) -> int:
    return int(re.sub(r"[^\d+-]", "", written.translate(_SUPER_DIGITS)))


def _power(base: float, exponent: int) -> float:
    try:
        return float(f"1e{exponent}") if base == 10 else float(base**exponent)
    except OverflowError:
        return float("inf")


def _numeral_value(match: re.Match[str]) -> float:
    """Return the number that a numeral stands for."""
    written = match[0]
    if match["mantissa"]:
        return float(f"{match['mantissa']}e{_exponent(match['exp'])}")
    if match["base"]:
        return _power(float(match["base"]), _exponent(match["power"]))
    if match["vulgar"]:
        return float(written[:-1] or 0) + _VULGAR[written[-1]]
    if match["comma"]:
        return float(written.replace(",", "."))
    if match["dotted"]:
        return float(written.replace("·", "."))
    if match["grouped"] or match["spaced"]:
        digits = re.sub(r"[^\d.]", "", written)
        return float(digits.replace(".", "") if digits.count(".") > 1 else digits)
    return float(written.replace("−", "-"))


def unit_at(text: str, pos: int) -> tuple[str | None, int]:
    match = UNIT.match(text, pos)
    if match is None:
        return None, pos
    if match["percent"]:
        return PERCENT_UNIT, match.end()
    if match["permille"]:
        return "‰", match.end()
    if match["factor"]:
        end = match.end()
        if "$" in match["factor"] and text[end : end + 1] == "$":
            end += 1
        return FACTOR_UNIT, end
    return measure_name(match["measure"]), match.end()


def atom_at(text: str, pos: int) -> Atom | None:
    """Read a numeral with magnitude and unit at *pos*, or None."""
    numeral = NUMERAL.match(text, pos)
    if numeral is None:
        return None
    number, is_whole = _numeral_value(numeral), numeral[0].isdigit()
    scale, unit, end = _measure_at(text, numeral.end())
    if end == numeral.end() and text[end : end + 1] == "$":
        scale, unit, outside = _measure_at(text, end + 1)
        end = outside if outside > end + 1 else end
    return Atom(pos, end, number, scale, unit, is_whole)


def _measure_at(text: str, pos: int) -> tuple[float, str | None, int]:
    """Read magnitude and unit at *pos*; 1.0, None and *pos* where there are none."""
    scale = 1.0
    found = SCALE.match(text, pos)
    if found:
        letters = found["word"] or found["letter"] or found["spaced"]
        scale = SCALES[letters.strip(" \u00a0~-\\,;").lower().removesuffix("s")]
        pos = found.end()
    unit, pos = unit_at(text, pos)
    return scale, unit, pos


def signed_atom_at(text: str, pos: int) -> Atom | None:
    """Read an atom that may begin with a sign."""
    is_signed = text[pos : pos + 1] in tuple("+" + MINUS)
    atom = atom_at(text, pos + is_signed)
    if atom is None or not is_signed:
        return atom
    return replace(atom, start=pos, number=atom.number if text[pos] == "+" else -atom.number)
