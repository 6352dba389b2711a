r"""The typed fields of one written phrase on its own, such as a value that a model has handed in.

A phrase on its own may hold more than one that is found in a text: words (`half a million`), units
after the number (`3 BLEU points`, `120 mmHg`), intervals (`[0.85, 0.92]`), mixed numbers
(`1 1/2`). Read in a text these would have to be told from lists, names and citations.

Promises never to fail: what has no readable number is `unread`.

Not here: where phrases stand in a text (`finding`).
"""

import re
from dataclasses import replace

from extract.numbers.context import place_of
from extract.numbers.finding import START, is_glued, phrase_at, with_context
from extract.numbers.grammar import TO, read_numbers
from extract.numbers.numerals import MINUS, rounded
from extract.numbers.quantity import Quantity, Shape
from extract.numbers.units import FACTOR_UNIT, PERCENT_UNIT
from extract.numbers.words import read_words

_MARKUP = re.compile(
    r"\\(?:mathbf|textbf|mathrm|textit|emph|bm|boldsymbol|num|text)\{([^{}]{0,80})\}"
)
# Most values are written so: they are read as they stand, and are none of the forms below.
_PLAINEST = re.compile(r"\d+(?:\.\d+)?(?:\\?%)?")
_SPACE_MARKUP = re.compile(r"\\(?:thinspace|enspace|quad|;|:|!)|&nbsp;|&thinsp;")
_SIGNS = {"\\textasciitilde": "~", "\\textless": "<", "\\textgreater": ">"}
# Each pair is a way to write that is plain on its own, and what it is read as.
_REWRITTEN = tuple(
    (re.compile(pattern), as_read)
    for pattern, as_read in (
        (rf"^(\s?[{MINUS}+])\s(?=\.?\d)", r"\1"),
        (r"^(?:minus|negative)\s(?=\.?\d)", "-"),
        (r"^\$?(?:\\times|×)\s{0,2}\$?(?=\d)", "×"),
        # A decimal comma, and the points that part thousands where there is one.
        (r"(?<![\d.,])(\d{1,3})\.(\d{3}),(\d{1,2})(?![\d,])", r"\1\2.\3"),
        (r"^([€£¥~<>+−-]{0,3}\s?\d{1,9}),(\d{1,2})(?=\s?(?:$|\\?%|[€A-Za-z°]))", r"\1.\2"),
        (r"(?<![\d.,])0,(?=\d{1,9}(?![\d,]))", "0."),
        (r"(?<=\d)\.(?=\\?%)", ""),
        (r"(?<=\d)\s(?=[kMBT]$)", ""),
        (r"(?<=\d)\s/\s(?=\d)", "/"),
        (r"\$\s?(?:to|and|--?|[–—])\s?\$(?=\d)", " to "),
        (r"^(\\?[€£¥$])(\d[\d.,]{0,12}[kKMBT]?)\s?(?:to|[-–—])\s?\1(?=\d)", r"\1\2-"),
        (r"^(USD|EUR|GBP|CNY|RMB|JPY|CHF)\s?(\d.*)$", r"\2 \1"),
        (r"\bin (?:a|one) (?=(?:hundred|thousand|million|billion)\b)", "in 1 "),
        (r"(?<![\d.,])(\d{1,2}),(\d{2}),(\d{3})(?![\d,])", r"\1\2\3"),
        (r"(?<=\d)\s(?=(?:bn|mn|tn|mio|Bn|Mn|Tn|Mio)\b)", ""),
        (r"(?<=\d)(?=[σÅΩ](?!\w))", " "),
        (r"^\d{2}(?:\.\d)?\s?\\?% ?(?:CI|confidence interval)\s?[:=,]?\s?(?=[\[(]?\d)", ""),
    )
)
_SPACED_GROUPS = re.compile(r"(?<![\d.])(\d{1,3})((?: \d{3}){1,6})(?![\d.]*\d)")
_MIXED = re.compile(r"(\d{1,3})\s(\d{1,2})/(\d{1,2})")
_INTERVAL = re.compile(r"[\[(]\s?([+−-]?[\d.]{1,20}%?)\s?[,;]\s?([+−-]?[\d.]{1,20}%?)\s?[\])]")
_CENTRE = re.compile(
    r"([+−-]?\d{1,9}(?:\.\d{1,9})?%?)\s?[\[(](?:\d\d\s?% ?CI:?,?\s)?([^\[\]()]{3,40})[\])]"
)
_DECIMAL_PLACE = re.compile(r"(\d{1,3}\.\d{1,4})th(?![A-Za-z]).{0,20}")
_LAST_DIGITS = re.compile(r"([+−-]?\d{1,9}\.(\d{1,9}))\((\d{1,2})\)")


