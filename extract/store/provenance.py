"""One paper with its facts, and where a fact came from. Reads only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.store.layout import history_table, identifier, task_schema
from extract.store.reading import Row, check_task, literal, one_paper, rows_of
from extract.task import RecordKind, Task
from extract.terminal import shell_word

LISTED = 10
"""How many papers are listed at most where several could be meant."""


@dataclass(frozen=True)
class Origin:
    """A fact, the request that was sent, and the completion that it came from.

    `is_current` is False for a fact that the views no longer show: another extraction of its
    paper took its place.
    """

    kind: RecordKind
    fact: Row
    request: dict[str, Any]
    completion: Row
    is_current: bool

    def document(self) -> dict[str, Any]:
        """Return all of it as one JSON document."""
        return {
            "schema_version": 1,
            "kind": self.kind.name,
            "is_current": self.is_current,
            "fact": self.fact,
            "request": self.request,
            "completion": self.completion,
        }


def find_paper(db: Path, wanted: str) -> Row:
    """Return the paper that *wanted* means; `InputError` where it is none or several."""
    found = one_paper(db, wanted)
    if not found:
        raise InputError(
            f"no paper {wanted!r} in {db}",
            hint='List them with: paperfacts sql "select paper_id, title from papers"'
            f" --db {shell_word(db)}",
        )
    if len(found) > 1:
        lines = [
            f"  {row['paper_id']}  {' '.join(row['title'].split())[:60]}" for row in found[:LISTED]
        ]
        if len(found) > LISTED:
            lines.append(f"  and {len(found) - LISTED} more")
        raise InputError(
            "\n".join([f"{len(found)} papers match {wanted!r}:", *lines]),
            hint="Say more of the title, or give the paper_id.",
        )
    return found[0]


def facts_of_paper(db: Path, task: Task, paper_id: str) -> dict[str, list[Row]]:
    """Return the current facts of one paper, those not found in the text too.

    Raises `InputError` where the task was run on no paper.
    """
    check_task(db, task)
    # A query is a process of its own, so all lists come in one.
    queries = (
        f"select {literal(kind.name)} as kind, position, to_json(f) as fact"
        f" from {task_schema(task.name)}.{identifier(kind.name + '_all')} f"
        f" where paper_id = {literal(paper_id)}"
        for kind in task.kinds
    )
    facts: dict[str, list[Row]] = {kind.name: [] for kind in task.kinds}
    for row in rows_of(db, " union all ".join(queries) + " order by kind, position"):
        facts[row["kind"]].append(json.loads(row["fact"]))
    return facts


def mentions_of_paper(db: Path, task: Task, paper_id: str) -> list[Row]:
    """Return every place where a name of the paper's current facts stands."""
    return rows_of(
        db,
        "select m.kind, m.sentence, m.span_start, m.span_end from mentions m"
        " join current_extractions using (extraction_id)"
        f" where task = {literal(task.name)} and m.paper_id = {literal(paper_id)}",
    )


def origin_of(db: Path, task: Task, fact_id: str) -> Origin:
    """Return where the fact of that id came from; `InputError` where there is none.

    Facts that are not current any more are found too.
    """
    check_task(db, task)
    queries = (
        f"select {literal(kind.name)} as kind, to_json(f) as fact,"
        " f.extraction_id in (select extraction_id from current_extractions) as is_current,"
        f" to_json(c) as completion from {history_table(task.name, kind.name)} f"
        f" join completions c using (completion_key) where f.fact_id = {literal(fact_id)}"
        for kind in task.kinds
    )
    rows = rows_of(db, " union all ".join(queries))
    if not rows:
        raise InputError(
            f"no fact {fact_id!r} of the task {task.name} in {db}",
            hint=f'A fact_id stands in every row: paperfacts sql "select * from'
            f' {task.kinds[0].name}" --db {shell_word(db)}',
        )
    found = rows[0]
    completion = json.loads(found["completion"])
    return Origin(
        task.kind(found["kind"]),
        json.loads(found["fact"]),
        json.loads(completion["request"] or "{}"),
        completion,
        found["is_current"],
    )
