"""Which short forms a paper explains itself: `masked autoencoders (MAE)`.

    masked autoencoders (MAE)              the short form in parentheses
    large language models (LLMs)           its plural too
    MAE (masked autoencoders)              the long form in parentheses
    MAE: Masked Autoencoders Are           the long form after a colon, or `SNIP, a Symbolic-…`
    masked autoencoders, or MAE for short  the short form in words

Parentheses are read by the algorithm of Schwartz and Hearst, as the library `abbreviations` has
it. It is asked about one parenthesis at a time: given a whole text it takes quadratic time, gives
up at an unbalanced parenthesis, and does not say where. Where its long form begins too late
(`Policy Optimization` for `PPO`), and where there is no parenthesis, initials decide.

Not here: joining the records that are named by them (`joining`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from .fold import Span
from .initials import beginning, ending, is_explained
from .mentions import Mention
from .text import PaperText
from .words import is_whole

# Long forms are looked for this far from their short form.
_REACH = 250
_NAME = r"[^\W_](?:[\w.+/&\u2010\u2011-]*[\w+])?"
_PARENTHESIS = re.compile(r"(?<=\s)[(\[]\s*([^()\[\]]{2,250}?)\s*[)\]]")
_INSIDE = re.compile(rf"[\"'\u201c\u2018]?({_NAME})(?=[\"'\u201d\u2019]?(?:$|[,;:)\]]))")
_LAST_NAME = re.compile(rf"(?<![\w-])({_NAME})[\s\"'\u201d\u2019]*$")
_INTRODUCED = re.compile(
    rf"(?<![\w-])({_NAME})(?::\s|,\s(?=an?\s|the\s|short\s)|\s(?:which\s)?stands\sfor\s)"
)
_IN_WORDS = re.compile(
    rf",?\s(?:or|dubbed|termed|called|named|namely|known\sas|abbreviated\s(?:as|to))\s({_NAME})"
)
_ARTICLE = re.compile(r"(?:an?|the|short for|i\.e\.,?|stands for)\s+", re.IGNORECASE)
_STOP = re.compile(r"[()\[\];]")

Pairs = Callable[..., dict[str, str]]


@dataclass(frozen=True, slots=True)
class AcronymPair:
    """A short form and what it stands for, both where the paper says so."""

    short: Mention
    long: Mention


def acronym_pairs(text: PaperText) -> list[AcronymPair]:
    """Return the short forms that the paper explains, each pair of forms once."""
    found: dict[tuple[str, str], AcronymPair] = {}
    for number, passage in enumerate(text.passages):
        for spans in (*_in_parentheses(passage.raw), *_introduced(passage.raw)):
            if all(is_whole(passage.raw, *span) for span in spans):
                short, long = (_mention(text, number, span) for span in spans)
                found.setdefault((short.surface, long.surface), AcronymPair(short, long))
    return list(found.values())


def _mention(text: PaperText, number: int, span: Span) -> Mention:
    sentence = text.sentence_at(span[0]) if number else 0
    return Mention(sentence, *span, text.passages[number].raw[slice(*span)])


def _is_short(name: str) -> bool:
    """Return whether a name looks like an acronym: short, with two capitals or digits or more."""
    marks = sum(char.isupper() or char.isdigit() for char in name)
    return len(name) <= 12 and marks >= 2 and any(char.isalpha() for char in name)


def _in_parentheses(raw: str) -> Iterator[tuple[Span, Span]]:
    for found in _PARENTHESIS.finditer(raw):
        yield from _short_inside(raw, found) or _long_inside(raw, found)


def _short_inside(raw: str, found: re.Match[str]) -> list[tuple[Span, Span]]:
    """Return the pair of `long form (SHORT)`; more may follow the short form after a comma."""
    short = _INSIDE.match(raw, found.start(1), found.end() - 1)
    if short is None or not _is_short(short[1]):
        return []
    before = _before(raw, found.start())
    long = _long_form(before, short[1])
    if long is None:
        return []
    if not is_explained(short[1], long) or before[: -len(long)].endswith("-"):
        long = _completed(before, long, short[1])
    end = _end_of_text(raw, found.start())
    return [(short.span(1), (end - len(long), end))]


def _completed(before: str, long: str, short: str) -> str:
    """Return *long* with the words before it that belong to it by their initials.

    A long form that begins inside a compound begins at the compound if the letter is the same:
    `multi-modal large language models`, not `modal …`.
    """
    if before[: -len(long)].endswith("-"):
        start = max(map(before[: -len(long)].rfind, " \n\t\u00a0")) + 1
        compound = before[start:]
        if is_explained(short, compound) or compound[:1].lower() == short[0].lower():
            return compound
    explained = ending(short, before)
    return explained if explained and len(explained) > len(long) else long


def _long_inside(raw: str, found: re.Match[str]) -> list[tuple[Span, Span]]:
    """Return the pair of `SHORT (long form)`, where the whole parenthesis is the long form."""
    low = max(0, found.start() - 40)
    short = _LAST_NAME.search(raw[low : found.start()])
    if short is None or not _is_short(short[1]):
        return []
    inside = found[1]
    article = _ARTICLE.match(inside)
    bare = inside[article.end() :] if article else inside
    if " " not in bare or not (is_explained(short[1], bare) or _long_form(bare, short[1]) == bare):
        return []
    start = found.end(1) - len(bare)
    return [((low + short.start(1), low + short.end(1)), (start, found.end(1)))]


def _introduced(raw: str) -> Iterator[tuple[Span, Span]]:
    """Yield the pairs that are told in words, where initials must explain the short form."""
    for found in _INTRODUCED.finditer(raw):
        if _is_short(found[1]) and len(found[1]) > 2:
            article = _ARTICLE.match(raw, found.end())
            start = article.end() if article else found.end()
            stop = _STOP.search(raw, start, start + _REACH)
            after = raw[start : stop.start() if stop else start + _REACH]
            if long := beginning(found[1], after):
                yield found.span(1), (start, start + len(long))
    for found in _IN_WORDS.finditer(raw):
        if _is_short(found[1]):
            before = _before(raw, found.start())
            if long := ending(found[1], before):
                end = _end_of_text(raw, found.start())
                yield found.span(1), (end - len(long), end)


def _end_of_text(raw: str, at: int) -> int:
    """Return where the text before *at* ends, its white space left out."""
    while at and raw[at - 1].isspace():
        at -= 1
    return at


def _before(raw: str, at: int) -> str:
    """Return the text before *at* in which a long form may end, without parentheses."""
    end = _end_of_text(raw, at)
    before = raw[max(0, end - _REACH) : end]
    stops = [stop.end() for stop in _STOP.finditer(before)]
    return before[stops[-1] :] if stops else before


def _long_form(before: str, short: str) -> str | None:
    """Return the end of *before* that *short* abbreviates, in its own characters."""
    flat = re.sub(r"\s", " ", before)
    forms = [short, short[:-1]] if short.endswith("s") and len(short) > 2 else [short]
    for form in forms:
        answer = _library()(doc_text=f"{flat} ({form})").get(form)
        if answer and flat.endswith(answer):
            long = before[len(before) - len(answer) :]
            article = _ARTICLE.match(long)
            return long[article.end() :] if article else long
    return None


@cache
def _library() -> Pairs:
    """Import the library, undoing that it sets up logging for the whole program."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    from abbreviations.schwartz_hearst import (  # type: ignore[import-untyped]  # no types
        extract_abbreviation_definition_pairs,
    )

    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("abbreviations.schwartz_hearst").setLevel(logging.WARNING)
    pairs: Pairs = extract_abbreviation_definition_pairs
    return pairs