def parse_quantity(value: str, context: str = "") -> Quantity:
    """Return the typed fields of one written phrase; offsets are those of *value*.

    *context* is the text the phrase stands in: where *value* occurs in it, the words beside it
    decide comparator and `relative`. A phrase without a readable number has `number`, `low` and
    `high` None and the shape `unread`.
    """
    if _PLAINEST.fullmatch(value):
        plain, quantity = value, _only_phrase(value)
    else:
        plain = _as_read(value)
        quantity = _whole_phrase(plain.strip()) or _only_phrase(plain)
    if quantity is None:
        return read_words(value)
    alone = with_context(plain, quantity)
    place = place_of(value, context)
    if place < 0:
        return replace(alone, value=value, start=0, end=len(value))
    placed = replace(alone, value=value, start=place, end=place + len(value))
    beside = with_context(context, placed)
    return _in_kelvin(
        replace(
            beside,
            start=0,
            end=len(value),
            comparator=alone.comparator if alone.comparator != "=" else beside.comparator,
            relative=beside.relative if alone.relative is None else alone.relative,
        ),
        context[max(0, place - 80) : place + 80],
    )


def _as_read(value: str) -> str:
    """Return *value* without what only sets its type, in the plainest of its written forms."""
    plain = _SPACE_MARKUP.sub(" ", _MARKUP.sub(r"\1", value))
    for command, sign in _SIGNS.items():
        plain = plain.replace(command, sign)
    for pattern, as_read in _REWRITTEN:
        plain = pattern.sub(as_read, plain)
    return plain


def _whole_phrase(plain: str) -> Quantity | None:
    """Read the forms that only a whole value can have; None where it has none of them."""
    unread = Quantity(plain, 0, len(plain), None, None, None, None, "=", "unread", None)
    if (mixed := _MIXED.fullmatch(plain)) and int(mixed[2]) < int(mixed[3]):
        number = rounded(int(mixed[1]) + int(mixed[2]) / int(mixed[3]))
        return replace(unread, number=number, shape="plain")
    if place := _DECIMAL_PLACE.fullmatch(plain):
        return replace(unread, number=float(place[1]), unit="ordinal", shape="ordinal")
    if last := _LAST_DIGITS.fullmatch(plain):
        centre = _only_phrase(last[1])
        spread = float(f"{last[3]}e-{len(last[2])}")
        return centre and _around(unread, centre, centre, -spread, spread)
    if interval := _INTERVAL.fullmatch(plain):
        return _between(unread, _only_phrase(interval[1]), _only_phrase(interval[2]))
    if (centred := _CENTRE.fullmatch(plain)) and (centre := _only_phrase(centred[1])):
        ends = _whole_phrase(f"[{centred[2]}]") or _only_phrase(centred[2])
        if ends and ends.low is not None and ends.shape == "range":
            return _around(unread, centre, ends, 0.0, 0.0)
    return None


def _between(whole: Quantity, one: Quantity | None, other: Quantity | None) -> Quantity | None:
    """Return the range from one number to another; None where either is none."""
    if one is None or other is None or one.number is None or other.number is None:
        return None
    low, high = sorted((one.number, other.number))
    return replace(whole, low=low, high=high, unit=other.unit or one.unit, shape="range")


def _around(
    whole: Quantity, centre: Quantity, ends: Quantity, below: float, above: float
) -> Quantity | None:
    """Return *centre* with the interval of *ends*, or with one of a width around it."""
    low = ends.number if ends.low is None else ends.low
    high = ends.number if ends.high is None else ends.high
    if centre.number is None or low is None or high is None:
        return None
    return replace(
        whole,
        number=centre.number,
        low=rounded(low + below),
        high=rounded(high + above),
        unit=centre.unit or ends.unit,
        shape="uncertain",
    )


def _only_phrase(value: str) -> Quantity | None:
    """Read the first number phrase of *value*, with what only a phrase on its own may hold."""
    joined = _SPACED_GROUPS.sub(lambda found: found[0].replace(" ", "\u202f"), value)
    pos = 0
    while start := START.search(joined, pos):
        pos = max(start.end(), start.start() + 1)
        if is_glued(joined, start.end() - len(start["sign"] or "")):
            continue
        quantity = phrase_at(joined, start, TO)
        if quantity is not None:
            return _with_more_units(joined, _up_to_second(joined, quantity))
    return None


