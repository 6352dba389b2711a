"""What wrote a database, and bringing an older one up to date.

A file is looked at before it is opened for writing, which would take in and delete its log: a
newer one is left as it is, and one that has lost commits is first copied aside. An older one is
copied too, and gets the tables and columns that it lacks, in one commit. All of them may be
null, so `layout.TABLES` says everything that a migration needs to know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from extract.errors import StoreError
from extract.store.connection import connected
from extract.store.copying import copy_aside, wal_path
from extract.store.faults import not_ours
from extract.store.layout import (
    META,
    SCHEMA_VERSION,
    TABLES,
    Columns,
    base_statements,
    identifier,
)
from extract.store.state import read_state
from extract.version import tool_version

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class Found:
    """What a database file says of itself; `schema_version` is None where it says nothing."""

    schema_version: int | None = None
    tool_version: str = ""
    flush_seq: int = 0
    columns: dict[str, Columns] = field(default_factory=dict)
    kinds: frozenset[tuple[str, str, str]] = frozenset()
    """The lists of the tasks whose tables it has: task, list, and its columns as JSON."""

    @property
    def is_older(self) -> bool:
        """True where a table or column of this version is not there, or the number is lower."""
        if self.schema_version is None:
            return False
        return self.schema_version < SCHEMA_VERSION or any(
            columns.keys() - self.columns.get(table, {}).keys()
            for table, (columns, _) in TABLES.items()
        )


def look(database: Path) -> Found:
    """Return what is known of *database*, without changing a byte of it."""
    with connected(database, read_only=True) as connection:
        rows = connection.execute(
            "select table_name, column_name, data_type from duckdb_columns()"
            " where schema_name = 'main' and not internal"
        ).fetchall()
        columns: dict[str, Columns] = {}
        for table, column, type_ in rows:
            columns.setdefault(table, {})[column] = type_
        if not META.keys() <= columns.get("meta", {}).keys():
            return Found(columns=columns)
        row = connection.execute(
            "select schema_version, tool_version, flush_seq from meta"
        ).fetchone()
        if row is None:
            return Found(columns=columns)
        kinds: list[tuple[str, str, str]] = []
        if {"task", "kind", "columns"} <= columns.get("task_kinds", {}).keys():
            kinds = connection.execute("select task, kind, columns from task_kinds").fetchall()
    return Found(row[0], row[1], row[2], columns, frozenset(kinds))


def check(database: Path) -> tuple[Found, list[str]]:
    """Return what the file says, and notes for the user; raise `StoreError` for a newer one.

    Where commits were lost, the file and its log are copied aside first.
    """
    if not database.exists():
        return Found(), []
    found = _not_newer(database)
    return found, [*_beside(database, found), *_lost(database, found)]


def _beside(database: Path, found: Found) -> list[str]:
    """Say whose tables ours are made beside; raise `StoreError` where they have our names."""
    if not found.columns or META.keys() <= found.columns.get("meta", {}).keys():
        return []
    if TABLES.keys() & found.columns.keys():
        raise not_ours(database)
    others = ", ".join(sorted(found.columns)[:5])
    return [f"{database} is another program's ({others}): tables of ours are made beside these"]


def check_readable(database: Path) -> bool:
    """Say whether *database* has tables of ours; `StoreError` for those of a newer version."""
    return database.exists() and _not_newer(database).schema_version is not None


def _not_newer(database: Path) -> Found:
    """Return what the file says; raise `StoreError` where a newer version wrote it."""
    found = look(database)
    if found.schema_version is not None and found.schema_version > SCHEMA_VERSION:
        raise StoreError(
            f"{database} was written by paperfacts {found.tool_version}, you have {tool_version()}",
            hint="Upgrade with: pip install --upgrade paperfacts. The file is untouched.",
            fault="newer",
        )
    return found


def _lost(database: Path, found: Found) -> list[str]:
    """Say that the file has fewer commits than were confirmed, and keep what is there."""
    known = read_state(database)
    if known is None or found.flush_seq >= known:
        return []
    words = lost_words(database, found.flush_seq, known)
    if wal_path(database).exists():
        aside = copy_aside(database, "damaged")
        words += f" The file and its log as they were found: {aside}"
    return [words]


def lost_words(database: Path, has: int, known: int) -> str:
    """Say how many commits are missing; what is missing is asked again by a run."""
    return (
        f"{database} has {has} commits, and {known} were confirmed: the last {known - has} are"
        " lost, by a damaged log or an older copy of the file. A run asks again for what is"
        " missing."
    )


def bring_up(connection: duckdb.DuckDBPyConnection, database: Path, found: Found) -> None:
    """Add what *found* lacks; raise `StoreError` where a column has another type."""
    for statement in base_statements():
        connection.execute(statement)
    for table, (columns, _) in TABLES.items():
        there = found.columns.get(table, columns)
        for column, type_ in columns.items():
            if column not in there:
                connection.execute(
                    f"alter table {identifier(table)} add column {identifier(column)} {type_}"
                )
            elif there[column] != type_:
                raise StoreError(
                    f"{database}: column {column} of {table} is {there[column]}, not {type_}",
                    hint="Was this table made by hand? Use another database.",
                )
    connection.execute(
        "update meta set schema_version = ?, tool_version = ?", [SCHEMA_VERSION, tool_version()]
    )
