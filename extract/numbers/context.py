"""What the words beside a number say about it: how it bounds, and what a percent is of.

Promises to look no further than a few dozen characters to each side, so that the cost does not
depend on the length of the text.

Not here: what is written inside the number phrase itself (`grammar`).
"""

import re

from extract.numbers.quantity import Comparator
from extract.numbers.units import PERCENT_UNIT

_BEFORE_CHARS = 48
_AFTER_CHARS = 60

_FILLER = r"(?:\s|~|\$|\\,|\{|\\textbf\{|\\mathbf\{|an? |the |as (?:much|many|high|low) as )*"
_WORDS: tuple[tuple[Comparator, str], ...] = (
    ("<=", r"up[ -]to|at most|no (?:more|greater|larger) than|not exceeding|a maximum of|within|"
           r"no longer than|upper[- ]bounded by|capped at|maximally|no higher than|"
           r"not (?:more|greater|higher) than|as (?:much|many|high|large|long) as"),
    (">=", r"at least|no (?:less|fewer|smaller) than|not less than|a minimum of|minimum of|"
           r"upwards? of|or more than|as (?:few|low|little|small) as|starting (?:from|at)"),
    (">", r"(?:more|greater|larger|higher|longer|better|faster|smaller than by more) than|over|"
          r"above|exceed(?:s|ing|ed)?|beyond|surpass(?:es|ing) the|in excess of|well over"),
    ("<", r"(?:less|fewer|lower|smaller|shorter|under|worse) than|below|under|sub-?|just under|"
          r"(?:just|only) shy of|within less than"),
    ("~", r"about|around|approximately|approx\.?|roughly|nearly|almost|close to|circa|ca\.|some|"
          r"an estimated|on the order of|in the order of|near(?:ing)?|virtually|c\.|or so"),
)  # fmt: skip
_SIGNS: tuple[tuple[Comparator, str], ...] = (
    ("<=", r"<=|≤|⩽|=<|\\leq?(?:slant|q)?"),
    (">=", r">=|≥|⩾|\\geq?(?:slant|q)?"),
    ("<", r"<|\\lt|\\ll|≪|＜|&lt;"),
    (">", r">|\\gt|\\gg|≫|＞|&gt;"),
    ("~", r"(?<![A-Za-z.,])~|≈|≃|≅|∼|∿|\\sim(?:eq)?|\\approx(?:eq)?|\bsim"),
)
_WORD_PATTERNS = tuple(
    (sign, re.compile(rf"(?<![a-z])(?:{words}){_FILLER}$")) for sign, words in _WORDS
)
_SIGN_PATTERNS = tuple(
    (sign, re.compile(rf"(?:{signs})(?:\s|\$|\\,|\\ )*[+−-]?$")) for sign, signs in _SIGNS
)
# What a pattern that ignores case takes for a Latin letter, and `lower` does not.
_AS_ASCII = str.maketrans("\u0130\u0131\u017f", "iis")
_COMPARED_WITH = re.compile(
    r"(?:improv|gain|advantage|superior|margin|increas|reduc|averag|better|win|outperform|speed"
    r"|boost)\w*(?: (?!(?:by|of|to|with|using|at|from|in|is|reaching|achieving) )\w+){0,3} over "
    r"(?:the |all )?$",
    re.IGNORECASE,
)
_OVER = re.compile(r"\bover \W{0,2}$")
_COUNTED = r"\d[\d,.]*[KMB]?%?(?:\s[a-z-]{3,}){0,2}"
_DONE = (
    r"accumulated|aggregated|applied|assessed|averag(?:ed?|ing)|benchmarked|carried out|computed"
    r"|conducted|distributed|evaluat(?:ed|ions?)|experiments?|generaliz(?:ed?|es|ing)|means?|measured"
    r"|medians?|monitored|observed|performed|repeated|results?|runs?|running|spread|summed|tested"
    r"|tests|tracked|trained|trials|validated"
)
# "12,480 questions over 1,940 ledgers", "evaluated over 25 objects", "a success rate over 25 runs".
# "We tested over 400 models" says how many.
_ACROSS_AFTER = re.compile(
    rf"(?:{_COUNTED}|\b(?:{_DONE}) (?:it|them)"
    rf"|(?<!\bwe )(?<!\bthey )(?<!\bhave )(?<!\band )\b(?:{_DONE})"
    r"|\b(?:accuracy|rate|scores?|performance|deviation)) over \W{0,2}$",
    re.IGNORECASE,
)
_COUNT = r"\d[\d,]*\s(?:[a-z-]+\s){0,2}?"
_THINGS = re.compile(
    rf"{_COUNT}(?!(?:points|times|percent|degrees|folds?)\b)(?:[a-z-]+s|people|data)\b"
)
_TIME = re.compile(
    rf"{_COUNT}(?:years?|months?|weeks?|days?|hours?|minutes?|seconds?|decades?|epochs?|iterations?"
    r"|steps|rounds|episodes|seeds|generations)\b(?! of\b)"
)
# What takes an amount: "takes over 14 days" and "with over 15 years" are more than that.
_TAKES = re.compile(
    r"(?:^|[,;:(–—]|\b(?:an?|the|and|or|of|for|with|by|to|in|than|at|from|on|after|about|using|is|are"
    r"|was|were|be|its|our|their|per|well|just|\w*(?:requir|consum|need|tak|took|cost|last|contain"
    r"|compris|includ|cover|sav|exceed|spend|spent|gather|collect|releas|has|hav|had|reach|achiev"
    r"|attain|span|process|generat|handl|surviv)\w*)) ?over \W{0,2}$",
    re.IGNORECASE,
)
_AFTER_WORDS: tuple[tuple[Comparator, re.Pattern[str]], ...] = (
    (">=", re.compile(r"\s?\+|\s(?:or|and) (?:more|above|higher|greater|over)\b")),
    ("<=", re.compile(r"\s(?:or|and) (?:less|fewer|below|lower|under)\b")),
    ("~", re.compile(r"\s(?:or so)\b|-ish\b")),
)


