"""Which records of a task state gaps and values, and what became of one paper's gaps.

A task says so with `GAPS` on its answer class; a task that does not has no gaps:

    GAPS = {
        "of": "results",                          # the list, one record per number
        "by": "kind", "gap": "delta", "value": "score",    # a choice, and two of its words
        "measure": "metric", "setting": "dataset",         # fields; each may be left out
        "subject": "method", "baseline": "baseline",
    }

Not here: the check itself (`extract.gaps`), and the tables (`extract.store.layout`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extract.gaps import StatedNumber
from extract.task import RecordKind, Task, TaskError, TaskField

_ROLES = ("measure", "setting", "subject", "baseline")
_NEEDED = ("of", "by", "gap", "value")
TABLE = "gaps"
"""What the table and the views of a task's gaps are called."""


@dataclass(frozen=True, slots=True)
class GapPlan:
    """The list that states gaps, the choice that tells gaps from values, and the other fields."""

    kind: str
    quantity: str
    by: str
    gap: str
    value: str
    roles: Mapping[str, str]

    def stated(
        self, position: int, sentence: int, text: str, row: Mapping[str, Any]
    ) -> StatedNumber | None:
        """Return one record's columns as a stated number; None where it is no gap and no value."""
        word = {self.gap: "delta", self.value: "score"}.get(row.get(self.by, ""))
        if word is None:
            return None
        prefix = "" if self.quantity == "value" else f"{self.quantity}_"
        return StatedNumber(
            value=str(row[self.quantity]),
            number=row.get(f"{prefix}number"),
            unit=row.get(f"{prefix}unit"),
            kind=word,
            sentence=sentence,
            sentence_text=text,
            relative=row.get(f"{prefix}relative"),
            comparator=row.get(f"{prefix}comparator") or "=",
            position=position,
            **{role: row.get(field) for role, field in self.roles.items()},
        )


def gap_plan(task: Task) -> GapPlan | None:
    """Return which records of *task* state gaps, None where it says nothing of them.

    Raises `TaskError` where `GAPS` names what the task has not.
    """
    declared = getattr(task.answer, "GAPS", None)
    if declared is None:
        return None
    said = {str(key): str(name) for key, name in dict(declared).items()}
    for key in _NEEDED:
        if key not in said:
            raise _wrong(task, f"has no {key!r}")
    for key in said:
        if key not in (*_NEEDED, *_ROLES):
            raise _wrong(task, f"has an unknown setting {key!r}")
    kind = next((k for k in task.kinds if k.name == said["of"]), None)
    if kind is None or kind.key is None or kind.key.type != "quantity":
        raise _wrong(task, f"names {said['of']!r}, which is no list of records with a quantity")
    choice = _field(task, kind, said["by"])
    for key in ("gap", "value"):
        if said[key] not in choice.choices:
            raise _wrong(task, f"names {said[key]!r}, which is no choice of {choice.name}")
    if any(k.name == TABLE for k in task.kinds):
        raise _wrong(task, f"would make a second table {TABLE!r} beside the list of that name")
    roles = {role: _field(task, kind, said[role]).name for role in _ROLES if role in said}
    return GapPlan(kind.name, kind.key.name, choice.name, said["gap"], said["value"], roles)


def _field(task: Task, kind: RecordKind, name: str) -> TaskField:
    """Return the field *name* of a list."""
    found = next((f for f in kind.fields if f.name == name), None)
    if found is None:
        raise _wrong(task, f"names the field {kind.name}.{name}, which there is not")
    return found


def _wrong(task: Task, what: str) -> TaskError:
    return TaskError(
        f"task {task.name}: GAPS {what}",
        hint="GAPS holds `of`, `by`, `gap` and `value`, and may hold " + ", ".join(_ROLES) + ".",
    )
