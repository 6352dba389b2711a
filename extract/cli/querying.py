"""`paperfacts sql`: one read-only statement, and its rows."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

_WIDTH = 80  # of a terminal that does not say its own
Format = Literal["table", "json", "jsonl", "csv", "markdown"]


def sql(
    statement: Annotated[str, Parameter(allow_leading_hyphen=True)],
    *,
    db: Annotated[Path | None, Parameter(name="--db")] = None,
    format: Annotated[Format, Parameter(name=["--format", "-f"])] = "table",
    json_: Annotated[bool, Parameter(name="--json")] = False,
    limit: int = 1000,
    timeout: float = 30.0,
    raw: bool = False,
) -> None:
    """Run one read-only SQL statement on the database and print its rows.

    On a terminal a table fits its width: long texts are cut, and rows too wide for a line are
    shown as records. Piped output and every other --format are complete.

    Tables: papers, methods, datasets, results, claims, completions, runs, mentions, metrics.
    Try: "select * from results_best limit 10".

    Parameters
    ----------
    statement
        One SELECT, WITH, FROM, PIVOT, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN; - reads it from
        standard input.
    db
        Database file; what the settings name by default, or papers.duckdb.
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
    from extract.cli.database import stored_database
    from extract.store.query import run_query
    from extract.tables import footer, render

    text = sys.stdin.read() if statement == "-" else statement
    result = run_query(stored_database(db), text, max_rows=limit or None, timeout_s=timeout)
    chosen = "json" if json_ else format
    render(result, chosen, file=sys.stdout, width=_width(), raw=raw)
    if chosen != "table" and result.truncated:
        print(footer(result), file=sys.stderr)


def _width() -> int | None:
    """Return the width of the terminal; None where the rows go into a pipe or a file."""
    if not sys.stdout.isatty():
        return None
    # COLUMNS wins over what the terminal says, as in other tools.
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or _WIDTH
    except OSError:
        return _WIDTH
