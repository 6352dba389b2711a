"""What DuckDB's words mean for a user, when it cannot open, read or write a database.

DuckDB tells these apart in its text and not by its classes: a torn log is a plain `Error`, a
full disk a `TransactionException`. So the words are matched here, once, and kept in the message.
Each error names the file and the next step; none of them tells anybody to delete a log, in which
the newest rows may be.

Not here: errors of people's queries (`query_errors`).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from extract.errors import StoreError

_SIGNS = (
    ("locked", ("Could not set lock",)),
    ("full", ("No space left", "ENOSPC", "Disk quota exceeded")),
    ("fsync", ("fsync failed", "has been invalidated", "Input/output error")),
    # DuckDB takes a file called .csv, .json or .parquet for a table to show from memory.
    # One that begins like SQLite's is for an extension to read, which is not loaded.
    (
        "foreign",
        (
            "not a valid DuckDB database",
            "launch in-memory database",
            "sqlite_scanner",
            "Loading external extensions is disabled",
        ),
    ),
    ("newer", ("version number",)),
    ("denied", ("Permission denied", "Read-only file system")),
    (
        "damaged",
        (
            "Corrupt",
            "checksum",
            "Could not read enough bytes",
            "WAL file",
            "database identifier",
            "Requested allocation size",
            "FATAL Error",
            "INTERNAL Error",
        ),
    ),
    ("missing", ("No such file or directory", "Cannot open file")),
)


def fault_of(words: str) -> str:
    """Return which fault DuckDB's words tell of; empty where they tell of none."""
    return next(
        (fault for fault, signs in _SIGNS if any(sign in words for sign in signs)),
        "",
    )


def store_error(db: Path, words: str) -> StoreError:
    """Return the error for a database that cannot be used, with DuckDB's words."""
    line = words.strip().partition("\n")[0]
    if db.is_dir():  # DuckDB's words are of reading bytes, which sound like damage
        return StoreError(f"{db} is a folder", hint="Name a database file after --db.")
    fault = fault_of(words)
    what, hint = _told(db, fault)
    return StoreError(f"{what}: {line}", hint=hint, fault=fault)


def not_ours(db: Path) -> StoreError:
    """Return the error for a DuckDB file that holds another program's tables under our names."""
    return StoreError(
        f"{db} was not made by paperfacts: it is another program's database",
        hint="Name another file.",
        fault="foreign",
    )


def _told(db: Path, fault: str) -> tuple[str, str]:
    """Return what is wrong with *db* and what to do now."""
    match fault:
        case "locked":
            return (
                f"{db} is in use by another process",
                "try again when it has finished; a run in progress lets go every few moments",
            )
        case "full":
            return (
                f"no space left while writing {db} ({free_words(db)})",
                "Free some space and run the same command again: what was written is safe.",
            )
        case "fsync":
            return (
                f"the disk under {db} did not take a write",
                "Check the disk, then run the same command again: earlier rows are safe.",
            )
        case "foreign":
            return f"{db} is not a DuckDB file", "check the path after --db"
        case "newer":
            return (
                f"{db} was written by another version of DuckDB",
                "upgrade with: pip install --upgrade paperfacts duckdb",
            )
        case "denied":
            return f"{db} may not be opened", "check the permissions of the file and its folder"
        case "missing":
            return (
                f"{db} cannot be written",
                "Check that the folder exists and may be written to.",
            )
    # Words that we do not know are treated as damage: the safe advice costs nothing.
    return (
        f"{db} cannot be {'read' if fault else 'used'}",
        f"Delete neither {db.name} nor {db.name}.wal, which may hold the newest rows."
        f" What can be saved: paperfacts repair {db}, which works on a copy.",
    )


def free_bytes(path: Path) -> int | None:
    """Return the bytes free where *path* lies; None where that cannot be told."""
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return None


def free_words(path: Path) -> str:
    """Return the bytes free where *path* lies, in words."""
    free = free_bytes(path)
    return "free space unknown" if free is None else f"{free:,} bytes free in {path.parent}"
