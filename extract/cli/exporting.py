"""`paperfacts export`: a table of the database as a file for other tools."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from extract.errors import InputError

SUFFIXES = {
    ".jsonl": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    ".md": "markdown",
}


def export(
    table: str,
    *,
    to: Path,
    db: Annotated[Path, Parameter(name="--db")] = Path("papers.duckdb"),
    format: Literal["jsonl", "json", "csv", "parquet", "markdown"] | None = None,
    raw: bool = False,
) -> None:
    """Write a table or view (papers, methods, datasets, results, claims, ...) to a file.

    Parameters
    ----------
    table
        Name of the table or view, or a SELECT statement.
    to
        File to write; its ending says the format. - for standard output.
    db
        Database file.
    format
        jsonl, json, csv, parquet or markdown, where the ending does not say.
    raw
        Leave CSV cells that a spreadsheet would run as formulas as they are.
    """
    from extract.exports import write_text
    from extract.store.layout import identifier
    from extract.store.parquet_out import write_rows
    from extract.store.query import iter_query

    chosen = format or SUFFIXES.get(to.suffix)
    if chosen is None:
        raise InputError(
            f"{to}: the ending names no format",
            hint=f"Use one of {', '.join(SUFFIXES)}, or --format.",
        )
    is_statement = len(table.split()) > 1
    quoted = ".".join(identifier(part) for part in table.split("."))
    statement = table if is_statement else f"select * from {quoted}"
    with iter_query(db, statement) as rows:
        every = chain.from_iterable(rows)
        if chosen == "parquet":
            count = write_rows(to, rows.columns, every)
            print(f"paperfacts: {count} rows written to {to}", file=sys.stderr)
            return
        names = [column.name for column in rows.columns]
        if str(to) == "-":
            write_text(names, every, chosen, file=sys.stdout, raw=raw)
            return
        partial = to.with_name(to.name + ".part")
        try:
            with partial.open("w", encoding="utf-8", newline="") as file:
                write_text(names, every, chosen, file=file, raw=raw)
        except OSError as error:
            raise InputError(
                f"{to} cannot be written: {error.strerror}",
                hint="Check the folder and the space on its disk.",
            ) from error
        partial.replace(to)
    print(f"paperfacts: written to {to}", file=sys.stderr)
