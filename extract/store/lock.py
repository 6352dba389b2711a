"""One run at a time on one database, so that no paper is paid for twice.

The lock is a file beside the database, held with flock for as long as the run lasts: it goes
with the process, however that ends. Queries do not take it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from extract.errors import StoreError

WAIT_S = 5.0


@contextmanager
def run_lock(database: Path, *, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold the run lock of *database*; raise `StoreError` naming who has it."""
    import fcntl

    path = database.with_name(database.name + ".lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror}",
            hint="Check that the folder exists and may be written to.",
        ) from error
    try:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise _held(database, descriptor) from None
                time.sleep(0.05)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {' '.join(sys.argv[:4])}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _held(database: Path, descriptor: int) -> StoreError:
    """Return the error that names the run which holds the lock."""
    holder = os.pread(descriptor, 500, 0).decode("utf-8", "replace").strip()
    pid, _, command = holder.partition(" ")
    who = f"process {pid} ({command})" if pid else "another process"
    return StoreError(
        f"{database} is being written by {who}",
        hint="Wait for that run to end, or use another --db.",
    )
