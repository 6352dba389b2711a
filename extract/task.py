"""What a task asks for, read from its schema.

A task is a schema and its prompts. The engine reads meaning from the markers of
`extract.schemas.markers` and from nothing else: "method" and "dataset" are words of the task.

`describe` turns a pydantic answer model into a `Task`, and refuses one that the engine could
not carry out, before any model is asked. Not here: where tasks are found (`extract.tasks`).
"""

from __future__ import annotations

import hashlib
import json
import typing
from dataclasses import dataclass, field
from functools import cached_property
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from extract.errors import InputError
from extract.schemas.markers import (
    AliasesMark,
    MetricMark,
    QuantityMark,
    RefMark,
    SentenceMark,
    VerbatimMark,
)

FieldType = Literal[
    "verbatim", "aliases", "sentence", "quantity", "ref", "choice", "text", "number", "flag"
]
Per = Literal["sentence", "quantity"]

RESERVED = frozenset(
    "fact_id extraction_id paper_id completion_key position evidence span_start span_end "
    "alignment confidence doubtful probability reason".split()
)


class TaskError(InputError):
    """A task's schema, prompt or views cannot be used; the message names the place."""


@dataclass(frozen=True, slots=True)
class TaskField:
    """One field of a record: what it holds, and what the engine does with it."""

    name: str
    type: FieldType
    required: bool
    description: str = ""
    choices: tuple[str, ...] = ()
    target: str = ""
    is_metric: bool = False


@dataclass(frozen=True)
class RecordKind:
    """One list of the answer: the shape of its records, which become rows of one table."""

    name: str
    model: type[BaseModel]
    fields: tuple[TaskField, ...]
    per: Per | None = None
    description: str = ""

    def first(self, *types: FieldType) -> TaskField | None:
        """Return the first field of one of *types*, or None."""
        return next((f for f in self.fields if f.type in types), None)

    @cached_property
    def key(self) -> TaskField | None:
        """The field that the row's span belongs to: its quantity, or its first verbatim name."""
        return self.first("quantity") or self.first("verbatim")

    @cached_property
    def sentence(self) -> TaskField | None:
        """The field that holds the number of the cited sentence."""
        return self.first("sentence")


@dataclass(frozen=True)
class Task:
    """A schema and its prompts, ready to be asked.

    `prompts` maps a wire format to the text of its Markdown file; `views` is SQL that creates
    views over the task's tables; `version` names the schema's shape.
    """

    name: str
    answer: type[BaseModel]
    kinds: tuple[RecordKind, ...]
    prompts: dict[str, str] = field(default_factory=dict)
    views: str = ""

    @cached_property
    def json_schema(self) -> dict[str, Any]:
        """The JSON schema of the answer, fields in the order of the class."""
        return self.answer.model_json_schema()

    @cached_property
    def version(self) -> str:
        """A name for the schema's shape: it changes when a field, its order or words change."""
        canonical = json.dumps(self.json_schema, separators=(",", ":"))
        return f"{self.name}-{hashlib.blake2b(canonical.encode(), digest_size=6).hexdigest()}"

    def kind(self, name: str) -> RecordKind:
        """Return the record kind *name*; KeyError where the task has none."""
        for kind in self.kinds:
            if kind.name == name:
                return kind
        raise KeyError(name)


def describe(
    name: str, answer: type[BaseModel], prompts: dict[str, str] | None = None, views: str = ""
) -> Task:
    """Read the markers of *answer*; raise `TaskError` for a schema that cannot be carried out."""
    kinds = tuple(_kind(name, key, info) for key, info in answer.model_fields.items())
    if not kinds:
        raise TaskError(f"task {name}: the answer has no lists", hint="Add a list of records.")
    task = Task(name, answer, kinds, prompts or {}, views)
    _check_references(task)
    return task


def _kind(task: str, name: str, info: FieldInfo) -> RecordKind:
    """Read one list of the answer."""
    model = get_args(info.annotation)[0] if get_origin(info.annotation) is list else None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise TaskError(
            f"task {task}: field {name!r} of the answer is not a list of records",
            hint="Write it as `list[SomeRecord]`, where SomeRecord is a pydantic model.",
        )
    fields = tuple(_field(task, name, key, info) for key, info in model.model_fields.items())
    per: Per | None = getattr(model, "PER", None)
    kind = RecordKind(name, model, fields, per, (model.__doc__ or "").strip())
    _check_kind(task, kind)
    return kind


