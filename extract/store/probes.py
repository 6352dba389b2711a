"""The rows of `probes`: what was found out about models, kept with the papers they read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extract.store.connection import connected
from extract.store.inserting import insert
from extract.store.layout import TABLES

_NEWEST = """
select * from probes
where ask_id = $ask_id and suite = $suite
order by probed_at desc
limit 1
"""


def write_probe(database: Path, row: Mapping[str, Any]) -> None:
    """Write the row of a probe; the tables are there (`Database.prepare`)."""
    columns, key = TABLES["probes"]
    with connected(database) as connection:
        insert(connection, "probes", columns, [row], mode="or replace", key=(key,))


def newest_probe(database: Path, ask_id: str, suite: str) -> dict[str, Any] | None:
    """Return the last probe of this way to ask; None where a file has none, or no such table."""
    if not database.exists():
        return None
    with connected(database, read_only=True) as connection:
        tables = connection.execute(
            "select count(*) from duckdb_tables()"
            " where schema_name = 'main' and table_name = 'probes'"
        ).fetchone()
        if tables == (0,):
            return None
        found = connection.execute(_NEWEST, {"ask_id": ask_id, "suite": suite})
        names = [column[0] for column in found.description]
        row = found.fetchone()
    return dict(zip(names, row, strict=True)) if row else None
