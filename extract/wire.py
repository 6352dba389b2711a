"""The compact form of an answer, which local models write.

Output tokens are seconds, so a record is a short array, a list has a one-letter key, and a
choice is one letter. Lists that a schema asks for once per sentence or once per number are
not left to the model's memory: it is walked through every sentence (`1n2c3r`) and every
number (`["95.9%","s","accuracy"]`, or `["2021","n"]` where the number reports nothing).

    {"m":[["DDAE","p"]],"d":[["CIFAR-10","u"]],"r":[["95.9%","s","accuracy","CIFAR-10","DDAE"]],"c":"1n2f3n4r"}

`grammar` holds a model to this form and to the characters of one paper; `decode` turns what
it wrote into the answer that the schema validates; `encode` writes the form, for training.

Not here: whether the answer is right. That is validated and grounded afterwards, like any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any, get_args

from extract.numbers import Kind as NumberKind
from extract.shown import Candidate, ShownPaper, clean
from extract.task import RecordKind, Task, TaskError, TaskField

NONE = "n"
"""The letter for "no record here" in lists that go through every sentence or number."""

SOME = "y"
"""Its opposite, in a walk through numbers whose records have no choice to make."""

MAX_ROWS = 24
"""Records that a list without a walk may hold."""

MAX_NAME = 100
"""Characters that a copied name may have."""

Row = Mapping[str, Any]


class WireError(ValueError):
    """An answer that is not in the compact form; the message says where it leaves it."""


@dataclass(frozen=True)
class CompactKind:
    """How one record kind is written: its letter, and its fields in order."""

    kind: RecordKind
    letter: str
    fields: tuple[TaskField, ...]
    codes: Mapping[str, Mapping[str, str]]

    @property
    def has_leading_choice(self) -> bool:
        """True where a required choice follows the key, so that it can also say "none"."""
        return len(self.fields) > 1 and self.fields[1].type == "choice" and self.fields[1].required

    @property
    def follows_hints(self) -> bool:
        """True where the choice after a number is its kind in the words of `extract.numbers`.

        The rules tell kinds better than a small model does, so the choice is made for it.
        """
        hints = set(get_args(NumberKind))
        is_walk = self.kind.per == "quantity" and self.has_leading_choice
        return is_walk and set(self.codes[self.fields[1].name]) == hints

    @property
    def is_keyless(self) -> bool:
        """True where rows begin with the number of a sentence: nothing else places them."""
        return self.kind.key is None and self.kind.per is None


class CompactWire:
    """The compact form of one task's answers."""

    def __init__(self, task: Task) -> None:
        self.task = task
        letters = _letters([kind.name for kind in task.kinds], taken="")
        self.kinds = tuple(_compact(k, letters[k.name]) for k in task.kinds)

    def decode(self, content: str, shown: ShownPaper) -> dict[str, list[dict[str, Any]]]:
        """Return the answer behind *content*, with the stored characters of every name.

        Raises `WireError` where the content is not in the compact form.
        """
        try:
            raw = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise WireError(f"not JSON: {error}") from error
        if not isinstance(raw, dict):
            raise WireError(f"expected an object, got {type(raw).__name__}")
        answer: dict[str, list[dict[str, Any]]] = {}
        for compact in self.kinds:
            if compact.letter not in raw:
                raise WireError(f"the list {compact.letter!r} is missing")
            answer[compact.kind.name] = self._decode_list(compact, raw[compact.letter], shown)
        return answer

    def _decode_list(
        self, compact: CompactKind, raw: Any, shown: ShownPaper
    ) -> list[dict[str, Any]]:
        """Decode one list by the way it is walked."""
        if compact.kind.per == "sentence":
            return list(_decode_labels(compact, raw, shown))
        return [row for _, row in self.numbered_rows(compact, raw, shown)]

    def numbered_rows(
        self, compact: CompactKind, raw: Any, shown: ShownPaper
    ) -> list[tuple[int, dict[str, Any]]]:
        """Decode a list of rows; each record comes with the number of the row that says it."""
        if not isinstance(raw, list) or not all(isinstance(row, list) and row for row in raw):
            raise WireError(f"the list {compact.letter!r} is not a list of rows")
        if any(isinstance(value, list | dict) for row in raw for value in row):
            raise WireError(f"a row of {compact.letter!r} has another list in it")
        if compact.kind.per == "quantity":
            return list(_decode_walk(compact, raw, shown))
        return _without_repeats(_decode_row(compact, row, shown) for row in raw)

    def encode(self, answer: Mapping[str, Sequence[Row]], shown: ShownPaper) -> str:
        """Return *answer* in the compact form, as a model should write it."""
        parts = []
        for compact in self.kinds:
            rows = answer.get(compact.kind.name, ())
            if compact.kind.per == "sentence":
                value = json.dumps(_encode_labels(compact, rows, shown))
            elif compact.kind.per == "quantity":
                value = _dumps(_encode_walk(compact, rows, shown))
            else:
                value = _dumps(_encode_rows(compact, rows, shown))
            parts.append(f'"{compact.letter}":{value}')
        return "{" + ",".join(parts) + "}"


