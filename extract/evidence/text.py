"""The text of a paper, with its sentences numbered.

Sentence 0 is the title, sentences 1 to `len(text.sentences)` are those of the abstract. Offsets
count code points of the abstract, or of the title where the sentence is 0; end is exclusive.

The forms of the text that are searched (`Passage`) are made when first asked for, and once.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeVar

from .fold import Folded, Span, fold, lowered, squeeze, unfolded

T = TypeVar("T")
Form = Literal["exact", "lowered", "folded", "squeezed"]

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Passage:
    """A title or an abstract, in the forms in which it is searched."""

    raw: str

    def form(self, form: Form) -> Folded:
        """Return the text in this form."""
        folded: Folded = getattr(self, form)
        return folded

    @cached_property
    def exact(self) -> Folded:
        """The text as it is."""
        return unfolded(self.raw)

    @cached_property
    def lowered(self) -> Folded:
        """The text in lower case."""
        return lowered(self.raw)

    @cached_property
    def folded(self) -> Folded:
        """The text folded, in lower case."""
        return fold(self.raw)

    @cached_property
    def squeezed(self) -> Folded:
        """The folded text without the hyphens and spaces between letters."""
        return squeeze(self.folded)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The numbers of the folded text."""
        return frozenset(NUMBER.findall(self.folded.text))


@dataclass(frozen=True)
class PaperText:
    """Title and abstract as stored, and the spans of the abstract's sentences in order."""

    title: str
    abstract: str
    sentences: tuple[Span, ...]

    @classmethod
    def of(cls, title: str, abstract: str) -> PaperText:
        """Return the text of a paper with its abstract cut into sentences."""
        from ..sentences import split_sentences

        return cls(title, abstract, tuple(split_sentences(abstract)))

    @property
    def last(self) -> int:
        """The number of the last sentence."""
        return len(self.sentences)

    def has(self, sentence: int) -> bool:
        """Return whether there is a sentence of this number."""
        return 0 <= sentence <= len(self.sentences)

    def bounds(self, sentence: int) -> Span:
        """Return where the sentence stands in its passage."""
        if not self.has(sentence):
            raise IndexError(f"sentence {sentence} of a text with {len(self.sentences)}")
        return self.sentences[sentence - 1] if sentence else (0, len(self.title))

    def sentence(self, n: int) -> str:
        """Return the text of sentence *n*."""
        return self.span_text(n, *self.bounds(n))

    def span_text(self, sentence: int, start: int, end: int) -> str:
        """Return the characters of a span that stands in this sentence."""
        return self.passage(sentence).raw[start:end]

    def sentence_at(self, offset: int) -> int:
        """Return the number of the sentence of the abstract that *offset* is in or follows."""
        return max(1, bisect_right(self._starts, offset))

    def passage(self, sentence: int) -> Passage:
        """Return what offsets in this sentence count in: the title for 0, else the abstract."""
        return self.passages[0 if sentence == 0 else 1]

    @cached_property
    def passages(self) -> tuple[Passage, Passage]:
        """The title and the abstract."""
        return Passage(self.title), Passage(self.abstract)

    def once(self, find: Callable[..., T], *sought: str) -> T:
        """Return `find(text, *sought)`, which is worked out only the first time."""
        if (find, sought) not in self._found:
            self._found[find, sought] = find(self, *sought)
        found: T = self._found[find, sought]
        return found

    @cached_property
    def _found(self) -> dict[tuple[Callable[..., Any], tuple[str, ...]], Any]:
        return {}

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self.sentences]
