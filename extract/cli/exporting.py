"""`paperfacts export`: a table of the database as a file for other tools."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def export(
    table: str,
    *,
    to: Annotated[Path, Parameter(allow_leading_hyphen=True)],
    db: Annotated[Path | None, Parameter(name="--db")] = None,
    format: Literal["jsonl", "json", "csv", "parquet", "markdown"] | None = None,
    raw: bool = False,
) -> None:
    """Write a table or view (papers, methods, datasets, results, claims, ...) to a file.

    Parameters
    ----------
    table
        Name of the table or view, or a SELECT statement.
    to
        File to write, in place of one of that name; its ending says the format. - for standard
        output.
    db
        Database file; what the settings name by default, or papers.duckdb.
    format
        jsonl, json, csv, parquet or markdown, where the ending does not say.
    raw
        Leave CSV cells that a spreadsheet would run as formulas as they are.
    """
    from extract.cli.database import stored_database
    from extract.store.exporting import export_table

    count = export_table(stored_database(db), table, to, format=format, raw=raw)
    if str(to) != "-":
        print(
            f"paperfacts: {count} {'row' if count == 1 else 'rows'} written to {to}",
            file=sys.stderr,
        )
