"""What became of each number of a paper.

Every digit of title and abstract belongs to exactly one number, and every number ends as one of
these: `extracted`, when facts hold all of its digits; the role that `extract.numbers` gives it
where it is no stated quantity (`name`, `citation`, `year`, `list_mark`, `url`, `formula`); or
`unaccounted`: a stated quantity that no fact holds.

Not here: whether a fact that holds a number says the right thing about it (`evaluation`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from extract.numbers import NumberMention, classify_numbers
from extract.sentences import Span, split_sentences

Outcome = Literal[
    "extracted", "name", "citation", "year", "list_mark", "url", "formula", "unaccounted"
]


@dataclass(frozen=True, slots=True)
class QuantitySpan:
    """Where an extracted quantity stands: in the title, or else in the abstract."""

    in_title: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class AuditedNumber:
    """A number of the text, where it stands, and what became of it.

    `sentence` is 0 in the title; offsets are those of the title there, else of the abstract.
    `at` is where the number begins in `sentence_text`.
    """

    outcome: Outcome
    value: str
    sentence: int
    start: int
    end: int
    sentence_text: str
    at: int

    def excerpt(self, width: int) -> str:
        """Return the sentence; of a long one, so many characters around the number."""
        if len(self.sentence_text) <= width:
            return self.sentence_text
        first = max(0, min(self.at - width // 2, len(self.sentence_text) - width))
        last = first + width
        cut = self.sentence_text[first:last].strip()
        return ("…" if first else "") + cut + ("…" if last < len(self.sentence_text) else "")


@dataclass(frozen=True)
class AuditReport:
    """What became of all numbers of one paper, in the order of the text."""

    numbers: tuple[AuditedNumber, ...]

    @cached_property
    def counts(self) -> Mapping[Outcome, int]:
        """How many numbers ended as what."""
        return Counter(number.outcome for number in self.numbers)

    @cached_property
    def unaccounted(self) -> tuple[AuditedNumber, ...]:
        """The stated quantities that no fact holds."""
        return tuple(n for n in self.numbers if n.outcome == "unaccounted")

    @property
    def share_accounted(self) -> float:
        """Share of all numbers that are accounted for; 1 where there are none."""
        return _share(len(self.numbers) - len(self.unaccounted), len(self.numbers))

    @property
    def share_extracted(self) -> float:
        """Share of the stated quantities that facts hold; 1 where there are none."""
        extracted = self.counts.get("extracted", 0)
        return _share(extracted, extracted + len(self.unaccounted))


def audit_paper(
    title: str,
    abstract: str,
    extracted: Sequence[QuantitySpan],
    *,
    sentences: Sequence[Span] | None = None,
    names: Sequence[str] = (),
) -> AuditReport:
    """Return what became of each number of a paper, given the spans of its extracted quantities.

    *sentences* are the stored spans of the abstract's sentences (split anew where left out), and
    *names* the extracted names, whose digits are pieces of names.
    """
    spans = split_sentences(abstract) if sentences is None else sentences
    starts = [start for start, _ in spans]
    in_title = [span for span in extracted if span.in_title]
    numbers = [
        AuditedNumber(
            outcome, m.quantity.value, 0, m.quantity.start, m.quantity.end, title, m.quantity.start
        )
        for m, outcome in _outcomes(title, in_title, names)
    ]
    in_abstract = [span for span in extracted if not span.in_title]
    for mention, outcome in _outcomes(abstract, in_abstract, names):
        quantity = mention.quantity
        place = max(1, bisect_right(starts, quantity.start))
        start, end = spans[place - 1] if spans else (0, len(abstract))
        numbers.append(
            AuditedNumber(
                outcome,
                quantity.value,
                place,
                quantity.start,
                quantity.end,
                abstract[start:end],
                quantity.start - start,
            )
        )
    return AuditReport(tuple(numbers))


def _outcomes(
    text: str, extracted: Sequence[QuantitySpan], names: Sequence[str]
) -> Iterator[tuple[NumberMention, Outcome]]:
    """Yield each number of *text* with what became of it."""
    held = bytearray(len(text))
    for span in extracted:
        start, end = max(0, span.start), min(len(text), span.end)
        held[start:end] = b"\x01" * max(0, end - start)
    for mention in classify_numbers(text, names):
        if _is_held(text, mention, held):
            yield mention, "extracted"
        elif mention.role == "quantity":
            yield mention, "unaccounted"
        else:
            yield mention, mention.role


def _is_held(text: str, mention: NumberMention, held: bytearray) -> bool:
    """Say whether facts hold all digits of a number: both ends of a range, say."""
    quantity = mention.quantity
    digits = [at for at in range(quantity.start, quantity.end) if text[at].isnumeric()]
    return all(held[at] for at in digits or range(quantity.start, quantity.end))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
