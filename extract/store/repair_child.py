"""The child process of `repairing`: opens copies of a damaged database, which may crash it.

Run from this file, with `python -I`: it imports nothing of ours. It takes one JSON order as its
argument and prints one JSON answer.

    {"do": "count", "db": PATH}                   rows of each table; null where it cannot be read
    {"do": "cut", "log": PATH, "at": BYTES}       cuts a copy of a log before its damage
    {"do": "save", "db": PATH, "to": PATH, ...}   writes what can be read into a new database
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

SMALLEST = 256
"""Rows that are given up together where one of them cannot be read."""

TABLES = """
select schema_name, table_name, sql from duckdb_tables()
where database_name = current_database() and schema_name in ('main', 'history') and not internal
order by schema_name desc, table_name
"""


def main() -> None:
    """Do what the order says."""
    order = json.loads(sys.argv[1])
    if order["do"] == "cut":
        os.truncate(order["log"], order["at"])
        answer: dict[str, Any] = {}
    else:
        answer = count(order["db"]) if order["do"] == "count" else Saving(order).save()
    print(json.dumps(answer))


def connect(path: str, *, read_only: bool = False) -> Any:
    """Open a database as the engine does."""
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "storage_compatibility_version": "v1.4.0",
        # A file of another kind would have DuckDB fetch what reads it.
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    connection = duckdb.connect(path, read_only=read_only, config=config)
    connection.execute("set enable_progress_bar = false")  # stdout is for the answer
    return connection


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def count(path: str) -> dict[str, Any]:
    """Count the rows of each table by reading all of them."""
    import duckdb

    tables: dict[str, int | None] = {}
    try:
        connection = connect(path, read_only=True)
        names = [row[:2] for row in connection.execute(TABLES).fetchall()]
    except duckdb.Error as error:
        return {"error": str(error).strip().partition("\n")[0]}
    for schema, name in names:
        try:
            row = connection.execute(
                f"select count(*), count(columns(*)) from {quoted(schema)}.{quoted(name)}"
            ).fetchone()
            tables[f"{schema}.{name}"] = row[0]
        except duckdb.Error:
            tables[f"{schema}.{name}"] = None
            connection = connect(path, read_only=True)
    return {"tables": tables}


class Saving:
    """Writes what can be read of one database into another."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.tables: dict[str, dict[str, int]] = {}
        self._open()

    def _open(self) -> None:
        """Open the new database, with the damaged one attached; again after a fatal error."""
        self.new = connect(self.order["to"])
        path = self.order["db"].replace("'", "''")
        self.new.execute(f"attach '{path}' as damaged (read_only)")
        self.new.execute("use damaged")
        self.found = self.new.execute(TABLES).fetchall()
        self.new.execute(f"use {quoted(self.new.execute(FIRST).fetchone()[0])}")

    def save(self) -> dict[str, Any]:
        """Copy all tables and views, and make the rows agree with each other."""
        import duckdb

        if self.new.execute(SIGNATURE).fetchone() is None:
            return {"is_foreign": True}
        for schema, name, sql in self.found:
            self.new.execute(f"create schema if not exists {quoted(schema)}")
            self.new.execute(sql)
            self._copy(f"{quoted(schema)}.{quoted(name)}", f"{schema}.{name}", "KEY" in sql)
        left_out = self._agree()
        self._sign()
        [seq] = self.new.execute("select flush_seq from main.meta").fetchone()
        views = 0
        for schema, sql in self.new.execute(VIEWS).fetchall():
            self.new.execute(f"create schema if not exists {quoted(schema)}")
            try:
                self.new.execute(sql)
            except duckdb.Error:
                views += 1  # a run makes them anew
        self.new.execute("detach damaged")
        self.new.execute("checkpoint")
        self.new.close()
        return {"tables": self.tables, "left_out": left_out, "views": views, "flush_seq": seq}

    def _copy(self, table: str, name: str, has_key: bool) -> None:
        """Copy a table, leaving out the stretches that cannot be read."""
        row = self.new.execute(f"select count(*), max(rowid) from damaged.{table}").fetchone()
        total, last = row[0], row[1]
        if total:
            mode = "or ignore " if has_key else ""
            self._copy_rows(f"insert {mode}into {table} select * from damaged.{table}", 0, last + 1)
        kept = self.new.execute(f"select count(*) from {table}").fetchone()[0]
        self.tables[name] = {"kept": kept, "lost": total - kept}

    def _copy_rows(self, insert: str, low: int, high: int) -> None:
        """Copy rows by their place; halve the stretch where one of them cannot be read."""
        import duckdb

        try:
            self.new.execute(f"{insert} where rowid >= {low} and rowid < {high}")
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException):
            raise  # no damage: the statement is wrong
        except duckdb.Error as error:
            if "No space left" in str(error):
                raise
            if "invalidated" in str(error) or "FATAL" in str(error):
                self.new.close()
                self._open()
            if high - low > SMALLEST:
                middle = (low + high) // 2
                self._copy_rows(insert, low, middle)
                self._copy_rows(insert, middle, high)

    def _agree(self) -> int:
        """Leave out extractions that lost their paper, their answer or some of their facts."""
        names = {f"{schema}.{name}" for schema, name, _ in self.found}
        if not {"main.extractions", "main.papers", "main.completions"} <= names:
            return 0
        history = [
            (f"history.{quoted(name)}", "alignment" in sql)
            for schema, name, sql in self.found
            if schema == "history"
        ]
        facts = " union all ".join(
            f"select extraction_id from {table}" for table, is_counted in history if is_counted
        )
        before = self.new.execute("select count(*) from main.extractions").fetchone()[0]
        self.new.execute(
            "delete from main.extractions where paper_id not in (select paper_id from main.papers)"
            " or completion_key not in (select completion_key from main.completions)"
        )
        if facts:
            self.new.execute(
                "delete from main.extractions e where e.facts + e.missing <>"
                f" (select count(*) from ({facts}) f where f.extraction_id = e.extraction_id)"
            )
        for table, _ in [*history, ("main.mentions", False), ("main.current_extractions", False)]:
            self.new.execute(
                f"delete from {table} where extraction_id not in"
                " (select extraction_id from main.extractions)"
            )
        after = self.new.execute("select count(*) from main.extractions").fetchone()[0]
        return int(before - after)

    def _sign(self) -> None:
        """Say which version the tables are of, where that was lost too."""
        if self.new.execute("select count(*) from main.meta").fetchone()[0] == 0:
            self.new.execute("insert into main.meta values (?, ?, 0)", self.order["sign"])


FIRST = "select database_name from duckdb_databases() where not internal and path is not null \
and database_name <> 'damaged'"
SIGNATURE = """
select 1 from duckdb_columns()
where database_name = 'damaged' and schema_name = 'main' and table_name = 'meta'
and column_name = 'flush_seq'
"""
VIEWS = """
select schema_name, sql from duckdb_views()
where database_name = 'damaged' and not internal order by view_oid
"""

if __name__ == "__main__":
    main()
