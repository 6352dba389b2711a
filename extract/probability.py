"""How sure a model was of each record, read from the probabilities of its own tokens.

Local models write the compact form of `extract.wire`, where a record's existence hangs on few
tokens: the letter after a number or a sentence in a walk, and in other lists the opening of the
row and its name. What comes out is the probability that the record is there, between 0 and 1, as
the model sees it before the grammar cuts anything off: walks are exact up to the alternatives
that were returned, rows are the product over the opening and the key.

How often a record of a given probability is right is another matter (`extract.calibration`).
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from json import JSONDecoder
from typing import Any

from extract.completion import TokenLogprob
from extract.shown import ShownPaper
from extract.wire import NONE, SOME, CompactKind, CompactWire

Probabilities = Mapping[str, Sequence[float]]

_LABEL = re.compile(r"\d+([a-z])")


class _Tokens:
    """The tokens that spell an answer, found by the character that they hold."""

    def __init__(self, content: str, tokens: Sequence[TokenLogprob]) -> None:
        self.content = content
        self.tokens = tokens
        self.ends = list(accumulate(len(token[0]) for token in tokens))

    @property
    def is_whole(self) -> bool:
        """True where the tokens are those of this very answer."""
        spelled = "".join(token[0] for token in self.tokens)
        return bool(spelled) and spelled == _as_bytes(self.content)

    def _index(self, at: int) -> int:
        return bisect_right(self.ends, len(_as_bytes(self.content[:at])))

    def share(self, at: int, some: Collection[str]) -> float:
        """Return the probability of the letters *some* at character *at*, against `NONE`."""
        chosen, logprob, others = self.tokens[self._index(at)]
        mass = {letter: math.exp(p) for letter, p in ((chosen, logprob), *others.items())}
        # In no order of its own: `some` may be a set, and a figure must not hang on its order.
        weight = math.fsum(mass.get(letter, 0.0) for letter in some)
        return weight / (weight + mass.get(NONE, 0.0)) if weight else 0.0

    def product(self, start: int, last: int) -> float:
        """Return the probability of all tokens from character *start* through *last*."""
        run = self.tokens[self._index(start) : self._index(last) + 1]
        return math.exp(sum(logprob for _, logprob, _ in run))


def _as_bytes(text: str) -> str:
    """Return *text* with a character for each of its bytes, as tokens are kept."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def probabilities(
    wire: CompactWire, content: str, shown: ShownPaper, tokens: Sequence[TokenLogprob] | None
) -> Probabilities:
    """Return the probability of every record that `wire.decode` gives, in its order.

    *content* is an answer that decodes, *tokens* are those of its
    `Completion`. Empty where the model gave none, or where they do not spell *content*.
    """
    placed = _Tokens(content, tokens or ())
    if not placed.is_whole:
        return {}
    found: dict[str, list[float]] = {}
    at = content.index("{")
    for compact in wire.kinds:
        at = content.index(":", at) + 1
        raw, end = JSONDecoder().raw_decode(content, at)
        if compact.kind.per == "sentence":
            found[compact.kind.name] = list(_of_labels(compact, placed, at, end))
        else:
            rows = list(_of_rows(compact, placed, raw, at))
            found[compact.kind.name] = [rows[i] for i, _ in wire.numbered_rows(compact, raw, shown)]
        at = end
    return found


def _of_labels(compact: CompactKind, placed: _Tokens, start: int, end: int) -> Iterator[float]:
    """Yield the probability of every sentence that is labelled."""
    codes = set(compact.codes[compact.fields[0].name].values())
    for label in _LABEL.finditer(placed.content, start, end):
        if label[1] != NONE:
            yield placed.share(label.start(1), codes)


def _of_rows(
    compact: CompactKind, placed: _Tokens, raw: Sequence[Sequence[Any]], start: int
) -> Iterator[float]:
    """Yield the probability of every row of a list that begins at *start*."""
    at = start
    for row in raw:
        opening = placed.content.index("[", at + 1)
        key_end = at = _end_of(placed.content, opening + 1)
        for _ in row[1:]:
            at = _end_of(placed.content, at + 2)
        if compact.kind.per != "quantity":
            yield placed.product(opening - 1, key_end)
            continue
        codes = compact.codes[compact.fields[1].name].values() if compact.has_leading_choice else ()
        yield placed.share(key_end + 3, set(codes) or {SOME})


def _end_of(content: str, at: int) -> int:
    """Return where the string that begins at *at* ends: its closing quote."""
    return int(JSONDecoder().raw_decode(content, at)[1]) - 1
