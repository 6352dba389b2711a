"""The rows of a query as text: a table for people, or one of the formats for programs.

A table fits its width: texts wrap over a few lines and are then cut with `…`, numbers are
never cut, and rows with too many columns for a line are shown as records, one column a
line. Nothing in a cell can command the terminal. The formats for programs are complete and
say nothing of a cut result; that is what `footer` is for.
"""

from __future__ import annotations

from typing import IO, Any

from extract.cells import cell_text
from extract.exports import FORMATS as _FOR_PROGRAMS
from extract.exports import write_text
from extract.store.query import QueryResult
from extract.terminal import cut_text, safe_text, text_width

FORMATS = ("table", *_FOR_PROGRAMS)

_NUMBERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "BIGNUM", "FLOAT", "DOUBLE"}
_NUMBERS |= {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "DECIMAL"}
_GAP = "  "
_LINES = 3  # of a wrapped cell
_NARROWEST = 8  # a text column that has to give way keeps this much
_LONGEST = 1000  # characters of a cell that are looked at, without a width to fit
_EXPLAINED = ["explain_key", "explain_value"]


def render(
    result: QueryResult, format: str, *, file: IO[str], width: int | None = None, raw: bool = False
) -> None:
    """Write *result* to *file*; *width* is the terminal's, or None for lines of any length."""
    names = [column.name for column in result.columns]
    if format != "table":
        write_text(names, result.rows, format, file=file, raw=raw)
    elif names == _EXPLAINED:
        file.writelines(safe_text(row[1], keep="\n").rstrip("\n") + "\n" for row in result.rows)
    else:
        file.writelines(line + "\n" for line in table_lines(result, width))
        file.write(footer(result) + "\n")


def footer(result: QueryResult) -> str:
    """Say how many rows there are, and whether these are all."""
    count = len(result.rows)
    rows = f"{count} row" if count == 1 else f"{count} rows"
    return f"truncated at {rows}; --limit 0 for all" if result.truncated else rows


def table_lines(result: QueryResult, width: int | None) -> list[str]:
    """Return the lines of the table, or of the records if no table fits into *width*."""
    names = [safe_text(column.name) for column in result.columns]
    rights = [_is_numeric(column.type) for column in result.columns]
    cells = [[_shown(value) for value in row] for row in result.rows]
    widths = [
        max([text_width(name), *(text_width(row[place]) for row in cells)])
        for place, name in enumerate(names)
    ]
    if width is not None:
        fitted = _fit(widths, rights, width)
        if fitted is None:
            return _records(names, cells, width)
        widths = fitted
    head = _row_lines(names, widths, rights)
    rule = _GAP.join("─" * column for column in widths)
    body = [line for row in cells for line in _row_lines(row, widths, rights)]
    return [*head, rule, *body]


def _is_numeric(type_name: str) -> bool:
    return type_name.split("(")[0] in _NUMBERS and not type_name.endswith("]")


def _shown(value: Any) -> str:
    """Return the text of a cell: NULL as the bare word, and the text NULL in quotes."""
    if value == "NULL":
        return "'NULL'"
    text = cell_text(value)
    return safe_text(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def _fit(widths: list[int], rights: list[bool], width: int) -> list[int] | None:
    """Return *widths* with the widest texts narrowed until a row fits, or None."""
    room = width - len(_GAP) * (len(widths) - 1)
    texts = [column for column, right in zip(widths, rights, strict=True) if not right]
    room -= sum(widths) - sum(texts)
    cap = max(texts, default=0)
    while sum(min(column, cap) for column in texts) > room:
        cap -= 1
        if cap < _NARROWEST:
            return None
    return [
        column if right else min(column, cap) for column, right in zip(widths, rights, strict=True)
    ]


def _row_lines(texts: list[str], widths: list[int], rights: list[bool]) -> list[str]:
    """Return the lines of one row: as many as its tallest cell has."""
    columns = [_wrap(text, column) for text, column in zip(texts, widths, strict=True)]
    height = max(map(len, columns), default=0)
    lines = []
    for place in range(height):
        parts = [lines_of[place] if place < len(lines_of) else "" for lines_of in columns]
        padded = map(_pad, parts, widths, rights)
        lines.append(_GAP.join(padded).rstrip())
    return lines


def _pad(text: str, width: int, is_right: bool) -> str:
    space = " " * (width - text_width(text))
    return space + text if is_right else text + space


def _wrap(text: str, width: int, lines: int = _LINES) -> list[str]:
    """Return *text* in at most *lines* lines of *width* cells, broken at spaces if it can be."""
    wrapped: list[str] = []
    while text_width(text) > width:
        if len(wrapped) == lines - 1:
            return [*wrapped, cut_text(text, width - 1).rstrip() + "…"]
        piece = cut_text(text, width)
        if not text[len(piece)].isspace() and " " in piece.strip():
            piece = piece[: piece.rindex(" ")]
        piece = piece or text[0]  # a wide character in a column of one cell
        wrapped.append(piece.rstrip())
        text = text[len(piece) :].lstrip()
    return [*wrapped, text]


def _records(names: list[str], cells: list[list[str]], width: int) -> list[str]:
    """Return each row as a block of its own: a column a line, after the column's name."""
    label = min(max(map(text_width, names), default=0), max(width // 3, 1))
    room = max(width - label - len(_GAP), _NARROWEST)
    lines = []
    for number, row in enumerate(cells, 1):
        lines.append(cut_text(f"── row {number} " + "─" * width, width))
        for name, cell in zip(names, row, strict=True):
            lines += _row_lines([name, cell], [label, room], [False, False])
    return lines
