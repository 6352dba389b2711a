"""Where number phrases stand in a text.

Promises that every phrase is an exact slice of its text, that phrases come in order without
overlap, and that time grows linearly with the text.

Not here: one phrase on its own (`phrases`), whether a phrase is a result, a year or a part of a
name (`roles`), and what kind of result it is (`kinds`).
"""

import re
from dataclasses import replace

from extract.numbers.context import (
    comparator_after,
    comparator_before,
    is_called_factor,
    relative_around,
)
from extract.numbers.grammar import DASH, read_numbers
from extract.numbers.numerals import MINUS, rounded
from extract.numbers.quantity import Quantity, Shape
from extract.numbers.units import FACTOR_UNIT, PERCENT_UNIT

_LATEX_SIGN = (
    r"(?<=\\sim)|(?<=\\approx)|(?<=\\leq)|(?<=\\geq)|(?<=\\le)|(?<=\\ge)|(?<=\\times)|(?<=\\pm)"
    r"|(?<=\bsim)|(?<=\\lt)|(?<=\\gt)"
)
_NUMERAL_AHEAD = r"(?=\.?\d|[¼½¾⅓⅔⅛]|\\[dt]?frac\s?\{)"
START = re.compile(
    rf"(?:(?<![\w@^\\.])|{_LATEX_SIGN}|(?<=[\s(]x)|(?<=[^\W\d_][.?!]))"
    r"(?P<comparator>(?:[<>]=?|[~≈≤≥])\s?)?"
    r"(?P<currency>(?<![\w<>~≈≤≥\\}])(?:US)?\\?\$|[€£¥])?(?P<cross>[x×](?=\d))?"
    rf"(?P<sign>(?<![^\W_][{MINUS}])(?<![\w%)\]}}])[{MINUS}+])?" + _NUMERAL_AHEAD
)
_GLUED = re.compile(r"[^\W_][-‐‑_/.@+]$|[\^_]\{?$|[^\W\d_]\\-$")
_PERCENT_AHEAD = re.compile(r"\d{1,4}(?:\.\d{1,9})?\s?\\?%")
_NUMERAL = re.compile(r"[+−‐‑–-]?\.?\d|[¼½¾⅓⅔⅛]|\\")
_GOES_ON = re.compile(r"\.\d|_\w")
_MATH_AFTER = re.compile(r"\s?[\^\\$_{}=+*<>]")


def is_glued(text: str, start: int) -> bool:
    """Say whether the number at *start* hangs on a word before it (`GPT-3`, `k@10`, `x_1`)."""
    if _GLUED.search(text[max(0, start - 3) : start]) is None:
        return False
    if text.endswith(("sub-", "Sub-"), 0, start):
        return False
    return text[start - 1] != "-" or _PERCENT_AHEAD.match(text, start) is None


def phrase_at(text: str, start: re.Match[str], separator: re.Pattern[str]) -> Quantity | None:
    """Read the phrase whose comparator, currency and sign are in the match *start*."""
    at = start.start("sign") if start["sign"] else start.end()
    quantity = read_numbers(text, at, separator)
    if quantity is None or _runs_on(text, quantity):
        return None
    begin = quantity.start
    is_math = "$" in quantity.value or _MATH_AFTER.match(text, quantity.end) is not None
    is_math = is_math or quantity.unit == PERCENT_UNIT
    if start["currency"] and not is_math:
        begin = start.start("currency")
        quantity = _as_money(quantity, start["currency"].lstrip("US\\"))
    elif start["cross"] or text.endswith(("\\times", "×"), 0, at):
        begin = start.start("cross") if start["cross"] else at
        quantity = _as_factor(quantity)
    is_glued = bool(start["comparator"]) and not start["comparator"][-1].isspace()
    if is_glued and begin == start.end("comparator"):
        begin = start.start("comparator")
    end = quantity.end + (text[quantity.end : quantity.end + 1] == "+")
    if text.count("$", begin, end) % 2 and text[begin - 1 : begin] == "$":
        begin -= 1
    if (begin, end) == (quantity.start, quantity.end):
        return quantity
    return replace(quantity, value=text[begin:end], start=begin, end=end)


def _as_factor(quantity: Quantity) -> Quantity:
    """Read the cross before a number (`×2.5`) as one after it."""
    if quantity.unit is not None:
        return quantity
    shape: Shape = "factor" if quantity.shape == "plain" else quantity.shape
    return replace(quantity, unit=FACTOR_UNIT, shape=shape)


def _as_money(quantity: Quantity, currency: str) -> Quantity:
    """Give *quantity* its currency; an `m` after money is a million, not a metre."""
    if quantity.unit == "m" and quantity.number is not None:
        quantity = replace(quantity, number=rounded(quantity.number * 1e6))
    shape: Shape = "money" if quantity.shape == "plain" else quantity.shape
    return replace(quantity, unit=currency, shape=shape)


def _runs_on(text: str, quantity: Quantity) -> bool:
    """Say whether a word or a version number goes on after the phrase (`3D`, `1.2.3`)."""
    after = text[quantity.end : quantity.end + 2]
    is_closed = quantity.value[-1] in "%×)$"
    return (after[:1].isalnum() and not is_closed) or bool(_GOES_ON.match(after))


def with_context(text: str, quantity: Quantity) -> Quantity:
    """Add what the words around the phrase say."""
    digits = _NUMERAL.search(quantity.value)
    inner = quantity.start + (digits.start() if digits else 0)
    comparator = comparator_before(text, inner)
    if comparator == "=":
        plus = quantity.end - (quantity.value[-1:] == "+")
        comparator = comparator_after(text, plus)
    relative = None
    if quantity.unit in {None, PERCENT_UNIT}:
        relative = relative_around(text, quantity.start, quantity.end, quantity.unit)
    if quantity.unit is None and is_called_factor(text, quantity.start):
        quantity = _as_factor(quantity)
    if comparator == quantity.comparator and relative == quantity.relative:
        return quantity
    return replace(quantity, comparator=comparator, relative=relative)


def find_quantities(text: str) -> list[Quantity]:
    """Return the number phrases of *text* in order, without overlap.

    Numbers that hang on a word (`GPT-3`, `H100`, `Recall@1`, `3D`) are no phrases of their
    own; years, citations and list marks are phrases, and `classify_numbers` tells them apart.
    """
    found: list[Quantity] = []
    pos = 0
    while start := START.search(text, pos):
        pos = max(start.end(), start.start() + 1)
        if is_glued(text, start.end() - len(start["sign"] or "")):
            continue
        quantity = phrase_at(text, start, DASH)
        if quantity is not None:
            found.append(with_context(text, quantity))
            pos = quantity.end
    return found
