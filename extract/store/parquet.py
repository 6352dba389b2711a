"""Rows of a Parquet file.

It stands here, and not with the feeds, because only this package imports duckdb.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from extract.errors import InputError

if TYPE_CHECKING:
    import duckdb

_ROWS_AT_ONCE = 1_000


class ParquetBroken(InputError):
    """The file cannot be read as Parquet: cut off, damaged or encrypted."""


def read_columns(path: str | Path) -> list[str]:
    """Return the names of the columns of the Parquet file at *path*."""
    import duckdb

    try:
        with _connected() as connection:
            found = connection.execute(
                "select * from read_parquet($path) limit 0", {"path": _literal(path)}
            )
            return [column[0] for column in found.description or ()]
    except duckdb.Error as error:
        raise _broken(path, error) from error


def read_rows(
    path: str | Path, columns: Sequence[str] | None = None
) -> Iterator[dict[str, object]]:
    """Yield the rows of the Parquet file at *path*, with only *columns* if they are named."""
    import duckdb

    chosen = ", ".join(map(_quoted, columns)) if columns else "*"
    try:
        with _connected() as connection:
            found = connection.execute(
                f"select {chosen} from read_parquet($path)", {"path": _literal(path)}
            )
            names = [column[0] for column in found.description or ()]
            while rows := found.fetchmany(_ROWS_AT_ONCE):
                for row in rows:
                    yield dict(zip(names, row, strict=True))
    except duckdb.Error as error:
        raise _broken(path, error) from error


def _connected() -> "duckdb.DuckDBPyConnection":
    import duckdb

    return duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "python_enable_replacements": "false",
            "threads": "1",
        },
    )


def _literal(path: str | Path) -> str:
    """Return *path* so that read_parquet takes it for one file, not for a pattern of names."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _broken(path: str | Path, error: "duckdb.Error") -> ParquetBroken:
    first = str(error).partition("\n")[0]
    return ParquetBroken(f"{path}: broken Parquet: {first}", hint="Write or fetch the file again.")