def _compact(kind: RecordKind, letter: str) -> CompactKind:
    """Put the key field first, then choices, then the rest; leave out what is derived.

    The sentence follows from where the key stands; a record without a key begins with it.
    """
    if kind.per == "sentence":
        order = [f for f in kind.fields if f.type == "choice"][:1]
    else:
        written = [f for f in kind.fields if f.type not in ("sentence", "aliases")]
        first = kind.key or kind.sentence
        key = [first] if first else []
        choices = [f for f in written if f.type == "choice" and f.required]
        order = [*key, *choices, *(f for f in written if f not in key and f not in choices)]
    for f in kind.fields:
        if f.required and f not in order and f is not kind.sentence:
            raise TaskError(
                f"{kind.name}.{f.name} is required, and the form of local models does not hold it",
                hint="Give it a default, or leave it out.",
            )
    codes = {f.name: _letters(f.choices, taken=NONE) for f in order if f.type == "choice"}
    return CompactKind(kind, letter, tuple(order), codes)


def _letters(words: Iterable[str], taken: str) -> dict[str, str]:
    """Give each word one letter: the first of its own that is free, else any that is."""
    used = set(taken)
    letters: dict[str, str] = {}
    for word in words:
        pool = [c for c in word.lower() if c.isascii() and c.isalpha()]
        free = next((c for c in [*pool, *ascii_lowercase] if c not in used), None)
        if free is None:
            raise TaskError(
                f"there is no letter left for {word!r}",
                hint="A choice may have 25 options, and an answer 26 lists.",
            )
        used.add(free)
        letters[word] = free
    return letters


def _dumps(rows: list[list[str]]) -> str:
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def _decode_labels(compact: CompactKind, raw: Any, shown: ShownPaper) -> Iterable[dict[str, Any]]:
    """Read `1n2c3r`: one letter per sentence."""
    choice = compact.fields[0]
    words = {letter: word for word, letter in compact.codes[choice.name].items()}
    sentence = compact.kind.sentence
    assert sentence is not None
    if not isinstance(raw, str):
        raise WireError(f"{compact.letter!r} is not a string of labels")
    rest = raw
    for number in range(1, len(shown.sentences)):
        if not rest.startswith(str(number)) or len(rest) <= len(str(number)):
            raise WireError(f"{compact.letter!r} has no label for sentence {number}")
        letter, rest = rest[len(str(number))], rest[len(str(number)) + 1 :]
        if letter in words:
            yield {sentence.name: number, choice.name: words[letter]}
        elif letter != NONE:
            raise WireError(f"{compact.letter!r} has the unknown label {letter!r}")
    if rest:
        raise WireError(f"{compact.letter!r} goes on after its last sentence: {rest[:20]!r}")


def _decode_walk(
    compact: CompactKind, raw: list[list[Any]], shown: ShownPaper
) -> Iterable[tuple[int, dict[str, Any]]]:
    """Read the rows of a walk through the numbers of the text, one row per number."""
    if len(raw) != len(shown.candidates):
        raise WireError(
            f"{compact.letter!r} has {len(raw)} rows for {len(shown.candidates)} numbers"
        )
    key, sentence = compact.kind.key, compact.kind.sentence
    assert key is not None and sentence is not None
    for at, (row, candidate) in enumerate(zip(raw, shown.candidates, strict=True)):
        if row[0] != candidate.shown:
            raise WireError(f"{compact.letter!r} has {row[0]!r} in place of {candidate.shown!r}")
        if len(row) > 1 and row[1] == NONE:
            continue
        if not compact.has_leading_choice:
            if row[1:2] != [SOME]:
                raise WireError(f"{compact.letter!r} says neither {SOME} nor {NONE} of {row[0]!r}")
            row = [row[0], *row[2:]]
        decoded = _decode_row(compact, row, shown, candidate.sentence)
        yield at, decoded | {key.name: candidate.value, sentence.name: candidate.sentence}


