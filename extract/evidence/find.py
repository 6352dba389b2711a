"""Where a string stands in one form of a passage, on the edges of words and numbers.

Not here: which of several places is meant (`align`), and which forms there are (`text`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from .fold import Folded, Span
from .text import Form, Passage
from .words import is_whole, next_edge

_OPENING = re.compile(r"(?:\\[A-Za-z]+)?\{$")


def find_spans(
    needle: str, passage: Passage, form: Form, within: Span | None = None
) -> Iterator[Span]:
    """Yield the spans of the passage where *needle* stands in this form of it, in order.

    A span cuts no word or number of the passage as it is written, and where the form is a folded
    one, none as it is read: `F` is not found in `F$_1$`.
    """
    if not needle:
        return
    searched = passage.form(form)
    low, high = _in_form(searched, within) if within else (0, len(searched.text))
    at = searched.text.find(needle, low, high)
    while at >= 0:
        end = at + len(needle)
        if searched.is_unit(at, end):
            span = searched.original(at, end)
            if form in ("folded", "squeezed"):
                span = _balanced(passage.raw, *span)
            if is_whole(passage.raw, *span) and _reads_whole(passage, form, span):
                yield span
        # Squeezed words have no edges, so no place in them can be passed over.
        following = at + 1 if form == "squeezed" else next_edge(searched.text, at)
        at = searched.text.find(needle, following, high)


def _balanced(raw: str, start: int, end: int) -> Span:
    r"""Return the span with the braces and dollar signs of which it holds one: `\textbf{Q}wen`."""
    surface = raw[start:end]
    if surface.count("}") > surface.count("{"):
        if opening := _OPENING.search(raw, max(0, start - 20), start):
            start = opening.start()
    elif surface.count("{") > surface.count("}") and raw.startswith("}", end):
        end += 1
    if raw.count("$", start, end) % 2:
        if raw.startswith("$", end):
            end += 1
        elif start and raw[start - 1] == "$":
            start -= 1
    return start, end


def _reads_whole(passage: Passage, form: Form, span: Span) -> bool:
    """Return whether the span cuts no word or number of the passage as folded."""
    if form in ("exact", "lowered"):
        return True
    return is_whole(passage.folded.text, *_in_form(passage.folded, span))


def _in_form(form: Folded, span: Span) -> Span:
    """Return which span of the form a span of the original became."""
    return bisect_left(form.starts, span[0]), bisect_left(form.starts, span[1])
