"""The facts of some of a database's extractions: those of one run, model or prompt.

History keeps every extraction, so two models' facts of the same papers can lie in one file.
What is picked is one extraction for each paper: the newest of those that fit, an extraction of
the paper's present text before any other.

Not here: the facts that count, which people query (`extract.store.reading`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.store.layout import SHOWN, history_table
from extract.store.reading import literal, rows_of
from extract.task import Task
from extract.terminal import shell_word

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
    for name, value in _full_values(db, task, wanted).items():
        where.append(f"{SELECTORS[name]} = {literal(value)}")
    if not wanted:
        where.append("e.extraction_id in (select extraction_id from current_extractions)")
    papers: dict[str, dict[str, Any]] = {}
    for row in rows_of(db, _statement(task, " and ".join(where))):
        if row["kind"] is None:
            papers[row["paper_id"]] = json.loads(row["fact"]) | {k.name: [] for k in task.kinds}
        else:
            papers[row["paper_id"]][row["kind"]].append(json.loads(row["fact"]))
    if not papers:
        fitting = f" that fits all of {_words(wanted)}" if wanted else ""
        raise InputError(
            f"{db} has no extraction of the task {task.name}{fitting}", hint=_what_there_is(db)
        )
    return papers


def _statement(task: Task, where: str) -> str:
    """Return one query for papers and facts: a query is a process of its own, and costs that."""
    facts = "".join(
        f"""
        union all
        select {number}, {literal(kind.name)}, f.paper_id, f.position, to_json(f)
        from {history_table(task.name, kind.name)} f
        where {SHOWN} and f.extraction_id in (select extraction_id from chosen)"""
        for number, kind in enumerate(task.kinds, 1)
    )
    # Of a text that has changed since, only the hash is left.
    return f"""
        with chosen as (
            select e.extraction_id, p.paper_id, p.title, e.text_hash,
                case when e.text_hash = p.text_hash then p.abstract end as abstract
            {_FROM} where {where}
            qualify row_number() over (
                partition by e.paper_id
                order by e.text_hash = p.text_hash desc, e.created_at desc, e.extraction_id
            ) = 1
        )
        select 0 as number, null as kind, paper_id, 0 as position,
            to_json(struct_pack(id := paper_id, title, abstract, text_hash)) as fact
        from chosen {facts}
        order by number, paper_id, position"""


def _full_values(db: Path, task: Task, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return the stored values that are meant: each itself, or the only one that begins so."""
    if not wanted:
        return {}
    columns = ", ".join(f"{column} as {name}" for name, column in SELECTORS.items())
    rows = rows_of(
        db, f"select distinct {columns} {_FROM} where e.task = {literal(task.name)} order by all"
    )
    return {
        name: _full_value(db, name, value, list(dict.fromkeys(row[name] for row in rows)))
        for name, value in wanted.items()
    }


def _full_value(db: Path, name: str, value: str, stored: Sequence[str]) -> str:
    fitting = [value] if value in stored else [each for each in stored if each.startswith(value)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InputError(
            f"{db}: {name}={value} means {len(fitting)} of them: {', '.join(fitting[:5])}",
            hint="Write more of it.",
        )
    raise InputError(
        f"{db} has no facts of {name} {value!r}",
        hint=f"It has: {', '.join(stored[:8]) or 'none'}.",
    )


def _words(wanted: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in wanted.items())


def _what_there_is(db: Path) -> str:
    return (
        'What there is: paperfacts sql "select distinct e.task, e.run_id, model, prompt_version'
        f' from extractions e join completions using (completion_key)" --db {shell_word(db)}'
    )
