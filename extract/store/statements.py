"""What the SQL of a task's views consists of: its statements, split as DuckDB splits them."""

from __future__ import annotations


def split_statements(sql: str) -> list[str]:
    """Return the statements of *sql*; raise `ValueError` with DuckDB's words where it is none."""
    import duckdb

    try:
        return [statement.query for statement in duckdb.extract_statements(sql)]
    except duckdb.Error as error:
        raise ValueError(str(error).splitlines()[0]) from error
