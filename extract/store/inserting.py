"""Rows into a table, as one statement.

Values travel as one JSON parameter and never in the SQL. They are checked here: DuckDB's
lenient reader would turn a text in a number's place into NULL without a word.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from extract.errors import PaperfactsError
from extract.store.layout import Columns, identifier

if TYPE_CHECKING:
    import duckdb

Row = Mapping[str, Any]

_SURROGATE = re.compile("[\ud800-\udfff\x00]")
_TAKEN: dict[str, tuple[type, ...]] = {
    "VARCHAR": (str,),
    "TIMESTAMP": (str,),
    "BOOLEAN": (bool,),
    "INTEGER": (int,),
    "BIGINT": (int,),
    "DOUBLE": (float, int),
}


def insert(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Columns,
    rows: Sequence[Row],
    *,
    mode: str = "",
    key: Sequence[str] = (),
) -> None:
    """Insert *rows*; where a *key* is given, of rows with the same one the last counts.

    *mode* is `or replace`, `or ignore` or nothing. Raises `PaperfactsError`, a bug, for a value
    that the column does not take and for a column that the table does not have.
    """
    if key:
        rows = list({tuple(row.get(name) for name in key): row for row in rows}.values())
    if not rows:
        return
    shape = json.dumps([dict(columns)])
    values = json.dumps([checked(table, columns, row) for row in rows], ensure_ascii=False)
    names = ", ".join(identifier(name) for name in columns)
    connection.execute(
        f"insert {mode} into {table} ({names}) select {names} from"
        " (select unnest(from_json_strict($rows::json, $shape), recursive := true))",
        {"rows": values, "shape": shape},
    )


def checked(table: str, columns: Columns, row: Row) -> dict[str, Any]:
    """Return *row* as JSON can hold it, with a value for every column."""
    if unknown := row.keys() - columns.keys():
        raise PaperfactsError(f"{table} has no column {sorted(unknown)[0]}")
    for name, value in row.items():
        if not _fits(value, columns[name]):
            raise PaperfactsError(
                f"{table}.{name} takes {columns[name]}, not {type(value).__name__} {value!r:.80}"
            )
    return {name: _plain(row.get(name)) for name in columns}


def _fits(value: Any, type_: str) -> bool:
    """True where a column of *type_* takes *value* as it is."""
    if value is None:
        return True
    if type_.endswith("[]"):
        return isinstance(value, (list, tuple)) and all(_fits(v, type_[:-2]) for v in value)
    if isinstance(value, bool) and type_ != "BOOLEAN":
        return False
    return isinstance(value, _TAKEN[type_])


def _plain(value: Any) -> Any:
    """Return *value* as JSON can hold it: no surrogate, no NUL, no infinite number."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
