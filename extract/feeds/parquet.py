"""Parquet: one row a paper, with the columns named as in a table.

The store's duckdb reads the rows. It wants a file by its name, so neither standard input nor
gzip will do.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from extract.feeds.entry import Entry, Options
from extract.feeds.errors import FeedFormatError
from extract.feeds.fields import place_fields
from extract.feeds.opening import is_plain_file
from extract.feeds.records import entry_of_record
from extract.feeds.source import Source
from extract.store.parquet import ParquetBroken, read_columns, read_rows


def read_parquet(source: Source, options: Options) -> Iterator[Entry]:
    """Yield an entry for each row."""
    if source.is_gzip or not is_plain_file(source.name):
        raise FeedFormatError(
            source.name,
            "Parquet is read from a plain file only",
            hint="Save it to a file, unpacked, and pass its path.",
        )
    try:
        names = read_columns(source.name)
        fields = place_fields(source, names, options.columns)
        rows = read_rows(source.name, [names[place] for place in fields.values()])
        for number, row in enumerate(rows, 1):
            values = (_plain(value) for value in row.values())
            yield entry_of_record(f"row {number}", dict(zip(fields, values, strict=False)))
    except ParquetBroken as error:
        raise FeedFormatError(
            source.name, str(error).removeprefix(f"{source.name}: "), hint=error.hint or ""
        ) from error


def _plain(value: object) -> object:
    """Return dates as the text that other formats have for them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
    return value.isoformat() if isinstance(value, date) else value
