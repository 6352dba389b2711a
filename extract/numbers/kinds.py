"""What kind of result a number is: a score, a change, a factor or a size.

Promises a guess from the written form and the words of the sentence, for use where no model has
said it. The nearest cue decides: words right after the number, then those before it.

Not here: the number itself (`grammar`) and whether it is a result at all (`roles`).
"""

import re
from typing import Literal

from extract.metrics import has_metric_word
from extract.numbers.context import place_of, relative_around
from extract.numbers.quantity import Quantity

Kind = Literal["score", "delta", "factor", "size"]

_SIZE_UNIT = re.compile(
    r"(?i:.*(?:hour|day|week|month|year|minute|second|hr|min|sec|flop|mac|byte|bit|fps|hz"
    r"|/s|per second)s?)|[KMGTPk]i?B|[mnuμµ]?s|h|[kmM]?Wh?|[mk]?J"
)
_SCALED = re.compile(r"\d\s?(?:[kKMBTG](?![A-Za-z])|bn|-?(?:thousand|million|billion|trillion))")
_CHANGE_NOUN = (
    r"(?:improvement|gain|increase|reduction|decrease|drop|degradation|boost|margin|saving|decline|"
    r"uplift|increment|speedup|advantage|deterioration|shrinkage|growth|lift|cut|gap|jump|rise)s?"
)
_COMPARATIVE = (
    r"(?:higher|lower|better|worse|fewer|less|more|faster|slower|smaller|larger|cheaper|shorter|"
    r"longer|greater|above|below|over|cost savings?)"
)
_DELTA_AFTER = re.compile(
    rf"\W{{0,3}}\s?(?:[\w/@$+-]+ ){{0,4}}?(?:points?|pp|{_CHANGE_NOUN})(?![A-Za-z])"
    rf"|\W{{0,3}}\s?(?:\w+ )?{_COMPARATIVE}(?![A-Za-z])(?! all\b)"
    rf"|\W{{0,3}}\s?(?:of|in) (?:[\w-]+ ){{0,2}}{_CHANGE_NOUN}(?![A-Za-z])",
)
_NUMBER = r"[~<>+$]{0,3}\d[\d.,]*(?:\\?%|x|\\times|k|M|B)?\$?"
_LIST_TAIL = re.compile(rf"(?:{_NUMBER}\s?(?:,|, and|and|or|to|--?|–)\s?(?:and |to )?){{1,6}}$")
_DELTA_BEFORE = re.compile(
    r"(?i:(?:improv|increas|reduc|decreas|outperform|surpass|exceed|boost|gain|enhanc|lower|rais|"
    r"cut|sav|drop|degrad|beat|shrink|accelerat|advantage|margin|better|speed|extend|discard|prun|"
    r"lag|trail|fall|declin|deteriorat|shorten|lift|elevat|underperform|gap|diff|higher|rise|bring|"
    r"remov|eliminat|grow|short of|minimi|mitigat|alleviat|worse|superior|lead)\w*)"
)
_SCORE_BEFORE = re.compile(
    r"(?i:(?:achiev|reach|attain|obtain|scor|yield|accuracy of|accuracies of|rate of|with an? |"
    r"error of|retain|maintain|preserv|remain|match|from|reports?|record|perform|deliver|hit|below|"
    r"produc|correct|secur|set)\w*)"
)
_SIZE_AFTER = re.compile(
    r"\W{0,2}\s?(?:of (?:the |its |all |their )?(?:[\w-]+ ){0,2}?(?:data|dataset|label|sample|"
    r"image|training|train|parameter|token|weight|annotation|example|pixel|param|corpus|budget|"
    r"node|patient|participant|user|layer|memory)\w*|confidence|CI\b|label|annotat|train|sparsity"
    r"|of labels|significance)"
)
_FACTOR_AFTER = re.compile(
    rf"\s(?:{_COMPARATIVE}|{_CHANGE_NOUN}|[a-z]+er\b|as |than|the |speed|reduc|improv|compress"
    r"|data)"
)
_NAMED_NUMBER = re.compile(
    r"(?i:temperature|threshold|p|dropout|learning rate|ratio|window|length|batch size)"
    r"(?: value| of| is)?\s?[=<>≤≥~]?\s?[$]?$"
)
_FROM_BEFORE = re.compile(r"(?i:from)\s(?:an? )?(?:[\w-]+ ){0,2}[~$]?$")
_FROM_TO = re.compile(
    rf"(?i:from)\s(?:an? )?{_NUMBER}(?:\s\([^()]{{0,40}}\))?[\w\s~/-]{{0,40}} to [~$]?$"
)
_BY = re.compile(
    r"(?i:\bby)(?: (?:up|to|over|about|around|nearly|roughly|approximately|an?|more|than|at|least|"
    r"average|of|as|much|margins?|almost|the|only|absolute|relative|another|some|further|on|"
    r"\w+ly))*[\s~$(+]{0,4}(?:\\textbf\{)?[~+]?$"
)
_CHANGE_OF = re.compile(
    rf"(?i:{_CHANGE_NOUN})(?: \w+){{0,3}} (?:of|by|reaching|exceeding|to)[\w\s]{{0,20}}"
    r"[~$(+]{0,3}$"
)


