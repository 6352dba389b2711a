"""Opening the database, and what DuckDB's errors mean for a user.

A file is opened for one piece of work and closed: it is free in between, so that queries run
beside a run. Files are written in the format of DuckDB 1.4, which all versions that we support
can read.

`connected` makes an engine of its own, which takes three times as long as to open a file with
one that is there. A run opens its file for every flush: `attached` keeps the engine, and never
the file.

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
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "threads": "2",
}
LOCK_WAIT_S = 45.0
"""How long a write waits for readers: a query may hold the file for its 30 seconds."""

_STARTED_IN = os.getpid()

# The run and its writer are threads of one process. DuckDB refuses a file that is being closed
# in one thread and opened in another ("Unique file handle conflict"), so they take turns.
_TURN = threading.Lock()

# The engine that `attached` uses next, if there is one; whoever has the turn may take it.
_KEPT: list[duckdb.DuckDBPyConnection] = []

ROW_GROUP = 2048
"""Rows that are stored together, the fewest that DuckDB takes. Closing a file writes the last group
of each table with a key anew: of DuckDB's own 122,880 rows, that is most of a run's file."""

_ALIAS = "opened"
"""What an attached database is called, whatever its file is: none of our schemas has the name."""

# It would be drawn into stdout, among the data, and is no option of opening.
_NO_PROGRESS = "set enable_progress_bar = false"


@contextmanager
def connected(
    path: Path, *, wait_s: float = LOCK_WAIT_S, read_only: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database for reading and writing; raise `StoreError` for whatever goes wrong.

    Opened with *read_only*, a log that a crash left behind is read and stays where it is.
    """
    import duckdb

    _check(path)
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


@contextmanager
def attached(path: Path, *, wait_s: float = LOCK_WAIT_S) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database as `connected` does, for reading and writing, with the engine kept.

    At the end the file is closed: its log is taken in, and its lock is gone. An engine in which
    anything went wrong does not serve again.
    """
    import duckdb

    _check(path)
    if not path.exists():  # attaching would make an empty one
        raise StoreError(
            f"{path} is gone: it was moved or deleted in the meantime",
            hint="Put it back and run the same command again.",
            fault="missing",
        )
    with _TURN:
        engine = _attach(path, time.monotonic() + wait_s)
        try:
            yield engine
            engine.execute("use memory")
            engine.execute(f"detach {_ALIAS}")
        except duckdb.Error as error:
            _close(engine)
            raise store_error(path, str(error)) from error
        except BaseException:
            _close(engine)
            raise
        _KEPT.append(engine)


def _check(path: Path) -> None:
    """Refuse names that DuckDB would take for something else, and a forked process."""
    if os.getpid() != _STARTED_IN:
        raise StoreError("the database was opened in a forked process", hint="Use spawn.")
    check_path(path)
    if path.suffix in (".csv", ".json", ".jsonl", ".parquet", ".txt", ".tsv"):
        raise StoreError(f"{path} has the name of a data file", hint="Name it papers.duckdb.")
    stem = path.name.partition(".")[0]
    if stem == "history" or stem.startswith("task_"):
        # DuckDB names the database after its file, up to the first full stop, and could not tell
        # it from these schemas.
        raise StoreError(
            f"{path} would be the database {stem}, which is the name of a schema",
            hint="Name it papers.duckdb.",
        )


def check_path(path: Path) -> None:
    """Refuse what DuckDB cannot open, would wait for, or would keep the log of elsewhere."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise StoreError(f"{path} is not a file", hint="Name a database file.")
    place = str(path.absolute())
    if "?" in place:
        raise StoreError(
            f"{path} cannot be a database: DuckDB reads the ? in {place} as the end of the path",
            hint="Name a file without ? in its path.",
        )
    try:
        place.encode()
    except UnicodeEncodeError as error:
        raise StoreError(
            f"{path} cannot be a database: its path is not UTF-8", hint="Name another file."
        ) from error


def _attach(path: Path, deadline: float) -> duckdb.DuckDBPyConnection:
    """Open the file in the engine that was kept, or in a new one; wait while others hold it."""
    import duckdb

    place = str(path.absolute()).replace("'", "''")
    while True:
        kept = _KEPT.pop() if _KEPT else None
        engine = kept or _engine()
        try:
            engine.execute(
                f"attach '{place}' as {_ALIAS} (type duckdb, row_group_size {ROW_GROUP})"
            )
            engine.execute(f"use {_ALIAS}")
            return engine
        except duckdb.Error as error:
            _close(engine)
            if kept is not None:
                continue  # what ails the engine is not known of the file
            if _is_locked(error) and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise store_error(path, str(error)) from error


def _engine() -> duckdb.DuckDBPyConnection:
    """Return a new engine, with no file open."""
    import duckdb

    engine = duckdb.connect(":memory:", config=CONFIG)
    engine.execute(_NO_PROGRESS)
    return engine


def _drop_engine() -> None:
    """Drop the engine before a fork: its threads would be missing in the child, which waits."""
    if _TURN.acquire(blocking=False):
        try:
            while _KEPT:
                _close(_KEPT.pop())
        finally:
            _TURN.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_drop_engine)


def _is_locked(error: duckdb.Error) -> bool:
    return "Could not set lock" in str(error)


def _open(path: Path, deadline: float, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open the file, waiting while another process holds it."""
    import duckdb

    while True:
        try:
            # The whole path: ":memory:" and "md:papers" are files here, too.
            place = str(path.absolute())
            connection = duckdb.connect(place, read_only=read_only, config=CONFIG)
            connection.execute(_NO_PROGRESS)
            return connection
        except duckdb.Error as error:
            if _is_locked(error) and time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            raise store_error(path, str(error)) from error


def _close(connection: duckdb.DuckDBPyConnection) -> None:
    """Close after a failure, whose error says more than one of closing would."""
    import duckdb

    with suppress(duckdb.Error):
        connection.close()