def _field(task: str, kind: str, name: str, info: FieldInfo) -> TaskField:
    """Read the type and the markers of one field."""
    marks = list(info.metadata)
    annotation, optional = _strip_none(info.annotation, marks)
    description = info.description or ""
    required = info.is_required() and not optional
    for mark in marks:
        if isinstance(mark, VerbatimMark):
            is_metric = any(isinstance(m, MetricMark) for m in marks)
            return TaskField(name, "verbatim", required, description, is_metric=is_metric)
        if isinstance(mark, AliasesMark):
            return TaskField(name, "aliases", required, description)
        if isinstance(mark, SentenceMark):
            return TaskField(name, "sentence", required, description)
        if isinstance(mark, QuantityMark):
            return TaskField(name, "quantity", required, description)
        if isinstance(mark, RefMark):
            return TaskField(name, "ref", required, description, target=mark.target)
    if get_origin(annotation) is Literal:
        choices = tuple(str(c) for c in get_args(annotation))
        return TaskField(name, "choice", required, description, choices=choices)
    plain: dict[Any, FieldType] = {str: "text", int: "number", float: "number", bool: "flag"}
    if annotation in plain:
        return TaskField(name, plain[annotation], required, description)
    raise TaskError(
        f"task {task}: field {kind}.{name} has a type that the engine does not know: {annotation}",
        hint="Use Verbatim, Aliases, Sentence, Quantity, Ref, a Literal, str, int, float or bool.",
    )


def _strip_none(annotation: Any, marks: list[Any]) -> tuple[Any, bool]:
    """Unwrap Annotated and `| None`, collecting markers on the way."""
    optional = False
    while True:
        origin = get_origin(annotation)
        if origin is typing.Annotated:
            annotation, *found = get_args(annotation)
            marks.extend(found)
        elif origin in (typing.Union, UnionType):
            rest = [a for a in get_args(annotation) if a is not NoneType]
            if len(rest) != 1:
                return annotation, optional
            annotation, optional = rest[0], True
        else:
            return annotation, optional


def _check_kind(task: str, kind: RecordKind) -> None:
    """Refuse a record that could not be grounded or stored."""
    where = f"task {task}: records of {kind.name!r}"
    if kind.sentence is None:
        raise TaskError(
            f"{where} cite no sentence",
            hint="Add one: `sentence: {type: sentence}` in schema.yaml, Sentence in schema.py.",
        )
    if not kind.name.isidentifier() or any(not f.name.isidentifier() for f in kind.fields):
        raise TaskError(f"{where} have a name that is no identifier", hint="Use letters and _.")
    if clash := [f.name for f in kind.fields if f.name in RESERVED]:
        raise TaskError(
            f"{where} have a field named {clash[0]!r}, which is a column of every table",
            hint="Give the field another name.",
        )
    choice = kind.first("choice")
    if kind.per == "sentence" and (choice is None or not choice.required):
        raise TaskError(
            f"{where} are per sentence and have no choice",
            hint="Add a field `{type: choice, choices: [a, b]}`; in schema.py a Literal.",
        )
    quantity = kind.first("quantity")
    if kind.per == "quantity" and (quantity is None or not quantity.required):
        raise TaskError(
            f"{where} are per quantity and have none",
            hint="Add a field `{type: quantity}`; in schema.py a Quantity.",
        )


def _check_references(task: Task) -> None:
    """Every `Ref` must name a list of the same answer whose records have a name."""
    names = {kind.name: kind for kind in task.kinds}
    for kind in task.kinds:
        for f in kind.fields:
            if f.type == "ref" and (f.target not in names or names[f.target].key is None):
                raise TaskError(
                    f"task {task.name}: {kind.name}.{f.name} refers to {f.target!r}, "
                    "which is no list of named records of this answer",
                    hint=f"Lists of this answer: {', '.join(names)}.",
                )
