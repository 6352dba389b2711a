"""Rows for other programs: JSON, JSON lines, CSV and Markdown.

Each format is a function from columns and rows to pieces of text, so that a result of any
length passes through without being held. Parquet is a file and lives in
`extract.store.parquet_out`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from extract.cells import cell_text, is_number, json_text, unique_names
from extract.terminal import safe_text

Rows = Iterable[tuple[Any, ...]]

#: What a spreadsheet takes for a formula, full-width forms included (CWE-1236) …
_FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
#: … unless it is a number as a paper writes it: `-3.2%` can do no harm.
_WRITTEN_NUMBER = re.compile(r"[+-]\d[\d.,]*\s?%?")
_CSV_QUOTED = re.compile(r'[",\r\n]|^$|^\s|\s$')
_MARKDOWN = re.compile(r"[\\|`<>&*\[\]]")


def as_json(names: list[str], rows: Rows) -> Iterator[str]:
    """Yield one document: an array of objects."""
    opening = "[\n"
    for line in _objects(names, rows):
        yield opening + line
        opening = ",\n"
    yield "[]\n" if opening == "[\n" else "\n]\n"


def as_jsonl(names: list[str], rows: Rows) -> Iterator[str]:
    """Yield one object a line."""
    for line in _objects(names, rows):
        yield line + "\n"


def as_csv(names: list[str], rows: Rows, *, raw: bool = False) -> Iterator[str]:
    """Yield a header and one record a line; NULL is nothing, an empty text is `""`.

    A text that a spreadsheet would run as a formula gets a `'` in front, unless *raw*.
    """
    yield _csv_line(names, raw)
    for row in rows:
        yield _csv_line(row, raw)


def as_markdown(names: list[str], rows: Rows) -> Iterator[str]:
    """Yield a table in GitHub's Markdown; nothing in a cell is read as Markdown or HTML."""
    first: list[tuple[Any, ...]] = []
    rest = iter(rows)
    for row in rest:
        first.append(row)
        break
    rights = [is_number(value) for value in first[0]] if first else [False] * len(names)
    yield _markdown_line(names)
    yield "|" + "|".join(" ---: " if right else " --- " for right in rights) + "|\n"
    for row in first:
        yield _markdown_line(row)
    for row in rest:
        yield _markdown_line(row)


_WRITERS: dict[str, Callable[[list[str], Rows], Iterator[str]]] = {
    "json": as_json,
    "jsonl": as_jsonl,
    "csv": as_csv,
    "markdown": as_markdown,
}
FORMATS = tuple(_WRITERS)


def write_text(
    names: list[str], rows: Rows, format: str, *, file: IO[str], raw: bool = False
) -> None:
    """Write *rows* to *file* as they come, in one of `FORMATS`; *raw* counts for CSV only."""
    if format == "csv":
        file.writelines(as_csv(names, rows, raw=raw))
    else:
        file.writelines(_WRITERS[format](names, rows))


def _objects(names: list[str], rows: Rows) -> Iterator[str]:
    keys = [json_text(name) + ": " for name in unique_names(names)]
    for row in rows:
        pairs = zip(keys, row, strict=True)
        yield "{" + ", ".join([key + json_text(value) for key, value in pairs]) + "}"


def _csv_line(values: Iterable[Any], raw: bool) -> str:
    # A line of nothing at all is no record to most readers: one NULL alone is written as "".
    return (",".join([_csv_cell(value, raw) for value in values]) or '""') + "\n"


def _csv_cell(value: Any, raw: bool) -> str:
    if value is None:
        return ""
    text = cell_text(value)
    if is_number(value):
        return text
    if not raw and _FORMULA.match(text) and not _WRITTEN_NUMBER.fullmatch(text):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if _CSV_QUOTED.search(text) else text


def _markdown_line(values: Iterable[Any]) -> str:
    return "| " + " | ".join(_markdown_cell(value) for value in values) + " |\n"


def _markdown_cell(value: Any) -> str:
    if value is None:
        return "*NULL*"
    marked = _MARKDOWN.sub(_unmark, cell_text(value))
    return safe_text(marked)


def _unmark(found: re.Match[str]) -> str:
    entity = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(found[0])
    return entity or "\\" + found[0]
