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

from extract.terminal import safe_text

if TYPE_CHECKING:
    from extract.store.provenance import Origin
    from extract.task import Task

Row = dict[str, Any]
STYLES = ("\x1b[1;36m", "\x1b[1;35m", "\x1b[1;33m", "\x1b[4m")
RESET = "\x1b[0m"
WIDTH = 96


def show_paper(
    paper: str,
    *,
    db: Annotated[Path | None, Parameter(name="--db")] = None,
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
        Database file; what the settings name by default, or papers.duckdb.
    task
        The task whose facts are shown.
    trust_code
        Let a schema.py of the task's folder run.
    why
        Show where one row came from.
    json_
        Print as JSON.
    """
    from extract.cli.database import stored_database
    from extract.store.provenance import facts_of_paper, find_paper, mentions_of_paper, origin_of
    from extract.tasks import load_task

    database = stored_database(db)
    chosen = load_task(task, trust_code=trust_code)
    if why:
        origin = origin_of(database, chosen, paper)
        if json_:
            _print_json(origin.document())
        else:
            _print_origin(origin)
        return
    found = find_paper(database, paper)
    facts = facts_of_paper(database, chosen, found["paper_id"])
    if json_:
        _print_json({"schema_version": 1, "paper": found, "facts": facts})
    else:
        _print_paper(chosen, found, facts, mentions_of_paper(database, chosen, found["paper_id"]))


def _print_paper(
    task: Task, paper: Row, facts: dict[str, list[Row]], mentions: Sequence[Row]
) -> None:
    """Print title, abstract and facts; names are marked wherever they stand."""
    is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    marks: list[tuple[bool, int, int, str]] = []
    for kind, style in zip(task.kinds, STYLES * len(task.kinds), strict=False):
        if kind.key is None:
            continue
        marks += [
            (row["sentence"] == 0, row["span_start"], row["span_end"], style)
            for row in [*facts[kind.name], *(m for m in mentions if m["kind"] == kind.name)]
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
    """Return *text* with its spans highlighted; where two overlap the longer one is kept."""
    kept: list[tuple[int, int, str]] = []
    for span in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if all(span[1] <= start or end <= span[0] for start, end, _ in kept):
            kept.append(span)
    parts, at = [], 0
    for start, end, style in sorted(kept):
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


def _print_origin(origin: Origin) -> None:
    """Print a fact, its sentence, the request and the completion that it came from."""
    fact, completion = origin.fact, origin.completion
    print(safe_text(f"{origin.kind.name}: {_fact_line(origin.kind.fields, fact)}"))
    if fact["sentence"] is None:
        print(safe_text(f"in no sentence: {fact['reason'] or 'its words are nowhere'}"))
    else:
        print(safe_text(f"sentence {fact['sentence']}: {fact['evidence']}"))
    if not origin.is_current:
        print("not current: a later extraction of the paper took its place")
    weights = f" ({completion['model_id']})" if completion["model_id"] else ""
    print(
        safe_text(
            f"model {completion['model']}{weights}, prompt {completion['prompt_version']},"
            f" run {completion['run_id']}, {completion['created_at'][:19]} UTC"
        )
    )
    for message in origin.request.get("messages", ()):
        print(safe_text(f"\n--- {message['role']}\n{message['content']}", keep="\n"))
    print(
        safe_text(
            f"\n--- completion {completion['completion_key']}\n{completion['content']}", keep="\n"
        )
    )


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=1, default=str))
