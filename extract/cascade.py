"""Which papers of a run deserve a second, better model, and what the second one changed.

A cheap model reads everything; a dear one reads what the first left in doubt:

    failed        it gave no valid answer
    unaccounted   the abstract states quantities that no fact holds
    doubtful      the mean confidence of its facts is low, where the model has confidences

Not here: the second run, which is an ordinary run over these papers alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.compare import FactSet, compare
from extract.differences import as_json, as_text
from extract.report import RunReport
from extract.store.auditing import audit_database
from extract.store.layout import identifier, task_schema
from extract.store.reading import literal, rows_of
from extract.store.selecting import selected_facts
from extract.task import Task
from extract.terminal import counted

BELOW = 0.6
"""Mean confidence under which a paper's facts are looked at again."""

REASONS = ("failed", "unaccounted", "doubtful")


def papers_in_doubt(
    db: Path, task: Task, report: RunReport, *, below: float = BELOW
) -> dict[str, str]:
    """Return the papers of a run's feed that are to be asked again, each with its first reason."""
    doubts = {failed.paper_id: "failed" for failed in report.failed}
    if not report.papers or len(doubts) == report.papers:
        return doubts
    own = {
        row["paper_id"]
        for row in rows_of(
            db,
            "select paper_id from papers join current_extractions using (paper_id)"
            f" where task = {literal(task.name)} and list_contains(feeds, {literal(report.feed)})",
        )
    }
    for paper_id, audit in audit_database(db, task).items():
        if paper_id in own and audit.unaccounted:
            doubts.setdefault(paper_id, "unaccounted")
    for paper_id in own & _unsure(db, task, below):
        doubts.setdefault(paper_id, "doubtful")
    return doubts


def _unsure(db: Path, task: Task, below: float) -> set[str]:
    """Return the papers whose facts have a mean confidence under *below*."""
    lists = " union all ".join(
        f"select paper_id, confidence from {task_schema(task.name)}.{identifier(k.name + '_all')}"
        for k in task.kinds
    )
    rows = rows_of(
        db,
        f"select paper_id from ({lists}) group by paper_id having avg(confidence) < {below!r}",
    )
    return {row["paper_id"] for row in rows}


@dataclass(frozen=True)
class SecondLook:
    """What the second model was asked, what that cost, and what it changed."""

    model: str
    reasons: Mapping[str, int]
    report: RunReport | None
    """The second run's; None where no paper was in doubt."""
    changes: dict[str, Any]
    text: str

    def as_json(self) -> dict[str, Any]:
        """The outcome as data, for `--json`."""
        return {
            "model": self.model,
            "papers": sum(self.reasons.values()),
            "reasons": dict(self.reasons),
            "run": self.report.as_json() if self.report else None,
            "changes": self.changes,
        }

    @property
    def exit_code(self) -> int:
        """That of the second run: what it answered is no failure any more."""
        return self.report.exit_code if self.report else 0

    def lines(self) -> list[str]:
        """Return what a person is told about the second look."""
        if self.report is None:
            return [f"then {self.model}: no paper was in doubt, nothing was asked"]
        doubts = ", ".join(f"{count} {reason}" for reason, count in self.reasons.items())
        usage, left = self.report.usage, self.report.left
        doubtful = sum(self.reasons.values())
        words = [
            f"then {self.model}: {counted(doubtful, 'paper')} in doubt ({doubts});"
            f" {self.report.asked} asked, {usage.input_tokens:,} tokens in,"
            f" {usage.output_tokens:,} out" + (f"; {left} left: the budget is reached" * bool(left))
        ]
        # Where nobody was asked there is no difference to show.
        return words if left == doubtful else [*words, self.text]


def facts_now(db: Path, task: Task, papers: Iterable[str]) -> FactSet:
    """Return the current facts of these papers; those without an extraction have none."""
    wanted = set(papers)
    current = rows_of(
        db, f"select 1 from current_extractions where task = {literal(task.name)} limit 1"
    )
    found = selected_facts(db, task, {}) if current else {}
    return {
        paper_id: found.get(paper_id, {kind.name: [] for kind in task.kinds}) for paper_id in wanted
    }


def second_look(
    before: FactSet, after: FactSet, task: Task, doubts: Mapping[str, str], report: RunReport
) -> SecondLook:
    """Return what changed between the facts of the first and of the second model."""
    comparison = compare(before, after, task)
    reasons = {
        reason: count
        for reason in REASONS
        if (count := sum(each == reason for each in doubts.values()))
    }
    return SecondLook(
        model=report.model,
        reasons=reasons,
        report=report,
        changes=as_json(comparison),
        text=as_text(comparison, most=10),
    )
