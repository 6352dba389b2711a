"""`paperfacts show`: one paper in the terminal, its evidence highlighted, its facts below."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from extract.errors import InputError
from extract.terminal import safe_text

if TYPE_CHECKING:
    from extract.task import Task

Row = dict[str, Any]
STYLES = ("\x1b[1;36m", "\x1b[1;35m", "\x1b[1;33m", "\x1b[4m")
RESET = "\x1b[0m"
WIDTH = 96


def show_paper(
    paper: str,
    *,
    db: Annotated[Path, Parameter(name="--db")] = Path("papers.duckdb"),
    task: str = "facts",
    trust_code: bool = False,
    why: bool = False,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Show a paper with the words that state its facts highlighted.

    Without colours the words stand between [ and ]. With --why, PAPER is the fact_id of a row,
    and the request and the completion that it came from are printed with it.

    Parameters
    ----------
    paper
        A paper_id, its beginning, or words of the title; with --why a fact_id.
    db
        Database file.
    task
        The task whose facts are shown.
    trust_code
        Let a schema.py of the task's folder run.
    why
        Show where one row came from.
    json_
        Print as JSON.
    """
    from extract.store.reading import one_paper
    from extract.tasks import load_task

    chosen = load_task(task, trust_code=trust_code)
    if why:
        _print_why(db, chosen, paper, json_)
        return
    found = one_paper(db, paper)
    if not found:
        raise InputError(
            f"no paper {paper!r} in {db}",
            hint='List them with: paperfacts sql "select paper_id, title from papers"',
        )
    if len(found) > 1:
        names = "; ".join(f"{row['paper_id']} {row['title'][:50]}" for row in found[:5])
        raise InputError(f"{len(found)} papers match {paper!r}: {names}", hint="Say more of it.")
    facts = _facts_of(db, chosen, found[0]["paper_id"])
    if json_:
        document = {"schema_version": 1, "paper": found[0], "facts": facts}
        print(json.dumps(document, ensure_ascii=False, indent=1, default=str))
        return
    _print_paper(chosen, found[0], facts)


def _facts_of(db: Path, task: Task, paper_id: str) -> dict[str, list[Row]]:
    """Return the current facts of one paper, those not found in the text too."""
    from extract.store.layout import identifier, task_schema
    from extract.store.reading import literal, rows_of

    facts = {}
    for kind in task.kinds:
        table = f"{task_schema(task.name)}.{identifier(kind.name + '_all')}"
        where = f"paper_id = {literal(paper_id)}"
        facts[kind.name] = rows_of(db, f"select * from {table} where {where} order by position")
    return facts


def _print_paper(task: Task, paper: Row, facts: dict[str, list[Row]]) -> None:
    """Print title, abstract and facts."""
    is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    marks: list[tuple[bool, int, int, str]] = []
    for kind, style in zip(task.kinds, STYLES * len(task.kinds), strict=False):
        if kind.key is None:
            continue
        marks += [
            (row["sentence"] == 0, row["span_start"], row["span_end"], style)
            for row in facts[kind.name]
            if row["span_start"] is not None
        ]
    print(safe_text(f"{paper['paper_id']}  {paper['url'] or ''}").rstrip())
    print(_marked(paper["title"], [m[1:] for m in marks if m[0]], is_coloured))
    print()
    body = [m[1:] for m in marks if not m[0]]
    for number, (start, end) in enumerate(paper["sentence_spans"], 1):
        own = [(s - start, e - start, style) for s, e, style in body if start <= s and e <= end]
        line = _marked(paper["abstract"][start:end].replace("\n", " "), own, is_coloured)
        wrapped = textwrap.fill(
            line,
            WIDTH,
            initial_indent=f"[{number}] ",
            subsequent_indent="    ",
            break_long_words=False,
        )
        print(wrapped)
    for kind in task.kinds:
        print(f"\n{kind.name} ({len(facts[kind.name])})")
        for row in facts[kind.name]:
            print(safe_text("  " + _fact_line(kind.fields, row)))


def _marked(text: str, spans: Sequence[tuple[int, int, str]], is_coloured: bool) -> str:
    """Return *text* with its spans highlighted; where two overlap the first is kept."""
    parts, at = [], 0
    for start, end, style in sorted(spans):
        if start < at:
            continue
        parts.append(safe_text(text[at:start]))
        inner = safe_text(text[start:end])
        parts.append(f"{style}{inner}{RESET}" if is_coloured else f"[{inner}]")
        at = end
    return "".join([*parts, safe_text(text[at:])])


def _fact_line(fields: Sequence[Any], row: Row) -> str:
    """Return one fact in a line: its fields, where it stands, and its id."""
    parts = []
    for f in fields:
        value = row.get(f.name)
        if f.type == "sentence" or value in (None, []):
            continue
        parts.append(f"{f.name}: {', '.join(value) if isinstance(value, list) else value}")
    place = f"[{row['sentence']}]" if row["sentence"] is not None else f"[{row['alignment']}]"
    return f"{place} {' | '.join(parts)}  ({row['fact_id']})"


def _print_why(db: Path, task: Task, fact_id: str, as_json: bool) -> None:
    """Print a fact, its sentence, the request and the completion that it came from."""
    from extract.store.layout import identifier, task_schema
    from extract.store.reading import literal, rows_of

    for kind in task.kinds:
        table = f"{task_schema(task.name)}.{identifier(kind.name + '_all')}"
        rows = rows_of(db, f"select * from {table} where fact_id = {literal(fact_id)}")
        if rows:
            break
    else:
        raise InputError(
            f"no fact {fact_id!r} in {db}",
            hint='A fact_id stands in every row: paperfacts sql "select fact_id, * from results"',
        )
    fact = rows[0]
    key = literal(fact["completion_key"])
    completion = rows_of(db, f"select * from completions where completion_key = {key}")[0]
    request = json.loads(completion["request"])
    if as_json:
        document = {"fact": fact, "request": request, "completion": completion}
        print(json.dumps(document, ensure_ascii=False, indent=1, default=str))
        return
    print(safe_text(f"{kind.name}: {_fact_line(kind.fields, fact)}"))
    print(safe_text(f"sentence {fact['sentence']}: {fact['evidence']}"))
    print()
    print(
        safe_text(
            f"model {completion['model']} ({completion['model_id']}), prompt"
            f" {completion['prompt_version']}, run {completion['run_id']}"
        )
    )
    for message in request["messages"]:
        print(safe_text(f"\n--- {message['role']}\n{message['content']}", keep="\n"))
    print(
        safe_text(
            f"\n--- completion {completion['completion_key']}\n{completion['content']}", keep="\n"
        )
    )
