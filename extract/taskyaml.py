"""A schema written as data: `schema.yaml`.

    task: trials
    records:
      conditions:
        description: A disease or state that the trial is about.
        fields:
          name: verbatim
          sentence: sentence
      outcomes:
        per: quantity
        fields:
          value: quantity
          condition: {type: ref, of: conditions, optional: true, description: Whose outcome.}

`per` is `sentence` or `quantity`. A field is the name of a type, or a mapping with `type`,
`optional`, `description`, `choices` (of a choice) and `of` (of a ref). The order counts.

The file is read with YAML's safe loader and becomes pydantic models by `create_model`: nothing
in it is run. Not here: which lists of fields can be carried out (`extract.task`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, Field, create_model

from extract.schemas.markers import (
    Aliases,
    Answer,
    Quantity,
    Record,
    RefMark,
    Sentence,
    Verbatim,
)
from extract.task import FieldType, Per, TaskError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_TYPES: Mapping[str, Any] = {
    "verbatim": Verbatim,
    "aliases": Aliases,
    "sentence": Sentence,
    "quantity": Quantity,
    "text": str,
    "number": float,
    "flag": bool,
}


class _Place:
    """A place in a schema file: the file, and the keys that lead to it."""

    def __init__(self, path: Path, *keys: str) -> None:
        self.path, self.keys = path, keys

    def __truediv__(self, key: str) -> _Place:
        return _Place(self.path, *self.keys, key)

    def error(self, message: str, hint: str = "") -> TaskError:
        """Return the error that *message* is, at this place."""
        where = f"{self.path}: {'.'.join(self.keys)}" if self.keys else str(self.path)
        return TaskError(f"{where} {message}" if self.keys else f"{where}: {message}", hint=hint)


class _DistinctLoader(yaml.SafeLoader):
    """YAML's safe loader; a key that stands twice in a mapping is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for at, key in enumerate(keys):
            if key in keys[:at]:
                mark = node.value[at][0].start_mark
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", mark)
        return super().construct_mapping(node, deep)


def read_schema(path: Path, text: str) -> tuple[str | None, type[BaseModel]]:
    """Return the task's name, where the file says one, and its answer model."""
    place = _Place(path)
    document = _mapping(_parsed(path, text), place, {"task", "records"})
    name = document.get("task")
    if name is not None and not isinstance(name, str):
        raise (place / "task").error("is not text", "Write the task's name there.")
    records = _mapping(document.get("records"), place / "records", None)
    if not records:
        raise (place / "records").error("has no lists", "Describe one list of records at least.")
    kinds: dict[str, Any] = {}
    for key, described in records.items():
        here = place / "records" / key
        _check_name(key, here, Answer)
        kinds[key] = (list[_record(key, described, here)], ...)  # type: ignore[misc]  # a model made at run time
    return name, create_model("TaskAnswer", __base__=Answer, **kinds)


def _parsed(path: Path, text: str) -> Any:
    """Return the file's document."""
    try:
        return yaml.load(text, Loader=_DistinctLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise TaskError(f"{path}{line}: {error.problem}", hint="Correct the YAML.") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise TaskError(f"{path} is no YAML that can be read: {error}") from error


def _mapping(value: Any, place: _Place, allowed: set[str] | None) -> dict[str, Any]:
    """Return *value*, a mapping from text with no keys but the *allowed* ones."""
    if not isinstance(value, dict):
        found = "missing" if value is None else f"{type(value).__name__}, not a mapping"
        raise place.error(f"is {found}", "See fixtures/tasks/trials/schema.yaml for the form.")
    for key in value:
        if not isinstance(key, str):
            raise place.error(f"has a key that is not text: {str(key)[:40]}", "Put it in quotes.")
        if allowed is not None and key not in allowed:
            raise (place / key).error("is unknown", f"Known: {', '.join(sorted(allowed))}.")
    return value


def _check_name(name: str, place: _Place, base: type[BaseModel]) -> None:
    """Refuse names that are no column or table, or that pydantic needs itself."""
    if not _NAME.fullmatch(name):
        raise place.error("is no name for a table or column", "Use a-z, digits and _.")
    if hasattr(base, name) or name.startswith("model_"):
        raise place.error("is a name that pydantic keeps for itself", "Choose another name.")


def _record(name: str, described: Any, place: _Place) -> type[Record]:
    """Return the model of one list's records."""
    entry = _mapping(described, place, {"description", "per", "fields"})
    fields = _mapping(entry.get("fields"), place / "fields", None)
    annotations: dict[str, Any] = {}
    for key, value in fields.items():
        here = place / "fields" / key
        _check_name(key, here, Record)
        annotations[key] = _annotation(value, here)
    per = entry.get("per")
    if per not in (None, *get_args(Per)):
        raise (place / "per").error("is neither sentence nor quantity", "Or leave it out.")
    model = create_model(
        name, __base__=Record, __doc__=_text(entry, "description", place), **annotations
    )
    model.PER = per
    return model


def _annotation(value: Any, place: _Place) -> tuple[Any, Any]:
    """Return one field as `create_model` takes it: its type and its default."""
    if isinstance(value, str):
        value = {"type": value}
    entry = _mapping(value, place, {"type", "optional", "description", "choices", "of"})
    kind = entry.get("type")
    if not isinstance(kind, str) or kind not in get_args(FieldType):
        raise (place / "type").error("is no type", f"Types: {', '.join(get_args(FieldType))}.")
    for key, owner in (("choices", "choice"), ("of", "ref")):
        if (key in entry) != (kind == owner):
            verb = "is missing" if kind == owner else f"belongs to the type {owner}"
            raise (place / key).error(verb, f"`{key}` goes with `type: {owner}`.")
    optional = entry.get("optional", False)
    if not isinstance(optional, bool):
        raise (place / "optional").error("is neither true nor false")
    annotation = _type(kind, entry, place)
    described = Field(description=_text(entry, "description", place) or None)
    if kind == "aliases":
        return Annotated[annotation, described], []
    if optional and kind == "sentence":
        raise (place / "optional").error("is set on a sentence", "Every record cites one.")
    if optional:
        return Annotated[annotation | None, described], None
    return Annotated[annotation, described], ...


def _type(kind: str, entry: Mapping[str, Any], place: _Place) -> Any:
    """Return the annotation of a type."""
    if kind == "ref":
        if not isinstance(entry["of"], str):
            raise (place / "of").error("is not the name of a list")
        return Annotated[str, RefMark(entry["of"])]
    if kind != "choice":
        return _TYPES[kind]
    choices = entry["choices"]
    if not isinstance(choices, list) or len(choices) < 2:
        raise (place / "choices").error("is no list of two or more", "Write choices: [a, b].")
    if any(not isinstance(choice, str) or not choice.strip() for choice in choices):
        raise (place / "choices").error(
            "has an entry that is not text", "YAML reads yes, no, on and numbers: quote them."
        )
    if len(set(choices)) < len(choices):
        raise (place / "choices").error("has an entry twice")
    return Literal[tuple(choices)]


def _text(entry: Mapping[str, Any], key: str, place: _Place) -> str:
    """Return a text of a mapping, "" where it has none."""
    value = entry.get(key, "")
    if not isinstance(value, str):
        raise (place / key).error("is not text", "Put it in quotes.")
    return " ".join(value.split())
