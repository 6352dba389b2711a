"""The database of the commands that only read one: --db, or what the settings name.

Not here: the settings of commands that ask a model (`extract.cli.options`).
"""

from __future__ import annotations

from pathlib import Path

from extract.terminal import shell_word


def stored_database(given: Path | None) -> Path:
    """Return the database to read; `InputError` where the settings name one that is not there.

    One that was *given* is looked at by whatever opens it.
    """
    from extract.errors import InputError
    from extract.settings import settle_database

    path, origin = settle_database(given)
    if given is not None or path.is_file():
        return path
    what = "is a folder" if path.is_dir() else "is not there"
    words = f"{origin.place} names the database {path}, which {what}"
    if origin.kind == "default":
        words = f"no database is named, and the default, {path}, {what}"
    hint = "Name one with --db."
    if not path.is_dir():
        hint = (
            f"Name another one with --db, or make it: paperfacts run FEED --db {shell_word(path)}"
        )
    raise InputError(words, hint=hint)
