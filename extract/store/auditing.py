"""The coverage audit of a whole database: one report per extracted paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extract.audit import AuditReport, QuantitySpan, audit_paper
from extract.store.reading import check_task, facts, literal, papers
from extract.task import Task


def audit_database(db: Path, task: Task) -> dict[str, AuditReport]:
    """Return what became of each number of each paper that the task was run on.

    Raises `InputError` where it was run on none.
    """
    check_task(db, task)
    spans: dict[str, list[QuantitySpan]] = {}
    names: dict[str, list[str]] = {}
    for kind_name, rows in facts(db, task):
        kind = task.kind(kind_name)
        key = kind.key
        if key is None:
            continue
        for row in rows:
            if key.type == "quantity":
                span = QuantitySpan(row["sentence"] == 0, row["span_start"], row["span_end"])
                spans.setdefault(row["paper_id"], []).append(span)
            else:
                names.setdefault(row["paper_id"], []).extend(_forms(row, key.name))
    where = (
        f"paper_id in (select paper_id from current_extractions where task={literal(task.name)})"
    )
    return {
        paper["paper_id"]: audit_paper(
            paper["title"],
            paper["abstract"],
            spans.get(paper["paper_id"], []),
            sentences=[(span[0], span[1]) for span in paper["sentence_spans"]],
            names=names.get(paper["paper_id"], []),
        )
        for paper in papers(db, where)
    }


def _forms(row: dict[str, Any], name: str) -> list[str]:
    """Return the name of a record and its aliases."""
    return [row[name], *(row.get("aliases") or ())]
