"""Which places of a text rows have taken, so that equal values get places of their own.

Not here: where a value stands at all (`extract.evidence`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from extract.evidence import Alignment, PaperText
from extract.evidence.find import find_spans


class Taken:
    """The places that rows of one list have: the second row that says `50` gets the second 50."""

    def __init__(self, text: PaperText) -> None:
        self.text = text
        self._taken: set[tuple[bool, int, int]] = set()
        # What was taken stays so: each search goes on where the row before it stopped.
        self._searches: dict[tuple[str, int], Iterator[tuple[int, int]]] = {}

    def next_free(self, value: str, place: Alignment) -> Alignment:
        """Return *place*, or the next one of *value* in its sentence where it is taken."""
        if place.sentence is None or place.start is None or place.end is None:
            return place
        in_title = place.sentence == 0
        mark = (in_title, place.start, place.end)
        if mark in self._taken and place.grade == "exact":
            for start, end in self._places(value, place.sentence):
                if (in_title, start, end) not in self._taken:
                    place, mark = replace(place, start=start, end=end), (in_title, start, end)
                    break
        self._taken.add(mark)
        return place

    def _places(self, value: str, sentence: int) -> Iterator[tuple[int, int]]:
        if (value, sentence) not in self._searches:
            bounds = self.text.bounds(sentence)
            passage = self.text.passage(sentence)
            self._searches[value, sentence] = find_spans(value, passage, "exact", bounds)
        return self._searches[value, sentence]
