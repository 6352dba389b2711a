"""A paper as a model sees it: numbered sentences in a form that needs no escaping.

A small model spends its strength on backslashes and quotes, and a chat template would read
its own marks in a stranger's text. So what is shown is cleaned by a few changes of single
characters, each kept in a position map: whatever a model copies from here leads back to the
exact characters of the stored text.

Not here: what is asked about the text (`extract.prompting`) and in which form (`extract.wire`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

from extract.numbers import Quantity, classify_numbers, kind_hint
from extract.papers import Paper
from extract.sentences import split_sentences

# A chat template's marks start with <|: broken, they are ordinary characters again.
_ONE_FOR_ONE = str.maketrans({"~": " ", '"': "'", "\n": " ", "\r": " ", "\t": " ", "|": "¦"})
_PLAIN = re.compile(r'[~"\n\r\t|\\\x00-\x1f]')
_WORDISH = re.compile(r"\w")
_DECIMAL = re.compile(r"\d[.,]\d")

MAX_CANDIDATES = 60
"""Numbers that a model is walked through at most; the rest shows up as unaccounted."""


@dataclass(frozen=True)
class ShownSentence:
    """One sentence: its number, its cleaned text, and where each character came from.

    `origins[i]` is the offset of `text[i]` in the abstract (in the title for sentence 0);
    it has one entry more than `text`, the end of the sentence.
    """

    number: int
    text: str
    origins: range | tuple[int, ...]

    def find(self, shown: str, start: int = 0) -> int:
        """Return where *shown* stands as whole words, or -1."""
        at = self.text.find(shown, start)
        while at >= 0:
            if _stands_free(self.text, at, at + len(shown)):
                return at
            at = self.text.find(shown, at + 1)
        return -1


@dataclass(frozen=True)
class Candidate:
    """A number of the text that may be a reported one: the sentence, the span, how it is shown.

    `kind` is what the words around it make of it: score, delta, factor or size.
    """

    sentence: int
    start: int
    end: int
    value: str
    shown: str
    kind: str


@dataclass(frozen=True)
class ShownPaper:
    """The numbered, cleaned sentences of a paper, and the numbers that stand in it."""

    paper: Paper
    sentences: tuple[ShownSentence, ...]

    @cached_property
    def text(self) -> str:
        """The numbered sentences, one a line."""
        return "\n".join(f"[{s.number}] {s.text}" for s in self.sentences)

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The numbers that are stated quantities by the rules of `extract.numbers`, in order."""
        found: list[Candidate] = []
        for source in (self.paper.title, self.paper.abstract):
            own = [s for s in self.sentences if (s.number == 0) == (source is self.paper.title)]
            for mention in classify_numbers(source):
                quantity = mention.quantity
                if mention.role == "quantity":
                    found += _placed(own, quantity, source)
        return tuple(found[:MAX_CANDIDATES])

    def locate(self, shown: str, sentence: int | None = None) -> tuple[int, str] | None:
        """Return the sentence and the stored characters behind *shown*, or None.

        The cited sentence is tried first, then the abstract in order, the title last.
        """
        order = [*self.sentences[1:], *self.sentences[:1]]
        if sentence is not None and 0 <= sentence < len(self.sentences):
            order.insert(0, self.sentences[sentence])
        for candidate in order:
            at = candidate.find(shown)
            if at >= 0:
                return candidate.number, self._original(candidate, at, at + len(shown))
        return None

    def _original(self, sentence: ShownSentence, start: int, end: int) -> str:
        """Return the stored characters of a shown span."""
        source = self.paper.title if sentence.number == 0 else self.paper.abstract
        return source[sentence.origins[start] : sentence.origins[end - 1] + 1]


def show(paper: Paper) -> ShownPaper:
    """Return *paper* as a model sees it."""
    sentences = [_shown(0, paper.title, 0, len(paper.title))]
    for number, (start, end) in enumerate(split_sentences(paper.abstract), 1):
        sentences.append(_shown(number, paper.abstract, start, end))
    return ShownPaper(paper, tuple(sentences))


def clean(text: str) -> str:
    """Return *text* as it is shown: no backslash, no double quote, no line break, no bar."""
    if not _PLAIN.search(text):
        return text
    return _control_to_space(text.replace("\\", "").translate(_ONE_FOR_ONE))


def _shown(number: int, source: str, start: int, end: int) -> ShownSentence:
    """Clean one sentence and keep where its characters came from."""
    part = source[start:end]
    if "\\" not in part:
        return ShownSentence(number, clean(part), range(start, end + 1))
    kept = [i for i, character in enumerate(part) if character != "\\"]
    origins = (*(start + i for i in kept), end)
    return ShownSentence(number, clean(part), origins)


def _control_to_space(text: str) -> str:
    """Replace the control characters that are left, one for one."""
    return re.sub(r"[\x00-\x1f]", " ", text)


def _placed(sentences: list[ShownSentence], quantity: Quantity, source: str) -> list[Candidate]:
    """Return the candidate for a number, in a list; empty where it crosses two sentences."""
    start, end, value = quantity.start, quantity.end, quantity.value
    for sentence in sentences:
        first, last = sentence.origins[0], sentence.origins[-1]
        if first <= start and end <= last:
            inside = replace(quantity, start=start - first, end=end - first)
            kind = kind_hint(inside, source[first:last])
            return [Candidate(sentence.number, start, end, value, clean(value), kind)]
    return []


def _stands_free(text: str, start: int, end: int) -> bool:
    """True where the span neither begins nor ends inside a word or a number."""
    return not (_is_inside(text, start) or _is_inside(text, end))


def _is_inside(text: str, at: int) -> bool:
    """True where a word or a number runs on over the offset *at*: `9|3`, `93|.2`, `93.|2`."""
    if not 0 < at < len(text):
        return False
    if _WORDISH.match(text[at - 1]) and _WORDISH.match(text[at]):
        return True
    return bool(_DECIMAL.match(text, max(at - 2, 0)) or _DECIMAL.match(text, at - 1))
