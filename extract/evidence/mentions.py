"""Every place where a paper names one thing.

A thing has several names; each is searched in the folded text, so a line break, LaTeX or a
hyphen of another kind makes no difference, and a plural s may follow. Case counts for acronyms
and short names (`MAE` is no `mae`), and for no others (`Masked Autoencoders`).

Not here: which names are the same thing (`joining`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .find import find_spans
from .fold import fold
from .text import PaperText
from .words import is_part_of_name

_ADDRESS = re.compile(r"://|www\.|\w\.(?:com|org|io|net|edu|ai|dev)\b")


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a thing is named. Offsets are in the abstract, in the title for sentence 0."""

    sentence: int
    start: int
    end: int
    surface: str


def mentions(names: Sequence[str], text: PaperText) -> list[Mention]:
    """Return the places of *names* in title and abstract, in order; the longest name wins.

    A place where a version follows (`GPT` in `GPT-3`) counts only where there is no other, and
    one in a web address only where there is not even that.
    """
    found: list[Mention] = []
    taken: dict[tuple[bool, int], int] = {}
    for name in sorted({name.strip() for name in names}, key=lambda name: (-len(name), name)):
        for mention in text.once(_places, name):
            in_title = mention.sentence == 0
            places = range(mention.start, mention.end)
            if not any((in_title, at) in taken for at in (places[0], places[-1])):
                taken.update(((in_title, at), 1) for at in places)
                found.append(mention)
    named = [mention for mention in found if not _is_in_address(mention, text)]
    alone = [mention for mention in named if not _is_versioned(mention, text)]
    return sorted(alone or named or found, key=lambda mention: (mention.sentence, mention.start))


def is_acronym(name: str) -> bool:
    """Return whether case counts for the name: it is short, or all its letters are capitals.

    The s of a plural does not make it another kind of name (`LLMs`).
    """
    letters = [char for char in name if char.isalpha()]
    if len(letters) > 2 and letters[-1] == "s":
        letters.pop()
    return len(letters) < 4 or all(char.isupper() for char in letters)


def _places(text: PaperText, name: str) -> list[Mention]:
    """Return every place of one name, and of its plural."""
    found: list[Mention] = []
    needle = fold(name).text.strip()
    cased = fold(name, case=False).text.strip() if is_acronym(name) else None
    for number, passage in enumerate(text.passages):
        for form in (needle, needle + "s" if needle[-1:].isalpha() else ""):
            for start, end in find_spans(form, passage, "folded"):
                surface = passage.raw[start:end]
                if cased is not None and _singular(surface, form, needle) != cased:
                    continue
                sentence = text.sentence_at(start) if number else 0
                found.append(Mention(sentence, start, end, surface))
    return found


def _is_in_address(mention: Mention, text: PaperText) -> bool:
    """Return whether the place is in a web address, which names nothing by itself."""
    raw, start, end = text.passage(mention.sentence).raw, mention.start, mention.end
    if raw[end : end + 1] not in ("/", ".") and raw[start - 1 : start] not in ("/", "."):
        return False
    left = re.split(r"\s", raw[max(0, start - 100) : start])[-1]
    right = re.split(r"\s", raw[end : end + 100], maxsplit=1)[0]
    return _ADDRESS.search(left + raw[start:end] + right) is not None


def _singular(surface: str, form: str, needle: str) -> str:
    """Return the surface with its case, without the s that *form* has and *needle* has not."""
    cased = fold(surface, case=False).text
    return cased[:-1] if len(form) > len(needle) and cased.endswith("s") else cased


def _is_versioned(mention: Mention, text: PaperText) -> bool:
    raw = text.passage(mention.sentence).raw
    return mention.surface[-1].isalpha() and is_part_of_name(raw, mention.end)
