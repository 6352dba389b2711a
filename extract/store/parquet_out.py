"""Write the rows of a query to a Parquet file.

The rows go through JSON lines in a file beside the target, so that a result of any length
needs no more memory than a chunk, and get back the types that they had in the query. The
target is replaced only by a file that is complete.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from extract.cells import json_text, unique_names
from extract.errors import InputError
from extract.store.query import Column

#: Types that Parquet, or DuckDB's way there from JSON, knows not at all or with less in them.
_AS_TEXT = re.compile(
    r"\b(INTERVAL|BIT|BLOB|BIGNUM|UHUGEINT|TIMETZ|TIME WITH TIME ZONE|TIME_NS|TIMESTAMPTZ_NS"
    r"|ENUM|NULL|JSON|GEOMETRY)\b"
)
_NO_COLUMNS = re.compile(r"\b(UNION|VARIANT|TUPLE|MAP)\b")
#: What `sum` of integers gives: a number wherever it fits, a text otherwise.
_HUGE = re.compile(r"\bHUGEINT\b")
_LONGEST_ROW = 1024 * 2**20


def write_rows(path: Path, columns: list[Column], rows: Iterable[tuple[Any, ...]]) -> int:
    """Write *rows* of *columns* to the Parquet file *path* and return how many there were."""
    import duckdb

    names = unique_names([column.name for column in columns])
    with _beside(path) as folder:
        lines, target = Path(folder, "rows.jsonl"), Path(folder, "rows.parquet")
        count = _write_lines(lines, len(names), rows)
        with duckdb.connect(":memory:", config={"python_enable_replacements": False}) as connection:
            connection.execute("set enable_progress_bar = false")
            try:
                connection.execute(_copy(names, columns, lines, target, huge="DECIMAL(38,0)"))
            except duckdb.Error:
                connection.execute(_copy(names, columns, lines, target, huge="VARCHAR"))
        os.replace(target, path)
    return count


def _beside(path: Path) -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def _write_lines(path: Path, width: int, rows: Iterable[tuple[Any, ...]]) -> int:
    """Write *rows* as JSON lines with the keys c0, c1, …"""
    keys = [f'"c{place}": ' for place in range(width)]
    count = 0
    with path.open("w", encoding="utf-8", errors="replace") as file:
        for row in rows:
            count += 1
            pairs = zip(keys, row, strict=True)
            file.write("{" + ", ".join([key + _value(value) for key, value in pairs]) + "}\n")
    return count


def _value(value: Any) -> str:
    # Longer numbers lose digits on DuckDB's way from JSON unless they are text.
    text = json_text(value)
    return f'"{text}"' if len(text) > 15 and text[0] in "-0123456789" else text


def _copy(names: list[str], columns: list[Column], lines: Path, target: Path, *, huge: str) -> str:
    """Return the statement that turns the lines into Parquet."""
    types = ", ".join(
        f"c{place}: {_literal(_stored_type(column.type, huge))}"
        for place, column in enumerate(columns)
    )
    shown = ", ".join(
        f"c{place}{'::BLOB' if column.type == 'BLOB' else ''} as {_identifier(name)}"
        for place, (name, column) in enumerate(zip(names, columns, strict=True))
    )
    return (
        f"copy (\n  select {shown}\n  from read_json({_literal(str(lines))},"
        f" format = 'newline_delimited', columns = {{{types}}},"
        f" maximum_object_size = {_LONGEST_ROW})\n) to {_literal(str(target))} (format parquet)"
    )


def _stored_type(name: str, huge: str) -> str:
    if _NO_COLUMNS.search(name):
        return "VARCHAR"
    return _HUGE.sub(huge, _AS_TEXT.sub("VARCHAR", name))


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
