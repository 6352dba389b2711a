"""What to say of a question that nobody recorded: the nearest recording, and what differs.

A miss is the error that people meet most, and nearly always they have just changed the cause of
it: a prompt, a schema, a model, the words of a paper. So the message names that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

from extract.cassettes.cassette import Cassette, PaperPart, RequestPart, Sentence, without_text

NEAR = 0.5
AROUND = 25
SHOWN = 90
MOST = 6

_NAMED = ("task", "task_version", "prompt_version", "wire", "model", "model_id")
_UNNAMED = {
    "messages_hash": "the words around the paper in the messages",
    "schema_hash": "the answer's schema as it is sent",
    "grammar_hash": "the grammar that holds the answer",
}

Said = str | Sentence


def nearest(
    paper: PaperPart, asked: RequestPart, recorded: Sequence[Cassette]
) -> tuple[Cassette, list[str]] | None:
    """Return the recording most like *asked* and in what it differs; None where none is near."""
    ranked = [(_nearness(paper, asked, c), -_changes(c.request, asked), c.key, c) for c in recorded]
    if not ranked:
        return None
    best = max(ranked, key=lambda each: each[:3])
    if best[0] < NEAR:
        return None
    return best[3], list(differences(best[3].request, asked))


def differences(recorded: RequestPart, asked: RequestPart) -> Iterator[str]:
    """Yield in words what differs between a recorded question and the one that is asked."""
    count = 0
    for name in _NAMED:
        before, after = getattr(recorded, name), getattr(asked, name)
        if before != after:
            count += 1
            yield f"{_called(name)}: {before or 'none'} -> {after or 'none'}"
    ours, theirs = _settings(recorded), _settings(asked)
    for name in sorted(ours.keys() | theirs.keys()):
        before, after = ours.get(name), theirs.get(name)
        if before != after:
            count += 1
            yield f"sampling {name}: {_setting(before)} -> {_setting(after)}"
    texts = list(_text_differences(recorded.sentences, asked.sentences))
    yield from texts[:MOST]
    if len(texts) > MOST:
        yield f"and {len(texts) - MOST} more sentences"
    if count or texts:
        return
    unnamed = [words for name, words in _UNNAMED.items() if _differs(name, recorded, asked)]
    # All of these follow from the parts above: only another version of the library changes them.
    yield (
        f"{' and '.join(unnamed) or 'the way a key is made'}, which this version of paperfacts"
        " makes in another way"
    )


def _called(part: str) -> str:
    """Return what a part of a request is called, and what makes it another one."""
    words = part.replace("_", " ")
    return f"{words} (its schema)" if part == "task_version" else words


def _settings(request: RequestPart) -> dict[str, Any]:
    """Return the sampling settings by name, those that only some servers know too."""
    plain = {name: value for name, value in request.sampling.items() if name != "extra"}
    return plain | {str(name): value for name, value in request.sampling.get("extra") or ()}


def _setting(value: Any) -> str:
    return "none" if value is None else _cut(str(value))


def _differs(name: str, recorded: RequestPart, asked: RequestPart) -> bool:
    return bool(getattr(recorded, name) != getattr(asked, name))


def _changes(recorded: RequestPart, asked: RequestPart) -> int:
    """Count the parts that differ besides the text."""
    return sum(_differs(name, recorded, asked) for name in (*_NAMED, "sampling", *_UNNAMED))


def _nearness(paper: PaperPart, asked: RequestPart, cassette: Cassette) -> float:
    """Return how much of the text is the same, from 0 to 1, and 1 more for the same paper."""
    recorded = cassette.request
    bonus = 1.0 if cassette.paper.id == paper.id else 0.0
    if cassette.has_text:
        from rapidfuzz.fuzz import ratio

        return bonus + ratio(_joined(recorded.sentences), _joined(asked.sentences)) / 100
    ours, theirs = set(_marks(recorded.sentences)), set(_marks(asked.sentences))
    same = len(ours & theirs) / max(len(ours), len(theirs), 1)
    # Of a text of two sentences with a change in each, lengths are all that is left.
    is_alike = [s.chars for s in map(_sized, recorded.sentences)] == [
        s.chars for s in map(_sized, asked.sentences)
    ]
    return bonus + max(same, NEAR if is_alike else 0.0)


def _text_differences(recorded: Sequence[Said], asked: Sequence[Said]) -> Iterator[str]:
    """Yield the sentences that differ, those that stand on one side alone last of a place."""
    matcher = SequenceMatcher(None, _marks(recorded), _marks(asked), autojunk=False)
    for what, a1, a2, b1, b2 in matcher.get_opcodes():
        if what == "equal":
            continue
        paired = min(a2 - a1, b2 - b1)
        for i in range(paired):
            yield f"{_where(b1 + i)}: {_change(recorded[a1 + i], asked[b1 + i])}"
        for i in range(a1 + paired, a2):
            yield f"{_where(i)} was recorded and is gone: {_shown(recorded[i])}"
        for i in range(b1 + paired, b2):
            yield f"{_where(i)} is new: {_shown(asked[i])}"


def _where(number: int) -> str:
    return f"sentence {number} of the abstract" if number else "the title"


def _change(before: Said, after: Said) -> str:
    """Return the two sentences, cut down to where they differ."""
    if isinstance(before, Sentence) or isinstance(after, Sentence):
        one, other = _sized(before), _sized(after)
        if one.chars == other.chars:
            return f"other words of the same {one.chars} characters (its text was not recorded)"
        return f"{one.chars} -> {other.chars} characters (its text was not recorded)"
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    return f"{_around(before, start, end)} -> {_around(after, start, end)}"


def _around(text: str, start: int, end: int) -> str:
    """Return *text* without what is far from its part between *start* and *end* from the end."""
    first, last = max(0, start - AROUND), min(len(text), len(text) - end + AROUND)
    # Words are shown whole.
    while 0 < first and text[first - 1].isalnum():
        first -= 1
    while last < len(text) and text[last].isalnum():
        last += 1
    part = _cut(text[first:last].strip())
    return f"'{'…' if first else ''}{part}{'…' if last < len(text) else ''}'"


def _common(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _shown(said: Said) -> str:
    return f"{said.chars} characters" if isinstance(said, Sentence) else f"'{_cut(said)}'"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _sized(said: Said) -> Sentence:
    return said if isinstance(said, Sentence) else without_text(said)


def _marks(sentences: Sequence[Said]) -> list[str]:
    return [_sized(sentence).hash for sentence in sentences]


def _joined(sentences: Sequence[Said]) -> str:
    return "\n".join(s for s in sentences if isinstance(s, str))
