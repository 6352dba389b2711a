"""How a sentence joins two values and their gap: "from 74.3 to 78.1, a gain of 3.8".

Not here: which numbers of a paper are values and gaps, and whether they agree (`extract.gaps`).
"""

from __future__ import annotations

import re

_GAP_CHARS = 60
_NOUN = (
    r"(?:improvement|gain|increase|rise|jump|boost|lift|uplift|growth|reduction|decrease|drop|fall"
    r"|decline|change|difference|margin|gap|delta)s?"
)
_POINTS = (
    r"(?:\s*(?:%|\\%|(?:(?:absolute|percentage|percent|accuracy)[\s-]+)?(?:points?|pp|pts?)\b))?"
)
_WORD = r"(?:[A-Za-z][\w-]*\s+)"
# "..., a gain of" and "..., which is an absolute improvement of" before the gap.
_NAMED = re.compile(
    rf"(?i:^[^;\d]{{0,12}}(?:\s(?:on|in|at|for) [\w-]+(?: [\w-]+)?)?\s*[,:(–—-]\s*"
    rf"(?:{_WORD}){{0,4}}{_NOUN} (?:of|by)\W{{0,4}}$)"
)
_SIGNED = re.compile(r"^[^\w;]*[,(]\W*(?:Δ\W*)?$")
_ARTICLE = re.compile(r"(?i:^[^\w;]*[,(:–—-]\s*(?:an?|the)\W+$)")
_CLOSES = re.compile(rf"(?i:^{_POINTS}(?:\s+(?:absolute|relative)(?:ly)?)?\W{{0,2}}(?:[).,;:]|$))")
_NAMES = re.compile(rf"(?i:^{_POINTS}[\s-]+(?:(?:absolute|relative)\s+)?{_NOUN}\b(?! over\b))")
_OPENS = re.compile(rf"(?i:^{_POINTS}[\s,(]*from\s\W*$)")
_NO_MEASURE = frozenset(
    "% absolute percent percentage point points pp ppt ppts pt pts relative".split()
)


def same_measure(one: str | None, other: str | None) -> bool:
    """Say whether two measures may be one: either is unknown, or one contains the other.

    "Percentage points" is how a gap is counted, and leaves open what was measured.
    """
    if not one or not other or not (_measures(one) and _measures(other)):
        return True
    left, right = one.casefold(), other.casefold()
    return left in right or right in left


def _measures(name: str) -> bool:
    return not _NO_MEASURE.issuperset(re.findall(r"[^\W_]+|%", name.casefold()))


def place(text: str, value: str) -> int | None:
    """Return where *value* stands in *text*, not inside a longer number."""
    found = re.search(_whole(value), text)
    return found.start() if found else None


def goes_from_to(text: str, one: str, other: str) -> bool:
    """Say whether *text* goes from the value *one* to the value *other*."""
    return _move(text, one, other) is not None


def is_of_move(text: str, one: str, other: str, gap: str) -> bool:
    """Say whether *gap* is told of the move from *one* to *other* and of nothing else.

    "From 74.3 to 78.1, a gain of 3.8", "from 74.3 to 78.1 (+3.8)", "by 3.8 from 74.3 to 78.1".
    """
    move, at = _move(text, one, other), place(text, gap)
    if move is None or at is None:
        return False
    end = at + len(gap)
    after = text[end : end + _GAP_CHARS]
    if end <= move.start("one"):
        return _OPENS.match(text[end : move.start("one")]) is not None
    if at < move.end() or at - move.end() > _GAP_CHARS:
        return False
    between = text[move.end() : at]
    if _CLOSES.match(after):
        is_signed = gap[:1] in "+-−±" or "(" in between or between.rstrip()[-1:] in ("+", "-", "−")
        return bool(_NAMED.match(between) or (is_signed and _SIGNED.match(between)))
    return bool(_NAMES.match(after) and _ARTICLE.match(between))


def _move(text: str, one: str, other: str) -> re.Match[str] | None:
    """Return where *text* says "from *one* to *other*", or joins the two with an arrow."""
    start, end = f"(?P<one>{_whole(one)})", _whole(other)
    between = rf"(?:(?!\b(?:from|to)\b)[^;]){{0,{_GAP_CHARS}}}"
    said = re.search(rf"\b[Ff]rom\b[^;\d]{{0,40}}{start}{between}\bto\b[^;\d]{{0,30}}{end}", text)
    arrow = r"[\s$%\\]*(?:→|⟶|->|=>|\\(?:long)?rightarrow|\\to\b)[\s$]*"
    return said or re.search(rf"{start}{arrow}{end}", text)


def _whole(value: str) -> str:
    return rf"(?<![\d.]){re.escape(value)}(?!\d|\.\d)"