_MEASURED = r"(?:absolute |percentage[ -]|percent |%|accuracy |[A-Za-z]{0,5}[A-Z][\w@-]{0,12} )"
_MORE_UNITS = re.compile(
    rf"\s?(?P<points>{_MEASURED}?-?(?:points?|p\.p\.|pp|pts?|ppts?|%p)(?![A-Za-z])|p(?![A-Za-z]))"
    r"|\s(?P<orders>orders? of magnitude)"
    r"|\s?(?P<currency>[€£¥])"
    r"|(?P<rate>/[a-zμ]{1,9}L?(?:\^?[23]|[²³])?(?![A-Za-z0-9]))"
    r"|\s?(?P<unit>℃|℉|mmHg|Å|Ω|σ|sigmas?|basis points|bps|bpm|bar|Pa|ppm|ppb|cal|oz|ha|acres?"
    r"|lumens?|Celsius|Fahrenheit|[Kk]elvins?|parsecs?|kpc|Mpc|[kM]?pc|M☉|arcsec|mAh|[mk]A|qubits?)"
    r"(?![A-Za-z])"
)


def _with_more_units(text: str, quantity: Quantity) -> Quantity:
    """Add the unit that follows the phrase, where it has none yet; a plus may stand between."""
    after, unit = quantity.end, quantity.unit
    if quantity.value.endswith("+") and text[after : after + 1].isspace():
        return replace(quantity, unit=unit or _unit_after(text, after))
    found = _MORE_UNITS.match(text, after)
    more = found.groupdict() if found else {}
    if unit not in {None, PERCENT_UNIT, "pp"}:
        return replace(quantity, unit=f"{unit}{more['rate']}") if more.get("rate") else quantity
    if more.get("points") and (more["points"] != "p" or unit == PERCENT_UNIT):
        return _in(quantity, "points")
    if unit == "pp":
        return replace(quantity, unit="points", relative=False)
    if more.get("currency"):
        money: Shape = "money" if quantity.shape == "plain" else quantity.shape
        return replace(quantity, unit=more["currency"], shape=money)
    if more.get("orders"):
        return _in(quantity, more["orders"])
    return replace(quantity, unit=more["unit"]) if more.get("unit") and unit is None else quantity


def _in(quantity: Quantity, unit: str | None) -> Quantity:
    """Return *quantity* in another unit, which makes a percent a plain number."""
    shape: Shape = "plain" if quantity.shape == "percent" else quantity.shape
    return replace(quantity, unit=unit, shape=shape)


def _unit_after(text: str, end: int) -> str | None:
    """Return the unit that stands after the plus of `1,000+ hours`."""
    bare = read_numbers(f"1{text[end:]}", 0, TO)
    return bare.unit if bare and bare.unit != FACTOR_UNIT else None


_OUT_OF = re.compile(r"\s(?:in|out of|of)\s(?:every\s|the\s)?")


def _up_to_second(text: str, first: Quantity) -> Quantity:
    """Join what only two phrases state: `1/3 to 2/3` is a range, `3 out of 5` a fraction."""
    share = _OUT_OF.match(text, first.end)
    between = share or TO.match(text, first.end)
    second = read_numbers(text, between.end(), TO) if between else None
    if second is None or second.number is None or first.number is None:
        return first
    both = replace(first, end=second.end, unit=second.unit or first.unit)
    if share:
        return _share(both, first, second, is_in=share[0].strip() == "in")
    low, high = sorted((first.number, second.number))
    return replace(both, number=None, low=low, high=high, shape="range")


def _share(both: Quantity, first: Quantity, second: Quantity, *, is_in: bool) -> Quantity:
    """Read `3 of 5` as a fraction, but not `50% of 200` nor `3 in 2024`."""
    if first.number is None or second.number is None or not 0 < second.number >= first.number:
        return first
    is_year = is_in and 1900 <= second.number < 2100
    if both.unit or first.shape != "plain" or is_year:
        return first
    return replace(both, number=rounded(first.number / second.number), shape="fraction")


_KELVIN = re.compile(r"\d\s?K$")
_WARM = re.compile(r"temperature|kelvin|thermal|cryo|cool|heat|superconduct|critical temp", re.I)


def _in_kelvin(quantity: Quantity, around: str) -> Quantity:
    """Read `300 K` as a temperature where the text speaks of one."""
    if quantity.number is None or quantity.unit or not _KELVIN.search(quantity.value):
        return quantity
    if _WARM.search(around) is None:
        return quantity
    return replace(quantity, number=rounded(quantity.number / 1e3), unit="K")
