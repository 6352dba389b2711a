"""Every answer that facts were derived from, with those facts, as they are stored.

Of the extractions of one text and one answer only the newest counts: the others were replaced
when the library learnt to derive better. Reads only.

Not here: what people query (`reading`), and the comparison with what is derived now
(`extract.replaying`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extract.store.layout import history_table, task_tables
from extract.store.reading import Row, literal, rows_of
from extract.task import Task

CHUNK = 500
"""Extractions that are read at a time; tokens of local answers are long."""

_NEWEST = """
select extraction_id from extractions where task = {task}
qualify row_number() over (
    partition by paper_id, text_hash, completion_key
    order by created_at desc, derivation desc, extraction_id
) = 1
order by paper_id, extraction_id
"""
_DETAILS = """
select e.extraction_id, e.paper_id, e.task, e.text_hash, e.derivation, e.ask_id, e.run_id,
    e.completion_key, p.title, p.abstract, c.status, c.model, c.model_id, c.task_version,
    c.prompt_version, c.wire, c.request, c.content, c.answer, c.token_logprobs
from extractions e
left join papers p on p.paper_id = e.paper_id
left join completions c on c.completion_key = e.completion_key
where e.extraction_id in ({ids})
order by e.paper_id, e.extraction_id
"""


@dataclass(frozen=True)
class StoredExtraction:
    """An extraction with its rows; `source` has its paper and its answer, NULL where gone."""

    source: Row
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The rows by table: the lists of the task, its gaps, and `mentions`."""


def tasks_of(db: Path) -> list[str]:
    """Return the names of the tasks that a database has facts of."""
    return [row["task"] for row in rows_of(db, "select distinct task from extractions order by 1")]


def stored_extractions(db: Path, task: Task) -> Iterator[StoredExtraction]:
    """Yield the newest extraction of every text and answer."""
    ids = [row["extraction_id"] for row in rows_of(db, _NEWEST.format(task=literal(task.name)))]
    present = {
        row["table_name"]
        for row in rows_of(
            db, "select table_name from duckdb_tables() where schema_name = 'history'"
        )
    }
    tables = [name for name in task_tables(task) if f"{task.name}_{name}" in present]
    for start in range(0, len(ids), CHUNK):
        yield from _chunk(db, task, tables, ids[start : start + CHUNK])


def _chunk(
    db: Path, task: Task, tables: Sequence[str], ids: Sequence[str]
) -> Iterator[StoredExtraction]:
    """Yield the extractions of these ids."""
    listed = ", ".join(map(literal, ids))
    found = {
        row["extraction_id"]: StoredExtraction(row)
        for row in rows_of(db, _DETAILS.format(ids=listed))
    }
    sources = {name: history_table(task.name, name) for name in tables} | {"mentions": "mentions"}
    facts = " union all ".join(
        f"select {literal(name)} as name, extraction_id, to_json(f) as row_json"
        f" from {source} f where extraction_id in ({listed})"
        for name, source in sources.items()
    )
    for row in rows_of(db, facts):
        rows = found[row["extraction_id"]].rows
        rows.setdefault(row["name"], []).append(json.loads(row["row_json"]))
    yield from found.values()
