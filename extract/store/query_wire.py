"""The values of a row on their way from the query's child process back to Python.

`query_child.py` tags what JSON has no word for; here the tags become values again. What
Python's types cannot hold (a date before Christ, nanoseconds, months of an interval) stays
the text that DuckDB writes for it. Infinite dates are the one loss: DuckDB's Python client
gives them as the first and last day that Python knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

Row = tuple[Any, ...]

_READERS: dict[str, Callable[[str], Any]] = {
    "decimal": Decimal,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "bytes": bytes.fromhex,
    "uuid": UUID,
}


def read_line(line: bytes) -> list[Any]:
    """Return the message of one line from the child."""
    message = json.loads(line, object_hook=_untag)
    if not isinstance(message, list) or not message:
        raise ValueError("no message")
    return message


def read_rows(rows: list[list[Any]], types: list[str]) -> list[Row]:
    """Return the rows of a message, for columns of *types*."""
    numbers = [place for place, name in enumerate(types) if name == "BIGNUM"]
    if not numbers:
        return [tuple(row) for row in rows]
    return [tuple(_with_ints(row, numbers)) for row in rows]


def _untag(tagged: dict[str, Any]) -> Any:
    ((kind, value),) = tagged.items()
    if kind == "map":
        return _as_dict(value)
    reader = _READERS.get(kind)
    return value if reader is None else reader(value)


def _as_dict(pairs: list[list[Any]]) -> Any:
    """Return the pairs as a dict, or as they are where a key is a list."""
    try:
        return dict(pairs)
    except TypeError:
        return [tuple(pair) for pair in pairs]


def _with_ints(row: list[Any], places: list[int]) -> list[Any]:
    """Read the integers that come as text; beyond Python's limit of digits they stay text."""
    for place in places:
        try:
            row[place] = None if row[place] is None else int(row[place])
        except ValueError:
            continue
    return row
