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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from extract.errors import StoreError
from extract.store.faults import store_error

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
def connected(
    path: Path, *, wait_s: float = LOCK_WAIT_S, read_only: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database for reading and writing; raise `StoreError` for whatever goes wrong.

    Opened with *read_only*, a log that a crash left behind is read and stays where it is.
    """
    import duckdb

    if os.getpid() != _STARTED_IN:
        raise StoreError("the database was opened in a forked process", hint="Use spawn.")
    if path.suffix in (".csv", ".json", ".jsonl", ".parquet", ".txt", ".tsv"):
        raise StoreError(f"{path} has the name of a data file", hint="Name it papers.duckdb.")
    if path.stem == "history" or path.stem.startswith("task_"):
        # DuckDB names the database after its file, and could not tell it from these schemas.
        raise StoreError(f"{path.stem} is the name of a schema", hint="Name it papers.duckdb.")
    with _TURN:
        connection = _open(path, time.monotonic() + wait_s, read_only=read_only)
        try:
            yield connection
        except duckdb.Error as error:
            _close(connection)
            raise store_error(path, str(error)) from error
        except BaseException:
            _close(connection)
            raise
        try:
            connection.close()
        except duckdb.Error as error:
            raise store_error(path, str(error)) from error


def _open(path: Path, deadline: float, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open the file, waiting while another process holds it."""
    import duckdb

    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only, config=CONFIG)
            # It would be drawn into stdout, among the data, and is no option of opening.
            connection.execute("set enable_progress_bar = false")
            return connection
        except duckdb.Error as error:
            if "Could not set lock" in str(error) and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise store_error(path, str(error)) from error


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    """Close after a failure, whose error says more than one of closing would."""
    import duckdb

    with suppress(duckdb.Error):
        connection.close()
