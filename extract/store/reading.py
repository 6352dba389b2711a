"""What the database says about papers, as plain values: their text, facts and mentions.

Reads go through the same child process as people's queries, under the same limits on what a
statement may do. Not here: people's own SQL (`query`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from extract.errors import InputError, QueryError, StoreError
from extract.store.layout import identifier, task_schema
from extract.store.query import run_query
from extract.task import Task
from extract.terminal import shell_word

Row = dict[str, Any]


def rows_of(db: Path, sql: str) -> list[Row]:
    """Return the rows of one statement, each as a dictionary."""
    try:
        result = run_query(db, sql, max_rows=None, timeout_s=300)
    except QueryError as error:
        if not str(error).startswith(("Catalog Error", "Binder Error")):
            raise
        # The statement is ours, so the tables are not: an older file, or another program's.
        raise StoreError(
            f"{db} lacks a table or column that is read here: {str(error).partition(chr(10))[0]}",
            hint=f"Look at it with: paperfacts doctor {db}",
        ) from error
    names = [column.name for column in result.columns]
    return [dict(zip(names, row, strict=True)) for row in result.rows]


def literal(text: str) -> str:
    """Quote *text* as a SQL string; the query's child process takes no parameters."""
    return "'" + text.replace("'", "''") + "'"


def check_task(db: Path, task: Task) -> None:
    """Raise `InputError` where the task was not run on any paper of *db*."""
    held = [row["task"] for row in rows_of(db, "select distinct task from task_kinds order by 1")]
    if task.name in held:
        return
    # The rows are read by the task's schema, and the database has its name only.
    hint = (
        f"The database has the task {', '.join(held)}: give that after --task, a task of your own"
        " as the path of its folder."
        if held
        else f"Run it first, with the same --task: paperfacts run FEED --db {shell_word(db)}"
    )
    raise InputError(f"the task {task.name} was not run on any paper of {db}", hint=hint)


def papers(db: Path, where: str = "true") -> list[Row]:
    """Return the stored papers that a condition picks."""
    return rows_of(db, f"select * from papers where {where} order by paper_id")


def facts(db: Path, task: Task, *, missing: bool = False) -> Iterator[tuple[str, list[Row]]]:
    """Yield each record kind with its current facts, in the order of the answers."""
    for kind in task.kinds:
        name = f"{task_schema(task.name)}.{identifier(kind.name + ('_all' if missing else ''))}"
        yield kind.name, rows_of(db, f"select * from {name} order by paper_id, position")


def annotated_papers(db: Path, task: Task) -> dict[str, Row]:
    """Return the database as annotations in the format of `paperfacts eval`, by paper id.

    Papers without an extraction of this task are left out: they were not looked at.
    """
    extracted = (
        f"paper_id in (select paper_id from current_extractions where task = {literal(task.name)})"
    )
    found: dict[str, Row] = {}
    for paper in papers(db, extracted):
        found[paper["paper_id"]] = {
            "id": paper["paper_id"],
            "title": paper["title"],
            "abstract": paper["abstract"],
            "sentences": [list(span) for span in paper["sentence_spans"]],
            **{kind.name: [] for kind in task.kinds},
        }
    for kind, rows in facts(db, task):
        names = [f.name for f in task.kind(kind).fields]
        for row in rows:
            if row["paper_id"] in found:
                found[row["paper_id"]][kind].append({name: row.get(name) for name in names})
    return found


def one_paper(db: Path, wanted: str) -> Sequence[Row]:
    """Return the papers that *wanted* may mean: an id, its beginning, or words of a title."""
    text = literal(wanted)
    for condition in (
        f"paper_id = {text}",
        f"starts_with(paper_id, {text})",
        f"contains(lower(title), lower({text}))",
    ):
        if rows := papers(db, condition):
            return rows
    return []
