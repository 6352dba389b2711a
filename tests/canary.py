"""The key that no test may find again anywhere, and the search for it.

Every test that calls a model does so with this key. After each test everything it left is
searched: what was printed and logged by it and by the processes it started, and every file in
its folder, databases, reports and recordings included.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import duckdb

KEY = "sk-canary-5f1d0c7e9b42"

RECORDED: list[str] = []
"""What a user could get to see: outcomes, errors, the output of processes. Emptied per test."""

LARGEST_FILE = 64 << 20


def words_with_key(records: list[logging.LogRecord], *printed: str) -> list[str]:
    """Return everything said since the test began that holds the key, shortened."""
    said = [*RECORDED, *printed, *(str(vars(record)) for record in records)]
    return [_around(words) for words in said if KEY in words]


def files_with_key(folder: Path) -> list[str]:
    """Return the files below *folder* that hold the key, in their bytes or in a column."""
    return sorted(
        str(path) for path in _files(folder) if _is_in_bytes(path) or _is_in_database(path)
    )


def _files(folder: Path) -> Iterator[Path]:
    """Yield the regular files below *folder*; links are not followed."""
    for path in folder.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST_FILE:
                yield path
        except OSError:
            continue  # gone, or on a disk that a test has filled


def _is_in_bytes(path: Path) -> bool:
    try:
        return KEY.encode() in path.read_bytes()
    except OSError:
        return False


def _is_in_database(path: Path) -> bool:
    """Search the columns too: DuckDB compresses its strings."""
    if path.suffix != ".duckdb" or not path.stat().st_size:
        return False
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables() where not internal"
            ).fetchall()
            return any(_is_in_table(connection, *table) for table in tables)
    except duckdb.Error:
        return False  # damaged or open elsewhere on purpose: its bytes were searched


def _is_in_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    name = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, table))
    found = connection.execute(
        f"select count(*) from {name} as row where contains(row::varchar, ?)", [KEY]
    ).fetchone()
    return bool(found and found[0])


def _around(words: str) -> str:
    at = words.index(KEY)
    return words[max(0, at - 200) : at + 200]
