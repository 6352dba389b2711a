"""The facts of some of a database's extractions: those of one run, model or prompt.

History keeps every extraction, so two models' facts of the same papers can lie in one file.
What is picked is one extraction for each paper: the newest of those that fit, an extraction of
the paper's present text before any other.

Not here: the facts that count, which people query (`extract.store.reading`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.store.layout import history_table
from extract.store.reading import literal, rows_of
from extract.task import Task

SELECTORS = {"run": "e.run_id", "model": "c.model", "prompt": "c.prompt_version"}
"""What an extraction can be picked by, and the column that says it."""

_FROM = """
from extractions e
join completions c using (completion_key)
join papers p on p.paper_id = e.paper_id
"""


def selected_facts(db: Path, task: Task, wanted: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the papers with their facts that are found in the text, by paper id.

    *wanted* maps selectors to values; without any, it is the current extractions. A paper
    without an extraction that fits is left out. Raises `InputError` where none fits at all.
    """
    where = [f"e.task = {literal(task.name)}"]
    for name, value in wanted.items():
        full = _full_value(db, task, name, value)
        where.append(f"{SELECTORS[name]} = {literal(full)}")
    if not wanted:
        where.append("e.extraction_id in (select extraction_id from current_extractions)")
    chosen = f"""{_FROM} where {" and ".join(where)}
        qualify row_number() over (
            partition by e.paper_id
            order by e.text_hash = p.text_hash desc, e.created_at desc, e.extraction_id
        ) = 1"""
    columns = "p.paper_id, p.title, p.abstract, e.text_hash, e.text_hash = p.text_hash is_present"
    papers: dict[str, dict[str, Any]] = {}
    for row in rows_of(db, f"select {columns} {chosen}"):
        papers[row["paper_id"]] = {
            "id": row["paper_id"],
            "title": row["title"],
            "text_hash": row["text_hash"],
            # Of a text that has changed since, only the hash is left.
            **({"abstract": row["abstract"]} if row["is_present"] else {}),
            **{kind.name: [] for kind in task.kinds},
        }
    if not papers:
        raise InputError(
            f"{db} has no extraction of the task {task.name} that fits all of"
            f" {', '.join(f'{name}={value}' for name, value in wanted.items())}"
            if wanted
            else f"{db} has no extractions of the task {task.name}",
            hint="What there is: paperfacts sql"
            ' "select distinct e.run_id, model, prompt_version from extractions e'
            f' join completions using (completion_key)" --db {db}',
        )
    for kind in task.kinds:
        sql = (
            f"select * from {history_table(task.name, kind.name)} where alignment <> 'missing'"
            f" and extraction_id in (select e.extraction_id {chosen})"
        )
        for row in rows_of(db, sql):
            papers[row["paper_id"]][kind.name].append(row)
    return papers


def _full_value(db: Path, task: Task, name: str, value: str) -> str:
    """Return the stored value that *value* means: itself, or the only one that begins so."""
    column = SELECTORS[name]
    task_is = f"e.task = {literal(task.name)}"
    rows = rows_of(db, f"select distinct {column} as stored {_FROM} where {task_is} order by 1")
    stored = [row["stored"] for row in rows]
    fitting = [each for each in stored if each.startswith(value)]
    if value in stored or len(fitting) == 1:
        return value if value in stored else fitting[0]
    if fitting:
        raise InputError(
            f"{db}: {name}={value} means {len(fitting)} of them: {', '.join(fitting[:5])}",
            hint="Write more of it.",
        )
    raise InputError(
        f"{db} has no facts of {name} {value!r}",
        hint=f"It has: {', '.join(stored[:8]) or 'none'}.",
    )
