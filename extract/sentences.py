"""Where the sentences of an abstract begin and end.

Sentences are numbered in prompts and cited by number, so the same text must always give the
same spans: offsets in code points, end exclusive, without the white space around them.

syntok finds the boundaries. Four kinds of its decisions are mended (`_joined`, `_cut`), each one
seen in abstracts: no sentence begins without white space before it, after a semicolon, or with
the marker of a list that runs on; and one does end after a version number (`GPT-4.1. After`) or
a name that looks like an abbreviation (`SiT. Pretraining`).

Not here: the title. It is sentence 0, and always whole.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from extract.inert import Shortened

Span = tuple[int, int]

# syntok reads a paragraph at once, and some in quadratic time: longer ones are cut into blocks.
_BLOCK = 10_000
# No abstract is as long as this. What is, is cut at plain full stops, in a second or two.
_LONGEST = 100_000
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*")
_MARKER = re.compile(r"\(?(?:\d{1,2}|[ivx]{1,4}|[a-h])\)\s")
# A full stop before white space and a capitalised word of two letters or more.
_STOP = re.compile(r"(?<=[\w)%\]])([.!?])[ \n]+(?=[A-Z][a-z]+\b)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[])(?:[A-Za-z]|(?:[A-Za-z]\.)+[A-Za-z]|al|etc|cf|vs|resp|approx|ca"
    r"|figs?|eqs?|refs?|secs?|tabs?|nos?|vol|pp?|dr|mrs?|ms|prof|st|jr|sr|inc|ltd|co|corp"
    r"|univ|dept|spp?|var|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|min|max|avg|std|est)$",
    re.I,
)


def split_sentences(text: str) -> list[Span]:
    """Return the span of each sentence of *text*, in order; none for a blank text."""
    return list(_split(text))


# A text is split to be shown, to be grounded and to be stored, mostly within one chunk of papers.
@lru_cache(maxsize=1024)
def _split(text: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    for start, end in _blocks(text):
        if len(text) <= _LONGEST:
            spans.extend(_split_block(text, start, end))
        elif span := _trimmed(text, start, end):
            spans.append(span)
    return tuple(_joined(text, [part for span in spans for part in _cut(text, span)]))


def _blocks(text: str) -> Iterator[Span]:
    """Yield paragraphs, in parts that syntok reads in bounded time, cut at a space if there is."""
    edges = [0, *(found.end() for found in _PARAGRAPH.finditer(text)), len(text)]
    for start, end in pairwise(edges):
        while end - start > _BLOCK:
            limit, half = start + _BLOCK, start + _BLOCK // 2
            cut = max(text.rfind(". ", half, limit) + 1, text.rfind(".\n", half, limit) + 1)
            cut = cut or text.rfind(" ", half, limit) + 1 or limit
            yield start, cut
            start = cut
        yield start, end


def _split_block(text: str, start: int, end: int) -> list[Span]:
    from syntok import segmenter  # type: ignore[import-untyped]  # it has no types

    block = Shortened(text[start:end])
    starts = [
        block.original(sentence[0].offset)
        for paragraph in segmenter.analyze(block.text)
        for sentence in paragraph
        if sentence
    ]
    edges = [start, *(start + offset for offset in starts[1:]), end]
    return [span for left, right in pairwise(edges) if (span := _trimmed(text, left, right))]


def _trimmed(text: str, start: int, end: int) -> Span | None:
    """Return the span without the white space at its ends, None if nothing else is in it."""
    inner = text[start:end]
    start += len(inner) - len(inner.lstrip())
    end -= len(inner) - len(inner.rstrip())
    return (start, end) if start < end else None


def _cut(text: str, span: Span) -> Iterator[Span]:
    """Yield the sentences in *span*, which syntok took for one."""
    start, end = span
    for stop in _STOP.finditer(text, start, end):
        before = text[max(start, stop.start() - 20) : stop.start()]
        if not _ABBREVIATION.search(before):
            yield start, stop.end(1)
            start = stop.end()
    yield start, end


def _joined(text: str, spans: list[Span]) -> list[Span]:
    """Return *spans* with those joined that are no sentences of their own."""
    joined: list[Span] = []
    for start, end in spans:
        if joined:
            before = joined[-1][1]
            runs_on = start == before or text[before - 1] == ";" or _MARKER.match(text, start)
            if runs_on:
                joined[-1] = (joined[-1][0], end)
                continue
        joined.append((start, end))
    return joined
