"""A table of the database as a file for other tools, written whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.exports import write_text
from extract.store.layout import identifier
from extract.store.parquet_out import write_rows
from extract.store.query import iter_query

SUFFIXES = {
    ".jsonl": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    ".md": "markdown",
}


def export_table(
    db: Path, table: str, to: Path, *, format: str | None = None, raw: bool = False
) -> int:
    """Write a table, or what a statement answers, to *to*; return the number of rows.

    `-` is standard output. The ending of *to* says the format where *format* does not.
    """
    chosen = format or SUFFIXES.get(to.suffix)
    if chosen is None:
        raise InputError(
            f"{to}: the ending names no format",
            hint=f"Use one of {', '.join(SUFFIXES)}, or --format.",
        )
    with iter_query(db, _statement(table)) as rows:
        every = chain.from_iterable(rows)
        if chosen == "parquet":
            return write_rows(to, rows.columns, every)
        counted = _Counted(every)
        names = [column.name for column in rows.columns]
        if str(to) == "-":
            write_text(names, counted, chosen, file=sys.stdout, raw=raw)
        else:
            _write_file(to, names, counted, chosen, raw)
    return counted.count


class _Counted:
    """Rows that are counted as they pass."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self.rows, self.count = rows, 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for row in self.rows:
            self.count += 1
            yield row


def _statement(table: str) -> str:
    """Return *table* where it is a statement, else the statement that selects all of it."""
    if len(table.split()) > 1:
        return table
    return "select * from " + ".".join(identifier(part) for part in table.split("."))


def _write_file(
    to: Path, names: list[str], rows: Iterable[tuple[Any, ...]], format: str, raw: bool
) -> None:
    partial = to.with_name(to.name + ".part")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            write_text(names, rows, format, file=file, raw=raw)
        partial.replace(to)
    except OSError as error:
        raise InputError(
            f"{to} cannot be written: {error.strerror}",
            hint="Check the folder and the space on its disk.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