def _place(quantity: Quantity, sentence: str) -> tuple[int, int]:
    """Return where *quantity* stands in *sentence*: its own offsets, or the value's first place."""
    if sentence[quantity.start : quantity.end] == quantity.value:
        return quantity.start, quantity.end
    start = max(0, place_of(quantity.value, sentence))
    return start, start + len(quantity.value)


def _clause(sentence: str, start: int, end: int) -> tuple[str, str]:
    """Return the text before and after a number, within its sentence and without other numbers."""
    before = sentence[max(0, start - 160) : start]
    after = sentence[end : end + 80]
    before = re.split(r"[.;!?]\s(?=[A-Z(])", before)[-1]
    after = re.split(r"[.;!?](?:\s|$)", after)[0]
    return _LIST_TAIL.sub("", before), after


def kind_hint(quantity: Quantity, sentence: str) -> Kind:
    """Guess the kind of *quantity* from its form and from the words around it in *sentence*."""
    start, end = _place(quantity, sentence)
    before, after = _clause(sentence, start, end)
    if quantity.unit == "x":
        is_in_words = quantity.value.endswith("times") and "\\" not in quantity.value
        return "size" if is_in_words and not _FACTOR_AFTER.match(after) else "factor"
    if quantity.shape == "ordinal":
        return "score"
    if quantity.shape in {"money", "dimensions"} or _SCALED.search(quantity.value):
        return "size"
    if quantity.unit is not None and _SIZE_UNIT.fullmatch(quantity.unit):
        return "size"
    return _kind_in_words(quantity, before, after)


def _kind_in_words(quantity: Quantity, before: str, after: str) -> Kind:
    """Decide between score, delta and size for a percent or a bare number."""
    if quantity.value[0] in "+-−" or _BY.search(before) or _CHANGE_OF.search(before):
        return "delta"
    if _FROM_BEFORE.search(before) or _FROM_TO.search(before):
        return "score" if not _is_count(quantity, after) else "size"
    if _NAMED_NUMBER.search(before):
        return "size"
    next_number = re.search(r"\d", after)
    near = after[: next_number.start()] if next_number else after
    if _is_count(quantity, near):
        return "delta" if re.match(r"\s(?:absolute |percentage )?points?\b", near) else "size"
    if _DELTA_AFTER.match(re.split(r",\s|\sover\s|\sand\s|\swhile\s", near)[0]):
        return "delta"
    if quantity.unit == "%" and _SIZE_AFTER.match(near) and not _DELTA_BEFORE.search(before[-30:]):
        return "size"
    return _later_cue(before)


def _is_count(quantity: Quantity, after: str) -> bool:
    """Say whether a bare whole number counts the noun that follows it."""
    if quantity.unit is not None or quantity.number is None or "." in quantity.value:
        return False
    noun = re.match(r"\W{0,2}\s?((?:[\w-]+ ?){1,3})", after)
    return noun is None or not has_metric_word(noun[1].split(" ")[0])


def _later_cue(before: str) -> Kind:
    """Return the kind of the last cue before the number; a score where there is none."""
    delta = max((match.start() for match in _DELTA_BEFORE.finditer(before)), default=-1)
    score = max((match.start() for match in _SCORE_BEFORE.finditer(before)), default=-1)
    return "delta" if delta > score else "score"


def is_relative(quantity: Quantity, sentence: str) -> bool | None:
    """Say whether a percent is one of the old value (True) or in points (False); None if unsaid."""
    if quantity.relative is not None:
        return quantity.relative
    start, end = _place(quantity, sentence)
    return relative_around(sentence, start, end, quantity.unit)
