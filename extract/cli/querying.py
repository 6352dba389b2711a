"""`paperfacts sql`: one read-only statement, and its rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Format = Literal["table", "json", "jsonl", "csv", "markdown"]


def sql(
    statement: str,
    *,
    db: Annotated[Path, Parameter(name="--db")] = Path("papers.duckdb"),
    format: Annotated[Format, Parameter(name=["--format", "-f"])] = "table",
    json_: Annotated[bool, Parameter(name="--json")] = False,
    limit: int = 1000,
    timeout: float = 30.0,
    raw: bool = False,
) -> None:
    """Run one read-only SQL statement on the database and print its rows.

    Tables: papers, methods, datasets, results, claims, completions, runs, mentions, metrics.
    Try: "select * from results_best limit 10".

    Parameters
    ----------
    statement
        One SELECT, WITH, FROM, PIVOT, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN; - reads it from
        standard input.
    db
        Database file.
    format
        How rows are printed.
    json_
        The same as --format json.
    limit
        Rows at most; 0 for all.
    timeout
        Seconds that the statement may take.
    raw
        Leave cells of --format csv that a spreadsheet would run as formulas as they are.
    """
    from extract.store.query import run_query
    from extract.tables import footer, render

    text = sys.stdin.read() if statement == "-" else statement
    result = run_query(db, text, max_rows=limit or None, timeout_s=timeout)
    chosen = "json" if json_ else format
    render(result, chosen, file=sys.stdout, raw=raw)
    if chosen != "table" and result.truncated:
        print(footer(result), file=sys.stderr)
