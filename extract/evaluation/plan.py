"""What of a task is scored, and by which of three rules.

The rules follow from the markers: a list of named records is scored by entity, a list whose
key is a quantity by value, and any other list (one record per sentence) by sentence number. The
other fields of a record give attribute accuracies. A task may leave fields out, or ask for the
figures of a part of a list, with `EVAL` on its answer class:

    EVAL = {
        "unscored": {"results": ["baseline"]},
        "parts": {"scores": {"of": "results", "without": {"kind": "size"}}},
    }

Not here: the rules themselves (`matching`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from extract.task import FieldType, RecordKind, Task, TaskError, TaskField

Rule = Literal["entity", "value", "sentence"]
Agreement = Literal["words", "entity", "equal"]

_AGREEMENTS: dict[FieldType, Agreement] = {
    "verbatim": "words",
    "text": "words",
    "ref": "entity",
    "quantity": "words",
    "choice": "equal",
    "number": "equal",
    "flag": "equal",
}


@dataclass(frozen=True, slots=True)
class ScoredField:
    """A field whose accuracy is told, and how two of its values agree."""

    name: str
    agreement: Agreement
    #: The list that a reference leads to.
    target: str = ""

    @property
    def figure(self) -> str:
        """What the accuracy is called."""
        return f"{self.name}_acc"

    @property
    def is_in_tuple(self) -> bool:
        """True where `tuple_f1` asks for this field: names and references, but no choices."""
        return self.agreement != "equal"


@dataclass(frozen=True, slots=True)
class Part:
    """The records of a list without those that have *value* in *field*."""

    name: str
    field: str
    value: Any


@dataclass(frozen=True, slots=True)
class ScoredKind:
    """One list of the answer and how it is scored."""

    name: str
    rule: Rule
    #: The field with the name, value or sentence number that records are found by.
    key: str
    sentence: str
    aliases: str | None
    fields: tuple[ScoredField, ...]
    parts: tuple[Part, ...] = ()

    @property
    def has_tuple(self) -> bool:
        """True where a whole record can be right or wrong, beyond its value."""
        return self.rule == "value" and any(f.is_in_tuple for f in self.fields)


Plan = tuple[ScoredKind, ...]


def scoring_plan(task: Task) -> Plan:
    """Return how each list of *task* is scored; `TaskError` where `EVAL` names what is missing."""
    wishes = dict(getattr(task.answer, "EVAL", {}))
    unscored = dict(wishes.pop("unscored", {}))
    parts = dict(wishes.pop("parts", {}))
    if wishes:
        raise _wrong(task, f"the setting {next(iter(wishes))!r}")
    for name, fields in unscored.items():
        kind = _kind(task, name)
        for field in fields:
            _check_field(task, kind, field)
    for name, part in parts.items():
        for field in part["without"]:
            _check_field(task, _kind(task, part["of"]), field)
        if any(name == k.name for k in task.kinds):
            raise _wrong(task, f"a part called like the list {name!r}")
    return tuple(_scored(kind, unscored.get(kind.name, ()), parts) for kind in task.kinds)


def _scored(kind: RecordKind, unscored: Any, parts: dict[str, Any]) -> ScoredKind:
    """Read the rule of one list from its markers."""
    sentence = kind.sentence.name if kind.sentence else "sentence"
    key = None if kind.per == "sentence" else kind.key
    rule: Rule = "sentence"
    if key is not None:
        rule = "value" if key.type == "quantity" else "entity"
    aliases = kind.first("aliases")
    own = {sentence, key.name if key else sentence}
    scored = tuple(
        _scored_field(f)
        for f in kind.fields
        if f.type in _AGREEMENTS and f.name not in own and f.name not in unscored
    )
    wanted = tuple(
        Part(name, field, value)
        for name, part in parts.items()
        if part["of"] == kind.name
        for field, value in part["without"].items()
    )
    return ScoredKind(
        name=kind.name,
        rule=rule,
        key=key.name if key else sentence,
        sentence=sentence,
        aliases=aliases.name if aliases else None,
        fields=scored,
        parts=wanted,
    )


def _scored_field(field: TaskField) -> ScoredField:
    return ScoredField(field.name, _AGREEMENTS[field.type], field.target)


def _kind(task: Task, name: str) -> RecordKind:
    try:
        return task.kind(name)
    except KeyError:
        raise _wrong(task, f"the list {name!r}") from None


def _check_field(task: Task, kind: RecordKind, name: str) -> None:
    if all(f.name != name for f in kind.fields):
        raise _wrong(task, f"the field {kind.name}.{name}")


def _wrong(task: Task, what: str) -> TaskError:
    return TaskError(
        f"task {task.name}: EVAL names {what}, which cannot be",
        hint="EVAL may hold `unscored` and `parts`, with lists and fields of the answer.",
    )
