"""CSV and TSV: one row a paper, under a header that names the columns.

The delimiter is the one of `,` tab `;` `|` that splits the header into known names. Which
column is which field is told by `columns`, else by the names that databases and reference
managers use. Rows are streamed.
"""

import csv
from collections.abc import Iterator, Mapping

from extract.feeds.decoding import lines
from extract.feeds.entry import Entry, Options
from extract.feeds.fields import named_fields, place_fields
from extract.feeds.records import entry_of_record
from extract.feeds.source import Source

_DELIMITERS = ",\t;|"
_MAX_FIELD = 64 << 20


def read_table(source: Source, options: Options) -> Iterator[Entry]:
    """Yield an entry for each row that has a cell for the abstract."""
    csv.field_size_limit(_MAX_FIELD)
    numbered = _Numbered(lines(source))
    first = next((line for line in numbered if line.strip()), "").rstrip("\n")
    delimiter = _delimiter_of(first, options.columns)
    header = _cells(first, delimiter)
    fields = place_fields(source, header, options.columns)
    rows = csv.reader(numbered, delimiter=delimiter)
    while True:
        start = numbered.number + 1
        numbered.quotes = 0
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            source.report(f"line {start}", "broken_record", f"not a row of a table: {error}")
            continue
        if numbered.is_at_end and numbered.quotes % 2:
            message = "a quote opened in this row is never closed: the rest is one cell"
            source.report(f"line {start}", "truncated", message, excerpt=delimiter.join(row))
            return
        if not any(cell.strip() for cell in row):
            continue
        record = {name: row[place] for name, place in fields.items() if place < len(row)}
        if "abstract" not in record:
            source.report(
                f"line {start}",
                "broken_record",
                f"the row has {len(row)} cells, the header {len(header)}",
                excerpt=delimiter.join(row),
            )
            continue
        yield entry_of_record(f"line {start}", record)


def is_table_head(text: str, columns: Mapping[str, str]) -> bool:
    """Say whether *text* begins with a header that has a column for abstracts."""
    first = text.partition("\n")[0]
    header = _cells(first, _delimiter_of(first, columns))
    if columns.get("abstract") in header:
        return True
    # A line of prose may hold the word; a header is made of short names.
    return len(header) > 1 and max(map(len, header)) < 60 and "abstract" in named_fields(header)


class _Numbered:
    """Lines with their ends, the number of the last one given, and the quotes met."""

    def __init__(self, numbered: Iterator[tuple[int, str]]) -> None:
        self._numbered = numbered
        self.number = 0
        self.quotes = 0
        self.is_at_end = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            self.number, line = next(self._numbered)
        except StopIteration:
            self.is_at_end = True
            raise
        self.quotes += line.count('"')
        return line + "\n"


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [cell.strip().lstrip("\ufeff") for cell in cells]


def _delimiter_of(header: str, columns: Mapping[str, str]) -> str:
    """Return the delimiter that makes the most known names of *header*, else the most cells."""
    wanted = set(columns.values())

    def merit(delimiter: str) -> tuple[int, int]:
        cells = _cells(header, delimiter)
        return len(named_fields(cells)) + len(wanted.intersection(cells)), len(cells)

    return max(_DELIMITERS, key=merit)