# Among numbers alone nothing bounds: tables of numbers need not be looked at word by word.
_SAYS_SOMETHING = re.compile(r"[^\d\s.,;+]")


def comparator_before(text: str, start: int) -> Comparator:
    """Return how the words and signs just before *start* bound the number there."""
    before = text[max(0, start - _BEFORE_CHARS) : start]
    if _SAYS_SOMETHING.search(before) is None:
        return "="
    for sign, pattern in _SIGN_PATTERNS:
        if pattern.search(before):
            return sign
    words = _in_small_letters(before)
    for sign, pattern in _WORD_PATTERNS:
        if pattern.search(words):
            is_told = sign == ">" and (_COMPARED_WITH.search(before) or _is_across(text, start))
            return "=" if is_told else sign
    return "="


def _in_small_letters(text: str) -> str:
    """Return *text* as patterns of small letters read it: quicker than to ignore case in each."""
    return (text if text.isascii() else text.translate(_AS_ASCII)).lower()


def _is_across(text: str, start: int) -> bool:
    """Say whether the "over" before the number at *start* means across, and not more than.

    It does after what was counted, done or measured where a count of things follows, and before
    a span of time that nothing takes. What is in doubt is more than.
    """
    before = text[max(0, start - _BEFORE_CHARS) : start]
    if _OVER.search(before) is None:
        return False
    after = text[start : start + _AFTER_CHARS]
    if _ACROSS_AFTER.search(before) and (_THINGS.match(after) or _TIME.match(after)):
        return True
    return _TIME.match(after) is not None and _TAKES.search(before) is None


_FACTOR_OF = re.compile(
    r"(?i:factors?) of (?:up to |about |around |over |nearly |at least |~)?\$?$"
)


def is_called_factor(text: str, start: int) -> bool:
    """Say whether the number at *start* is introduced as `a factor of`."""
    return _FACTOR_OF.search(text[max(0, start - _BEFORE_CHARS) : start]) is not None


def comparator_after(text: str, end: int) -> Comparator:
    """Return how the words just after *end* bound the number there."""
    after = text[end : end + 16]
    return next((sign for sign, pattern in _AFTER_WORDS if pattern.match(after)), "=")


