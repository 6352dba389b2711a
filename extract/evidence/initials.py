"""Whether a short form is made of the beginnings of the words of a long form.

    MAE       M|asked A|uto-E|ncoders
    SNIP      S|ymbolic-N|umeric I|ntegrated P|re-training
    HDCNet    H|ybrid D|epth C|ompletion Net|work

It is stricter than the letters in order that Schwartz and Hearst ask for, so it may decide where
no parenthesis says that there is a long form, and where a long form begins: `PPO` is not `Policy
Optimization`, though both P and both O are in it.

Not here: where to look (`acronyms`).
"""

from __future__ import annotations

import itertools
import re

_PART = re.compile(r"[^\W_]+")
_WORD = re.compile(r"\S+")
_LITTLE = frozenset({
    "a", "an", "and", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to",
    "via", "with",
})  # fmt: skip
_STOPS = frozenset({
    "are", "as", "at", "by", "can", "for", "from", "in", "is", "on", "that", "through",
    "to", "toward", "towards", "using", "via", "we", "where", "which", "with",
})  # fmt: skip
_MOST_WORDS = 12
_MOST_AFTER = 2
_PUNCTUATION = ",.;:)'\""


def is_explained(short: str, long: str) -> bool:
    """Return whether beginnings of the words of *long* spell *short*, the plural s aside.

    Little words and the later parts of a compound may give no letter, and so may one other word
    where the short form has four letters or more. The first word must give one.
    """
    letters = "".join(_PART.findall(short)).lower()
    if short[-1:] == "s" and short[-2:-1].isupper():
        letters = letters[:-1]
    if "".join(filter(str.isupper, long)) == letters.upper() and len(letters) > 2:
        return True
    first = _PART.search(long)
    if not letters or first is None or first[0].lower()[0] != letters[0]:
        return False
    words = [part for word in _WORD.findall(long) for part in _parts(word)]
    return len(words) <= 2 * _MOST_WORDS and _spells(letters, words, spare=len(letters) >= 4)


def beginning(short: str, text: str) -> str | None:
    """Return the beginning of *text* that explains *short*.

    It runs to the end of its phrase if that is near: `UNIC: Universal Classification Models via`.
    """
    words = list(_WORD.finditer(text))[: _MOST_WORDS + _MOST_AFTER]
    for number, word in enumerate(words[:_MOST_WORDS]):
        long = text[: word.end()].rstrip(_PUNCTUATION)
        if is_explained(short, long):
            return long if len(long) < word.end() else text[: _phrase_end(words[number:])]
        if len(long) < word.end():
            break
    return None


def _phrase_end(words: list[re.Match[str]]) -> int:
    """Return the end of the first word, or of those after it up to a little word or a stop."""
    for word, following in itertools.pairwise(words[: _MOST_AFTER + 2]):
        if following[0].lower() in _STOPS:
            return word.end()
        bare = following[0].rstrip(_PUNCTUATION)
        if bare != following[0]:
            return following.start() + len(bare)
    return words[-1].end() if len(words) <= _MOST_AFTER + 1 else words[0].end()


def ending(short: str, text: str) -> str | None:
    """Return the shortest ending of *text* that explains *short*."""
    for word in list(_WORD.finditer(text))[: -_MOST_WORDS - 1 : -1]:
        if word[0][-1] in ".;:" and word.end() < len(text):
            break
        long = text[word.start() :].lstrip("(['\"")
        if is_explained(short, long):
            return long
    return None


def _parts(word: str) -> list[tuple[str, bool]]:
    """Return the parts of a compound, and whether each may give no letter."""
    parts = [part.lower() for part in _PART.findall(word)]
    return [(part, number > 0 or part in _LITTLE) for number, part in enumerate(parts)]


def _spells(letters: str, words: list[tuple[str, bool]], *, spare: bool) -> bool:
    """Return whether beginnings of the words, in order, are the letters."""
    if not words:
        return not letters
    (word, is_free), rest = words[0], words[1:]
    given = 0
    while given < min(len(word), len(letters)) and word[given] == letters[given]:
        given += 1
        if _spells(letters[given:], rest, spare=spare):
            return True
    return (is_free or spare) and _spells(letters, rest, spare=spare and is_free)
