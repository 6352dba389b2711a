"""When two written forms count as the same name, value or phrase.

The three normal forms of the scoring rules. They are for comparing alone: nothing that is stored
or shown goes through them.
"""

from __future__ import annotations

import re

_NAME_GAP = re.compile(r"[^a-z0-9.+%/]+")
_EMPTY_WORDS = re.compile(r"\b(?:the|an?|datasets?|benchmarks?|models?)\b")
_PLURAL_S = re.compile(r"(?<=[a-z]{3})s$")
_HALF = 0.5


def normal_name(name: str | None) -> str:
    """Return the normal form of a name: lower case, plain, without filler words, singular."""
    plain = (name or "").lower().replace("\\", "").replace("~", " ")
    words = _EMPTY_WORDS.sub(" ", _NAME_GAP.sub(" ", plain)).split()
    return singular(" ".join(words).strip(" ."))


def singular(word: str) -> str:
    """Return *word* without the ending of a plural: `ies` to `y`, `s` after three letters."""
    if word.endswith("ies"):
        return word.removesuffix("ies") + "y"
    return _PLURAL_S.sub("", word)


def normal_value(value: str | None) -> str:
    """Return the normal form of a number as written: `95.9 \\%` and `95.9%` are the same."""
    plain = (value or "").lower().replace("\\", "").replace(",", "").replace("×", "x")
    plain = plain.replace("percent", "%").replace(" times", "x").replace(" ", "")
    return plain.lstrip("+~<>≈")


def is_same_phrase(one: str | None, other: str | None) -> bool:
    """Say whether two phrases name the same measure.

    Word by word in the singular they are equal, one contains the other, or they share half of
    their words.
    """
    left, right = _singular_words(one), _singular_words(other)
    if not left or not right:
        return left == right
    if left in right or right in left:
        return True
    mine, theirs = set(left.split()), set(right.split())
    return len(mine & theirs) / len(mine | theirs) >= _HALF


def _singular_words(phrase: str | None) -> str:
    return " ".join(map(singular, normal_name(phrase).split()))