_POINTS = re.compile(
    r"\s?(?:\}|\$|\))?[\s-]?(?:(?:absolute|percentage|percent|accuracy|F1|BLEU|mAP|mIoU|%|pct)[\s-]){0,2}"
    r"(?:points?|pp|p\.p\.|ppts?|pts?)(?![A-Za-z])|\s\(?(?:in )?absolute(?:ly)?(?![A-Za-z])"
)
_POINTS_BEFORE = re.compile(r"absolute(?:ly)?(?: \w+){0,3}(?: of| by)?[\s$(~+]*$", re.IGNORECASE)
_RELATIVE_AFTER = re.compile(
    r"\s?(?:\}|\$|\))?\s\(?(?:\w+ )?(?:relative(?:ly)?(?! to)"
    r"|fewer|faster|slower|smaller|larger|cheaper|less|more|shorter|longer|lighter|bigger)"
    r"(?![A-Za-z])"
)
_RELATIVE_BEFORE = re.compile(
    r"(?:relative(?:ly)?(?! to)|proportional(?:ly)?)(?: \w+){0,4}(?: of| by)?[\s$(~+]*$",
    re.IGNORECASE,
)
_COST = (
    r"(?:latenc|time|runtime|memory|parameter|param|comput|flop|cost|overhead|storage|traffic|energy|"
    r"bandwidth|communication|carbon|emission|budget|token|footprint|vram|size|usage|consumption|"
    r"annotation|label|price|throughput|speed|rate of convergence|delay)\w*"
)
_CHANGE = (
    r"(?:reduc|cut|decreas|lower|sav|shrink|increas|rais|shorten|slash|drop|compress|accelerat)\w*"
)
_COST_CHANGED_BY = re.compile(
    rf"{_CHANGE} (?:[\w-]+ ){{0,6}}?{_COST}(?: [\w-]+){{0,4}} by(?: [\w-]+){{0,3}}[\s$(~+]*$",
    re.IGNORECASE,
)
_CHANGE_OF_COST = re.compile(
    rf"\s?(?:\}}|\$)?\s(?:[\w-]+ )?(?:reduction|decrease|increase|saving|drop|improvement)s? "
    rf"(?:in|of) (?:[\w-]+ ){{0,3}}{_COST}"
    rf"|\s(?:[\w-]+ ){{0,3}}{_COST} (?:reduction|saving|decrease)"
    rf"|\s(?:of|less|fewer) (?:the )?{_COST} (?:reduc|sav)\w*",
    re.IGNORECASE,
)


def relative_around(text: str, start: int, end: int, unit: str | None) -> bool | None:
    """Say whether the number at *start*, in *unit*, is a share of the old value
    (True) or a difference in points (False).

    Words decide (`relative`, `absolute`, `points`, `fewer`). A change of a cost (latency, memory,
    parameters) is relative, since such quantities are not measured in percent. Otherwise
    None: `improves accuracy by 5%` can be read both ways.
    """
    before = text[max(0, start - 80) : start]
    after = text[end : end + _AFTER_CHARS]
    if not (_SAYS_SOMETHING.search(before) or _SAYS_SOMETHING.search(after)):
        return None
    if _POINTS.match(after) or _POINTS_BEFORE.search(before):
        return False
    if unit != PERCENT_UNIT:
        return None
    if _RELATIVE_AFTER.match(after) or _RELATIVE_BEFORE.search(before):
        return True
    # The first of them is slow to fail, so its own word is looked for before.
    if _CHANGE_OF_COST.match(after) or (
        " by" in before.lower() and _COST_CHANGED_BY.search(before)
    ):
        return True
    return None


_NUMBER_BEFORE = re.compile(r"(?<=[\d.,])")
_NUMBER_AFTER = re.compile(r"[.,]?\d")


def place_of(value: str, text: str) -> int:
    """Return where *value* stands in *text*, not inside a longer number; -1 where nowhere."""
    at = text.find(value) if value else -1
    while at >= 0:
        if not (_NUMBER_BEFORE.match(text, at) or _NUMBER_AFTER.match(text, at + len(value))):
            return at
        at = text.find(value, at + 1)
    return -1
