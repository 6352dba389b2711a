"""Opening the database, and what DuckDB's errors mean for a user.

A connection is opened for one piece of work and closed: the file is free in between, so that
queries run beside a run. Files are written in the format of DuckDB 1.4, which all versions
that we support can read.

The database file is never opened by anything but DuckDB in this process: closing another
descriptor of it would drop DuckDB's lock without a word.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from extract.errors import StoreError
from extract.store.query_errors import store_error

if TYPE_CHECKING:
    import duckdb

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "storage_compatibility_version": "v1.4.0",
    "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false",
    "threads": "2",
}
LOCK_WAIT_S = 45.0
"""How long a write waits for readers: a query may hold the file for its 30 seconds."""

_STARTED_IN = os.getpid()

# The run and its writer are threads of one process. DuckDB refuses a file that is being closed
# in one thread and opened in another ("Unique file handle conflict"), so they take turns.
_TURN = threading.Lock()


@contextmanager
def connected(path: Path, *, wait_s: float = LOCK_WAIT_S) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database for reading and writing; raise `StoreError` for whatever goes wrong."""
    import duckdb

    if os.getpid() != _STARTED_IN:
        raise StoreError("the database was opened in a forked process", hint="Use spawn.")
    if path.suffix in (".csv", ".json", ".jsonl", ".parquet", ".txt", ".tsv"):
        raise StoreError(f"{path} has the name of a data file", hint="Name it papers.duckdb.")
    if path.stem == "history" or path.stem.startswith("task_"):
        # DuckDB names the database after its file, and could not tell it from these schemas.
        raise StoreError(f"{path.stem} is the name of a schema", hint="Name it papers.duckdb.")
    with _TURN:
        connection = _open(path, time.monotonic() + wait_s)
        try:
            yield connection
        except duckdb.Error as error:
            raise written_error(path, error) from error
        finally:
            try:
                connection.close()
            except duckdb.Error as error:
                raise written_error(path, error) from error


def _open(path: Path, deadline: float) -> duckdb.DuckDBPyConnection:
    """Open the file, waiting while another process holds it."""
    import duckdb

    while True:
        try:
            return duckdb.connect(str(path), config=CONFIG)
        except duckdb.Error as error:
            if "Could not set lock" in str(error) and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise written_error(path, error) from error


def written_error(path: Path, error: Exception) -> StoreError:
    """Return the error for a failed write or open, with DuckDB's words and the next step."""
    words = str(error)
    if "No space left" in words or "ENOSPC" in words:
        return StoreError(
            f"no space left while writing {path}: {words.splitlines()[0]}",
            hint="Free some space and run the same command again: what was written is safe.",
        )
    if "fsync failed" in words or "has been invalidated" in words:
        return StoreError(
            f"the disk under {path} did not take a write: {words.splitlines()[0]}",
            hint="Check the disk, then run the same command again: earlier rows are safe.",
        )
    if "No such file or directory" in words or "Cannot open file" in words:
        return StoreError(
            f"{path} cannot be written: {words.splitlines()[0]}",
            hint="Check that the folder exists and may be written to.",
        )
    return store_error(path, words)
