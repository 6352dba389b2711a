"""The number of the last commit, kept beside the database.

DuckDB takes a log whose end is torn for a whole one, and a flipped length is a torn end: rows
that were committed go without a word. The database counts its commits, and so does this file;
where the database has fewer, some were lost.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path


def state_path(database: Path) -> Path:
    """Return where the state of *database* is kept."""
    return database.with_name(database.name + ".state")


def write_state(database: Path, flush_seq: int) -> None:
    """Note that commit *flush_seq* is done.

    A disk that does not take it is no fault of the run: an older number warns of nothing.
    """
    path = state_path(database)
    new = path.with_name(path.name + ".new")
    try:
        with new.open("w", encoding="utf-8") as file:
            json.dump({"flush_seq": flush_seq}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def read_state(database: Path) -> int | None:
    """Return the number of the last commit that is known to be done; None where none is."""
    try:
        state = json.loads(state_path(database).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    number = state.get("flush_seq") if isinstance(state, dict) else None
    return number if isinstance(number, int) else None
