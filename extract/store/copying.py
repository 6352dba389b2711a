"""Copies of a database file, made by a process of their own.

This process never opens the file itself: closing any descriptor of it would drop the lock that
DuckDB holds, and a second writer could get in.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from extract.errors import StoreError
from extract.store.faults import fault_of, free_words

_COPY = """
import shutil, sys
source, target = sys.argv[1:]
try:
    with open(source, "rb") as old, open(target, "xb") as new:
        shutil.copyfileobj(old, new, 1 << 20)
except OSError as error:
    sys.exit(f"{error.strerror}: {error.filename or target}")
"""


def wal_path(database: Path) -> Path:
    """Return where DuckDB keeps the log of *database*."""
    return database.with_name(database.name + ".wal")


def copy_file(source: Path, target: Path) -> None:
    """Copy one file; *target* must not be there yet."""
    command = [sys.executable, "-I", "-S", "-c", _COPY, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = done.stderr.strip().rpartition("\n")[2]
        raise StoreError(
            f"{source} cannot be copied to {target}: {words} ({free_words(target)})",
            hint="Make room or name another place, and run the same command again.",
            fault=fault_of(words),
        )


def copy_aside(database: Path, mark: str) -> Path:
    """Copy *database* and its log beside it, under a name with *mark*; return that name."""
    number, target = 1, database.with_name(f"{database.name}.{mark}")
    while target.exists() or wal_path(target).exists():
        number += 1
        target = database.with_name(f"{database.name}.{mark}-{number}")
    copy_file(database, target)
    if wal_path(database).exists():
        copy_file(wal_path(database), wal_path(target))
    return target
