"""Where a quote nearly stands, for quotes that a model has copied with small slips.

rapidfuzz proposes a place, and the words decide: a place is refused unless its digits are those
of the quote in the same order, its names are the same, and every other word is the same but for
its ending or a slip inside (`accuracys`, `acheives`). `93.1%` is no slip of `91.3%`, nor
`ImageNet-R` of `ImageNet-A`, nor `unsupervised` of `supervised`.

Long quotes may lack or add one word in six, and any quote an article.

Not here: grades that need no guess (`align`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from .fold import Folded, fold
from .text import NUMBER, PaperText
from .words import is_cut

_RATIO = 85.0
_WORD_RATIO = 75.0
# Shorter quotes are names or numbers, where one character makes another thing.
_SHORTEST, _LONGEST = 6, 400
# A passage is cut to this before it is searched; only the text faults are longer.
_SENTENCE = 10_000
_SENTENCES = 4

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_LITTLE = frozenset({
    "a", "an", "the", "of", "on", "in", "for", "and", "to", "with", "by", "at", "as", "is",
    "are", "our", "its", "their",
})  # fmt: skip
_NEGATIONS = frozenset({
    "no", "not", "non", "without", "never", "nor", "neither", "fails", "fail", "un",
})  # fmt: skip

Found = tuple[int, int, int]


def find_fuzzy(quote: str, text: PaperText, cited: int | None) -> Found | str:
    """Return sentence, start and end of the best place, or the reason why there is none."""
    folded = fold(quote)
    needle = folded.text.strip()
    if not _SHORTEST <= len(needle) <= _LONGEST or not _WORD.search(needle):
        return "not in the text"
    if missing := _missing_digits(needle, text):
        return f"{missing} is not in the text"
    found = (
        place
        for sentence in _candidates(needle, text, cited)
        if (place := _in_sentence(quote, needle, text, sentence))
    )
    return next(found, "not in the text")


def _missing_digits(needle: str, text: PaperText) -> str | None:
    """Return the first number of the quote that neither title nor abstract has."""
    return next(
        (
            number
            for number in NUMBER.findall(needle)
            if not any(number in passage.numbers for passage in text.passages)
        ),
        None,
    )


def _candidates(needle: str, text: PaperText, cited: int | None) -> Iterator[int]:
    """Yield the cited sentence, then those that share most words with the quote."""
    if cited is not None:
        yield cited
    words = set(_WORD.findall(needle)) - _LITTLE
    shared = [
        (-len(words.intersection(_WORD.findall(_slice(text, number)[0]))), number)
        for number in range(text.last + 1)
        if number != cited
    ]
    # A single word with a slip is shared with none: the first sentences will do.
    yield from (number for _, number in sorted(shared)[:_SENTENCES])


def _slice(text: PaperText, sentence: int) -> tuple[str, int]:
    """Return the folded text of a sentence and where in its passage's it begins."""
    start, end = text.bounds(sentence)
    form = text.passage(sentence).folded
    low = bisect_left(form.starts, start)
    high = min(bisect_left(form.starts, end), low + _SENTENCE)
    return form.text[low:high], low


def _in_sentence(quote: str, needle: str, text: PaperText, sentence: int) -> Found | None:
    from rapidfuzz import fuzz

    searched, offset = _slice(text, sentence)
    if len(searched) < len(needle) // 2:
        return None
    place = fuzz.partial_ratio_alignment(needle, searched, score_cutoff=_RATIO)
    if place is None:
        return None
    form = text.passage(sentence).folded
    start, end = _snapped(form, offset + place.dest_start, offset + place.dest_end)
    start, end = _without_little(needle, form.text, start, end)
    if start >= end or fuzz.ratio(needle, form.text[start:end]) < _RATIO:
        return None
    span = form.original(start, end)
    if is_cut(text.passage(sentence).raw, span[0]) or is_cut(text.passage(sentence).raw, span[1]):
        return None
    return (sentence, *span) if _agrees(quote, text.span_text(sentence, *span)) else None


def _snapped(form: Folded, start: int, end: int) -> tuple[int, int]:
    """Return the span moved to the nearest edges of words, without white space at its ends."""
    start, end = _nearest_edge(form.text, start), _nearest_edge(form.text, end)
    while start < end and form.text[start] in " ,;:.":
        start += 1
    while start < end and form.text[end - 1] in " ,;:.(":
        end -= 1
    return start, end


def _without_little(needle: str, text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span without little words at its ends that the quote has not there."""
    ours, theirs = _WORD.findall(needle), list(_WORD.finditer(text, start, end))
    while len(theirs) > 1 and theirs[0][0] in _LITTLE and theirs[0][0] != ours[0]:
        del theirs[0]
        start = theirs[0].start()
    while len(theirs) > 1 and theirs[-1][0] in _LITTLE and theirs[-1][0] != ours[-1]:
        theirs.pop()
        end = theirs[-1].end()
    return start, end


def _nearest_edge(text: str, at: int) -> int:
    before = after = at
    while is_cut(text, before) and is_cut(text, after):
        before, after = before - 1, after + 1
    return after if is_cut(text, before) else before


def _agrees(quote: str, found: str) -> bool:
    """Return whether the words of two texts are the same but for slips, and the digits entirely."""
    from rapidfuzz.distance import Levenshtein

    ours, theirs = (_WORD.findall(fold(side, case=False).text) for side in (quote, found))
    if _numbers(ours) != _numbers(theirs):
        return False
    spare = len(ours) // 6
    lower = [word.lower() for word in ours], [word.lower() for word in theirs]
    for step in Levenshtein.opcodes(*lower):
        mine = ours[step.src_start : step.src_end]
        other = theirs[step.dest_start : step.dest_end]
        if step.tag == "equal" or (step.tag == "replace" and all(map(_is_slip, mine, other))):
            continue
        spare -= sum(word.lower() not in _LITTLE for word in mine + other)
        if spare < 0 or any(_is_name(word) or word in _NEGATIONS for word in mine + other):
            return False
    return True


def _numbers(words: list[str]) -> list[str]:
    return [word for word in words if word[0].isdigit()]


def _is_name(word: str) -> bool:
    """Return whether a word must be the same: a number, an acronym, `BERT` or `ImageNet`."""
    return not word.isalpha() or word[1:] != word[1:].lower() or (len(word) == 1 and word != "a")


def _is_slip(ours: str, theirs: str) -> bool:
    """Return whether two words are one word, written with a slip or another ending."""
    from rapidfuzz import fuzz

    if _is_name(ours) or _is_name(theirs) or {ours, theirs} & _NEGATIONS:
        return False
    low, other = ours.lower(), theirs.lower()
    return (
        min(len(low), len(other)) >= 4
        and low[0] == other[0]
        and fuzz.ratio(low, other) >= _WORD_RATIO
    )