def _decode_row(
    compact: CompactKind, row: list[Any], shown: ShownPaper, cited: int | None = None
) -> dict[str, Any]:
    """Read one positional row; names become the stored characters where they stand."""
    if len(row) > len(compact.fields):
        raise WireError(f"a row of {compact.letter!r} has {len(row)} entries")
    decoded: dict[str, Any] = {}
    for f, value in zip(compact.fields, row, strict=False):
        if value in ("", None):
            continue
        if f.type == "choice":
            words = {letter: word for word, letter in compact.codes[f.name].items()}
            decoded[f.name] = words.get(value, value)
            continue
        if f.type == "sentence":
            decoded[f.name] = _number(compact, value, shown)
            continue
        place = None
        if f.type in ("verbatim", "ref", "quantity") and isinstance(value, str):
            place = shown.locate(value, cited)
        decoded[f.name] = place[1] if place else value
        if f is compact.kind.key and cited is None and compact.kind.sentence:
            decoded[compact.kind.sentence.name] = place[0] if place else 0
    if compact.kind.sentence and compact.kind.sentence.name not in decoded:
        decoded[compact.kind.sentence.name] = cited or 0
    return decoded


def _number(compact: CompactKind, value: Any, shown: ShownPaper) -> int:
    """Read the number of a sentence that exists."""
    if str(value) not in map(str, range(len(shown.sentences))):
        raise WireError(f"{compact.letter!r} cites sentence {value!r}, which is not there")
    return int(value)


def _without_repeats(rows: Iterable[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    """Keep the first of rows that are equal, with their numbers."""
    kept: list[tuple[int, dict[str, Any]]] = []
    for at, row in enumerate(rows):
        if all(row != other for _, other in kept):
            kept.append((at, row))
    return kept


def _encode_labels(compact: CompactKind, rows: Sequence[Row], shown: ShownPaper) -> str:
    """Write one letter per sentence."""
    choice = compact.fields[0]
    sentence = compact.kind.sentence
    assert sentence is not None
    labels = {row[sentence.name]: compact.codes[choice.name][row[choice.name]] for row in rows}
    return "".join(f"{n}{labels.get(n, NONE)}" for n in range(1, len(shown.sentences)))


def _encode_rows(compact: CompactKind, rows: Sequence[Row], shown: ShownPaper) -> list[list[str]]:
    """Write rows in the order in which their names first stand in the text."""
    written = [_encode_row(compact, row) for row in rows]
    unique = [row for i, row in enumerate(written) if row not in written[:i]]
    if compact.kind.key is None:
        return sorted(unique, key=lambda row: int(row[0]))
    place = {i: shown.text.find(row[0]) for i, row in enumerate(unique)}
    return [unique[i] for i in sorted(place, key=lambda i: place[i])]


def _encode_walk(compact: CompactKind, rows: Sequence[Row], shown: ShownPaper) -> list[list[str]]:
    """Write one row per number of the text; rows that fit no number are left out."""
    left = list(rows)
    written = []
    for candidate in shown.candidates:
        row = next((r for r in left if _is_at(compact, r, candidate)), None)
        if row is None:
            written.append([candidate.shown, NONE])
        else:
            left.remove(row)
            flag = [] if compact.has_leading_choice else [SOME]
            written.append([candidate.shown, *flag, *_encode_row(compact, row)[1:]])
    return written


def _is_at(compact: CompactKind, row: Row, candidate: Candidate) -> bool:
    """True where the row states this number."""
    key, sentence = compact.kind.key, compact.kind.sentence
    assert key is not None and sentence is not None
    if row[sentence.name] != candidate.sentence:
        return False
    return _digits(row[key.name]) == _digits(candidate.value)


def _digits(value: str) -> str:
    """Return the characters of a number that say which one it is."""
    return "".join(c for c in clean(value) if c.isdigit() or c == ".").strip(".")


def _encode_row(compact: CompactKind, row: Row) -> list[str]:
    """Write one positional row, without the nulls at its end."""
    written = []
    for f in compact.fields:
        value = row.get(f.name)
        if f.type == "choice" and value is not None:
            written.append(compact.codes[f.name][value])
        else:
            written.append(_written(value))
    while written and written[-1] == "":
        written.pop()
    return written


def _written(value: Any) -> str:
    """Write one value as the grammar has it: `true`, and numbers without an exponent."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return clean(str(value))
