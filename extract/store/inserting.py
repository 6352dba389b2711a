"""Rows into a table, as one statement.

Values travel as one list for each column, cast to its type, and never in the SQL. They are
checked here: a cast takes a text of digits for a number without a word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from types import NoneType
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
    values = _columns(table, columns, rows)
    if not mode:  # a column that is left out is NULL; `or replace` would keep what it was
        filled = {name: each for name, each in values.items() if any(v is not None for v in each)}
        values = filled or values
    names = ", ".join(map(identifier, values))
    lists = ", ".join(f"unnest(${n}::{columns[name]}[])" for n, name in enumerate(values, 1))
    connection.execute(f"insert {mode} into {table} ({names}) select {lists}", [*values.values()])


def _columns(table: str, columns: Columns, rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Return the values of *rows* by column, checked and as DuckDB can hold them."""
    if unknown := set().union(*rows) - columns.keys():
        raise PaperfactsError(f"{table} has no column {sorted(unknown)[0]}")
    values = {name: [row.get(name) for row in rows] for name in columns}
    for name, type_ in columns.items():
        # Most columns hold one type, all as they should be: they need no look at each value.
        if not set(map(type, values[name])) <= {*_TAKEN.get(type_, ()), NoneType}:
            for value in values[name]:
                _check(table, name, type_, value)
        if not _is_plain(type_, values[name]):
            values[name] = [_plain(value) for value in values[name]]
    return values


def _is_plain(type_: str, values: Sequence[Any]) -> bool:
    """True where no value of a checked column has to be changed."""
    if type_ not in ("VARCHAR", "TIMESTAMP"):
        return type_ in ("BOOLEAN", "INTEGER", "BIGINT")
    text = "".join(filter(None, values))
    return "\0" not in text and (text.isascii() or _SURROGATE.search(text) is None)


def checked(table: str, columns: Columns, row: Row) -> dict[str, Any]:
    """Return *row* as JSON can hold it, with a value for every column."""
    if unknown := row.keys() - columns.keys():
        raise PaperfactsError(f"{table} has no column {sorted(unknown)[0]}")
    for name, value in row.items():
        _check(table, name, columns[name], value)
    return {name: _plain(row.get(name)) for name in columns}


def _check(table: str, name: str, type_: str, value: Any) -> None:
    if not _fits(value, type_):
        raise PaperfactsError(
            f"{table}.{name} takes {type_}, not {type(value).__name__} {value!r:.80}"
        )


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
    if isinstance(value, int) and abs(value) >= 2**63:  # DuckDB binds none of 128 bits or more
        value = float(value) if abs(value) < 2**1023 else math.inf
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
