"""Annotated papers, read from a file: one JSON object a line.

    {"id": 12, "title": "...", "abstract": "...", "sentences": [[0, 216], ...],
     "methods": [...], "datasets": [...], "results": [...], "claims": [...]}

An object has an `id` and the lists of the task; a list that is left out is empty. The text and
its sentence spans may be left out too; then misses are told without their sentence, and a
prediction's sentence numbers are taken as they are. Ids are compared as strings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.evaluation.plan import Plan, ScoredKind, scoring_plan
from extract.task import Task

_EXAMPLE = 'A line is one JSON object with an "id" and the lists of the task.'


def read_annotations(
    path: Path, task: Task, *, is_complete: bool = False
) -> dict[str, Mapping[str, Any]]:
    """Return the annotations in *path* by id; `InputError` names the line that cannot be read.

    With *is_complete* every paper has its text and all lists of the task, as training needs it.
    """
    lines = text_of(path).split("\n")
    annotations = parse_annotations(lines, task, where=str(path), is_complete=is_complete)
    if not annotations:
        raise InputError(f"{path}: holds no annotations", hint=_EXAMPLE)
    return annotations


def parse_annotations(
    lines: Iterable[str], task: Task, *, where: str = "annotations", is_complete: bool = False
) -> dict[str, Mapping[str, Any]]:
    """Return the annotations in *lines* by id, each one checked."""
    plan = scoring_plan(task)
    annotations: dict[str, Mapping[str, Any]] = {}
    first_seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{where}, line {number}"
        annotation = object_of(line, place)
        if is_complete:
            _check_parts(annotation, task, place)
        paper = checked_id(annotation, plan, place)
        if paper in annotations:
            raise InputError(
                f"{place}: id {paper} stands already on line {first_seen[paper]}",
                hint="Every paper is annotated once; join the two lines.",
            )
        annotations[paper] = annotation
        first_seen[paper] = number
    return annotations


def text_of(path: Path) -> str:
    """Return the text of a file that a user named; raise `InputError` where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8, at byte {error.start}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def object_of(line: str, place: str) -> dict[str, Any]:
    """Return the JSON object on a line."""
    try:
        annotation = json.loads(line)
    except ValueError as error:
        raise InputError(f"{place}: not JSON: {error}", hint=_EXAMPLE) from error
    except RecursionError as error:
        raise InputError(f"{place}: nested too deep", hint=_EXAMPLE) from error
    if not isinstance(annotation, dict):
        raise InputError(
            f"{place}: expected an object, got {type(annotation).__name__}", hint=_EXAMPLE
        )
    return annotation


def checked_id(annotation: Mapping[str, Any], plan: Plan, place: str) -> str:
    """Return the id of an annotated paper whose text and lists are as they should be."""
    paper = _id(annotation, place)
    _check_text(annotation, place)
    for kind in plan:
        _check_list(kind, annotation, place)
    return paper


def _check_parts(annotation: Mapping[str, Any], task: Task, place: str) -> None:
    """The text and every list of the task are there, be it empty."""
    wanted = ("id", "title", "abstract", *(kind.name for kind in task.kinds))
    if missing := [key for key in wanted if key not in annotation]:
        raise InputError(
            f"{place}: {', '.join(missing)} missing",
            hint="An annotated abstract has id, title, abstract and every list of the task.",
        )


def _id(annotation: Mapping[str, Any], place: str) -> str:
    paper = annotation.get("id")
    if isinstance(paper, bool) or not isinstance(paper, str | int) or paper == "":
        raise InputError(f"{place}: the paper has no id", hint=_EXAMPLE)
    return str(paper)


def _check_text(annotation: Mapping[str, Any], place: str) -> None:
    """Title and abstract are strings, sentences pairs of offsets in order."""
    for key in ("title", "abstract"):
        if not isinstance(annotation.get(key, ""), str):
            raise InputError(f"{place}: {key} is not a string")
    spans = annotation.get("sentences", [])
    length = len(annotation["abstract"]) if "abstract" in annotation else None
    if not isinstance(spans, list):
        raise InputError(f"{place}: sentences is not a list of [start, end]")
    before = 0
    for number, span in enumerate(spans, 1):
        if not (isinstance(span, list) and len(span) == 2 and all(type(n) is int for n in span)):
            raise InputError(f"{place}: sentence {number} is not [start, end]: {span!r}")
        start, end = span
        if not before <= start < end or (length is not None and end > length):
            raise InputError(
                f"{place}: sentence {number} [{start}, {end}] does not lie in the abstract, "
                "after the sentence before it",
                hint="Offsets count code points of the abstract, end exclusive.",
            )
        before = end


def _check_list(kind: ScoredKind, annotation: Mapping[str, Any], place: str) -> None:
    """Every record is an object whose key has the right type."""
    rows = annotation.get(kind.name, [])
    if not isinstance(rows, list):
        raise InputError(f"{place}: {kind.name} is not a list")
    for number, row in enumerate(rows, 1):
        record = f"{place}: {kind.name}, record {number}"
        if not isinstance(row, dict):
            raise InputError(f"{record}: expected an object, got {type(row).__name__}")
        if kind.rule != "sentence":
            _check_strings(kind, row, record)
        elif row.get(kind.key) is None and not _is_span(row):
            raise InputError(
                f"{record}: has no {kind.key}", hint=f"Give {kind.key}, or start and end."
            )


def _check_strings(kind: ScoredKind, row: Mapping[str, Any], record: str) -> None:
    if not isinstance(row.get(kind.key), str):
        raise InputError(f"{record}: {kind.key} is not a string: {row.get(kind.key)!r}")
    aliases = row.get(kind.aliases) if kind.aliases else None
    if aliases is not None and not (
        isinstance(aliases, list) and all(isinstance(a, str) for a in aliases)
    ):
        raise InputError(f"{record}: {kind.aliases} is not a list of strings")
    for field in kind.fields:
        value = row.get(field.name)
        if field.is_in_tuple and value is not None and not isinstance(value, str):
            raise InputError(f"{record}: {field.name} is not a string: {value!r}")


def _is_span(row: Mapping[str, Any]) -> bool:
    return type(row.get("start")) is int and type(row.get("end")) is int
