"""One value of a result as text: for people, and for JSON.

For people, a text is itself and NULL has its own word. For JSON, a value keeps its type and
all its digits; what JSON has no word for (dates, bytes, NaN) is text.
"""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from extract.terminal import UNSAFE

NUMBERS = (int, float, Decimal)


def is_number(value: object) -> bool:
    return isinstance(value, NUMBERS) and not isinstance(value, bool)


def cell_text(value: Any) -> str:
    """Return *value* as people read it; lists and structs as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return "NULL"
    if isinstance(value, (bool, list, tuple, dict)):
        return json_text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return _bytes_text(value)
    return str(value)


def json_text(value: Any) -> str:
    r"""Return *value* as JSON on one line.

    Characters that a terminal obeys are JSON escapes, which say the same: a reader of the
    JSON gets the text unchanged.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _not_finite(value)
    if isinstance(value, NUMBERS):
        return cell_text(value)
    if isinstance(value, dict):
        pairs = (f"{_quoted(_key(key))}: {json_text(entry)}" for key, entry in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(json_text, value)) + "]"
    return _quoted(cell_text(value))


def unique_names(names: list[str]) -> list[str]:
    """Return *names* with `_1`, `_2` on repeated ones, as DuckDB does in a subquery."""
    taken: set[str] = set()
    unique = []
    for name in names:
        wanted, count = name, 0
        while wanted in taken:
            count += 1
            wanted = f"{name}_{count}"
        taken.add(wanted)
        unique.append(wanted)
    return unique


def _key(key: Any) -> str:
    return key if isinstance(key, str) else json_text(key)


def _quoted(text: str) -> str:
    # A lone surrogate cannot stand in UTF-8; like the others it becomes an escape.
    return UNSAFE.sub(
        lambda found: json.dumps(found[0])[1:-1], json.dumps(text, ensure_ascii=False)
    )


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return '"NaN"'
    return '"Infinity"' if value > 0 else '"-Infinity"'


def _bytes_text(value: bytes | bytearray) -> str:
    """Return bytes as DuckDB writes them: printable ASCII as it is, the rest as `\\xAA`."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"\\'\"" else f"\\x{byte:02X}"
        for byte in value
    )
