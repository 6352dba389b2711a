"""Where a quote stands in a paper, and how well it agrees with what stands there.

    exact     the same characters
    case      the same characters but for case
    folded    the same after folding (`fold`): white space, Unicode forms, LaTeX remnants,
              hyphens and spaces between letters, and a plural s of the last word
    fuzzy     nearly the same words with the same digits (`fuzzy`)
    missing   none of these

Grades are tried in this order, and for each one the cited sentence first, then the nearest
sentence that has the quote: exact elsewhere is better than case in the cited sentence. Of two
places in the same reach, one where the name stands alone wins over one where a version follows:
`GPT` is found in `GPT-3` only where it stands nowhere else. A span cuts no word and no number
(`words`), so a quote that occurs only inside longer ones is missing.

The first three grades are plain searches; nothing is folded, and rapidfuzz is not imported,
until a quote is not there in its own characters.

Not here: what to do with a missing quote. It is kept, and the caller says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from .find import find_spans
from .fold import fold, lowered, squeeze
from .text import Form, PaperText
from .words import is_part_of_name

Grade = Literal["exact", "case", "folded", "fuzzy", "missing"]

# Of a quote that stands in more places than this, only the first ones are looked at.
_PLACES = 400


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where a quote stands. Offsets are in the abstract, or in the title where sentence is 0.

    `sentence`, `start` and `end` are None where the quote is missing; `reason` says why it is
    missing, or why it does not stand in the cited sentence.
    """

    grade: Grade
    sentence: int | None = None
    start: int | None = None
    end: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    sentence: int
    start: int
    end: int


def align(quote: str, text: PaperText, sentence: int | None = None) -> Alignment:
    """Return where *quote* stands in *text*, preferably in the cited *sentence*.

    White space around the quote is no part of it. A sentence that does not exist counts as
    none cited.
    """
    quote = quote.strip()
    if not quote:
        return Alignment("missing", reason="the quote is empty")
    cited = sentence if sentence is not None and text.has(sentence) else None
    for grade, form, needle in _tries(quote):
        if place := _best_place(text, form, needle, cited):
            return _aligned(grade, place, sentence)
    from .fuzzy import find_fuzzy

    found = find_fuzzy(quote, text, cited)
    if isinstance(found, str):
        return Alignment("missing", reason=found)
    return _aligned("fuzzy", _Place(*found), sentence)


def _aligned(grade: Grade, place: _Place, cited: int | None) -> Alignment:
    moved = cited is not None and cited != place.sentence
    reason = f"stands in sentence {place.sentence}, not in sentence {cited}" if moved else None
    return Alignment(grade, place.sentence, place.start, place.end, reason)


def _tries(quote: str) -> Iterator[tuple[Grade, Form, str]]:
    """Yield what to search in which form of the text, best grade first."""
    yield "exact", "exact", quote
    yield "case", "lowered", lowered(quote).text
    folded = fold(quote)
    needle = folded.text.strip()
    if not needle:
        return
    yield "folded", "folded", needle
    yield "folded", "squeezed", squeeze(folded).text.strip()
    for other in _other_numbers(needle):
        yield "folded", "folded", other


def _other_numbers(needle: str) -> Iterator[str]:
    """Yield the plurals and singulars of the last word: `gan` and `gans`."""
    if len(needle) < 3 or not needle[-2:].isalpha():
        return
    if needle.endswith("s") and not needle.endswith("ss"):
        yield needle[:-1]
        if needle.endswith("es"):
            yield needle[:-3] + "y" if needle.endswith("ies") else needle[:-2]
        return
    yield needle + ("es" if needle.endswith(("s", "x", "ch", "sh")) else "s")
    if needle.endswith("y"):
        yield needle[:-1] + "ies"


def _best_place(text: PaperText, form: Form, needle: str, cited: int | None) -> _Place | None:
    """Return the best place of *needle* in one form of the text, None where it has none."""
    if cited is not None:
        passage = text.passage(cited)
        spans = find_spans(needle, passage, form, text.bounds(cited))
        within = (_Place(cited, *span) for span in islice(spans, _PLACES))
        # A version that follows makes another name of it: look whether it stands alone elsewhere.
        alone = (place for place in within if not _is_versioned(text, place))
        if place := next(alone, None):
            return place
    places = list(islice(_all_places(text, form, needle), _PLACES))
    if cited is not None:
        places.sort(key=lambda place: (abs(place.sentence - cited), place.sentence == 0))
    return _first_alone(text, places)


def _all_places(text: PaperText, form: Form, needle: str) -> Iterator[_Place]:
    """Yield the places in the title, then those in the abstract."""
    title, abstract = text.passages
    for span in find_spans(needle, title, form):
        yield _Place(0, *span)
    for start, end in find_spans(needle, abstract, form):
        yield _Place(text.sentence_at(start), start, end)


def _first_alone(text: PaperText, places: list[_Place]) -> _Place | None:
    """Return the first place where no version follows, else the first."""
    alone = (place for place in places if not _is_versioned(text, place))
    return next(alone, places[0] if places else None)


def _is_versioned(text: PaperText, place: _Place) -> bool:
    raw = text.passage(place.sentence).raw
    return raw[place.start : place.end][-1:].isalpha() and is_part_of_name(raw, place.end)
