"""Where number phrases stand in a text, and the typed fields of one written phrase.

Promises that every phrase is an exact slice of its text, that phrases come in order without
overlap, and that time grows linearly with the text.

Not here: whether a phrase is a result, a year or a part of a name (`roles`), and what kind of
result it is (`kinds`).
"""

import re
from dataclasses import replace

from extract.numbers.context import (
    comparator_after,
    comparator_before,
    is_called_factor,
    place_of,
    relative_around,
)
from extract.numbers.grammar import DASH, TO, read_numbers
from extract.numbers.numerals import MINUS, rounded
from extract.numbers.quantity import Quantity, Shape
from extract.numbers.units import FACTOR_UNIT, PERCENT_UNIT
from extract.numbers.words import number_in_words

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
_MATH_AFTER = re.compile(r"\s?[\^\\$_{}=+*<>]")


def _is_glued(text: str, start: int) -> bool:
    """Say whether the number at *start* hangs on a word before it (`GPT-3`, `k@10`, `x_1`)."""
    if _GLUED.search(text[max(0, start - 3) : start]) is None:
        return False
    if text.endswith(("sub-", "Sub-"), 0, start):
        return False
    return text[start - 1] != "-" or _PERCENT_AHEAD.match(text, start) is None


def _phrase_at(text: str, start: re.Match[str], separator: re.Pattern[str]) -> Quantity | None:
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
    return (after[:1].isalnum() and not is_closed) or bool(re.match(r"\.\d|_\w", after))


def _with_context(text: str, quantity: Quantity) -> Quantity:
    """Add what the words around the phrase say."""
    digits = re.search(r"[+−‐‑–-]?\.?\d|[¼½¾⅓⅔⅛]|\\", quantity.value)
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
        if _is_glued(text, start.end() - len(start["sign"] or "")):
            continue
        quantity = _phrase_at(text, start, DASH)
        if quantity is not None:
            found.append(_with_context(text, quantity))
            pos = quantity.end
    return found


def parse_quantity(value: str, context: str = "") -> Quantity:
    """Return the typed fields of one written phrase; offsets are those of *value*.

    *context* is the text the phrase stands in: where *value* occurs in it, the words beside it
    decide comparator and `relative`. A phrase without a readable number has `number`, `low` and
    `high` None and the shape `unread`.
    """
    plain = _without_markup(value)
    quantity = _only_phrase(plain)
    if quantity is None:
        return _in_words(value)
    read = replace(_with_context(plain, quantity), value=value, start=0, end=len(value))
    place = place_of(value, context)
    if place < 0:
        return read
    beside = _with_context(context, replace(read, start=place, end=place + len(value)))
    return replace(
        read,
        unit=beside.unit,
        shape=beside.shape,
        comparator=read.comparator if read.comparator != "=" else beside.comparator,
        relative=beside.relative if read.relative is None else read.relative,
    )


_MARKUP = re.compile(
    r"\\(?:mathbf|textbf|mathrm|textit|emph|bm|boldsymbol|num|text)\{([^{}]{0,80})\}"
)
_SPACE_MARKUP = re.compile(r"\\(?:thinspace|enspace|quad|;|:|!)|&nbsp;|&thinsp;")
_LOOSE_SIGN = re.compile(rf"^(\s?[{MINUS}+])\s(?=\.?\d)")
_LONE_DECIMAL_COMMA = re.compile(r"(\d{1,9}),(\d{1,2})")


def _without_markup(value: str) -> str:
    """Return *value* without the LaTeX and HTML that only set its type, and with a joined sign."""
    plain = _SPACE_MARKUP.sub(" ", _MARKUP.sub(r"\1", value).replace("\\textasciitilde", "~"))
    plain = _LOOSE_SIGN.sub(r"\1", plain)
    comma = _LONE_DECIMAL_COMMA.fullmatch(plain)
    return f"{comma[1]}.{comma[2]}" if comma else plain


def _in_words(value: str) -> Quantity:
    """Read a value without digits, such as `twice`; what is no number stays unread."""
    unread = Quantity(value, 0, len(value), None, None, None, None, "=", "unread", None)
    spelled = None if re.search(r"\d", value) else number_in_words(value)
    if spelled is None:
        return unread
    number, unit = spelled
    shapes: dict[str | None, Shape] = {PERCENT_UNIT: "percent", FACTOR_UNIT: "factor"}
    shape = shapes.get(unit, "plain")
    return replace(unread, number=number, unit=unit, shape=shape)


_SPACED_GROUPS = re.compile(r"(?<![\d.])(\d{1,3})((?: \d{3}){1,6})(?![\d.]*\d)")
_UNIT_IN_WORDS = re.compile(
    r"\s?(?P<points>(?:absolute |percentage |percent |%)?-?(?:points?|pp|pts?|ppts?)(?![A-Za-z]))"
    r"|\s(?P<orders>orders? of magnitude)"
)


def _only_phrase(value: str) -> Quantity | None:
    """Read the first number phrase of *value*, with what only a phrase on its own may hold."""
    joined = _SPACED_GROUPS.sub(lambda found: found[0].replace(" ", "\u202f"), value)
    pos = 0
    while start := START.search(joined, pos):
        pos = max(start.end(), start.start() + 1)
        if _is_glued(joined, start.end() - len(start["sign"] or "")):
            continue
        quantity = _phrase_at(joined, start, TO)
        if quantity is not None:
            return _with_unit_in_words(joined, _up_to_second(joined, quantity))
    return None


def _with_unit_in_words(text: str, quantity: Quantity) -> Quantity:
    found = _UNIT_IN_WORDS.match(text, quantity.end)
    if found is None or quantity.unit not in {None, PERCENT_UNIT, "pp"}:
        is_pp = quantity.unit == "pp"
        return replace(quantity, unit="points", relative=False) if is_pp else quantity
    shape: Shape = "plain" if quantity.shape == "percent" else quantity.shape
    return replace(quantity, unit="points" if found["points"] else found["orders"], shape=shape)


_OUT_OF = re.compile(r"\s(?:in|out of)\s")


def _up_to_second(text: str, first: Quantity) -> Quantity:
    """Join what only two phrases state: `1/3 to 2/3` is a range, `3 out of 5` a fraction."""
    share = _OUT_OF.match(text, first.end)
    between = share or TO.match(text, first.end)
    second = read_numbers(text, between.end(), TO) if between else None
    if second is None or second.number is None or first.number is None:
        return first
    both = replace(first, end=second.end, unit=second.unit or first.unit)
    if share:
        number = rounded(first.number / second.number) if second.number else None
        return replace(both, number=number, shape="fraction") if number is not None else first
    low, high = sorted((first.number, second.number))
    return replace(both, number=None, low=low, high=high, shape="range")
