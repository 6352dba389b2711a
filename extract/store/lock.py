"""One run at a time on one database, so that no paper is paid for twice.

The lock is a file beside the database, held with flock for as long as the run lasts: it goes
with the process, however that ends. Queries do not take it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from extract.errors import StoreError
from extract.terminal import shell_word

WAIT_S = 5.0


def lock_path(database: Path) -> Path:
    """Return the file that the run on *database* locks."""
    return database.with_name(database.name + ".lock")


@contextmanager
def run_lock(database: Path, *, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold the run lock of *database*; raise `StoreError` naming who has it."""
    path = lock_path(database)
    if database.is_dir():
        raise StoreError(
            f"{database} is a folder",
            hint=f"Name a file in it: --db {shell_word(database / 'papers.duckdb')}",
        )
    if not database.parent.is_dir():
        raise StoreError(
            f"{database} cannot be made: there is no folder {database.parent}",
            hint="Make the folder first, or check the path after --db.",
        )
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror}",
            hint="Check that the folder exists and may be written to.",
        ) from error
    try:
        deadline = time.monotonic() + wait_s
        while not _taken(descriptor):
            if time.monotonic() >= deadline:
                raise StoreError(
                    f"{database} is being written by {_named(descriptor)}",
                    hint="Wait for that run to end (--lock-wait SECONDS), or use another --db.",
                    fault="locked",
                )
            time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        with suppress(OSError):  # a full disk: the lock holds without a name
            os.pwrite(descriptor, f"{os.getpid()} {_command()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def holder(database: Path) -> str | None:
    """Return who runs on *database* now, as `process PID (COMMAND)`; None where nobody does."""
    try:
        descriptor = os.open(lock_path(database), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _taken(descriptor) else _named(descriptor)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    """Take the lock if it is free."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _command() -> str:
    """Return the program and its first two arguments; later ones may be nobody's business."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:3]]) if sys.argv else ""


def _named(descriptor: int) -> str:
    """Return who wrote its name into the lock."""
    words = os.pread(descriptor, 500, 0).decode("utf-8", "replace").strip()
    pid, _, command = words.partition(" ")
    return f"process {pid} ({command})" if pid else "another process"
