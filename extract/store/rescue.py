"""Answers that the database did not take, kept in another place until it does.

Where a disk is full or broken, what was paid for goes to a JSON Lines file elsewhere: a line
that says which database it belongs to, then a line per batch. The next run on that database
writes them and removes the file. Only files of this user count: anybody may write to the
folder for temporary files.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import platformdirs

from extract.errors import PaperfactsError
from extract.store.database import Batch, Database

VERSION = 1


@dataclass
class Rescue:
    """Where the batches of one run go that its database does not take."""

    database: Database
    paths: list[Path] = field(default_factory=list)
    answers: int = 0
    lost: int = 0
    complaints: list[str] = field(default_factory=list)

    def keep(self, batch: Batch) -> None:
        """Add *batch* to the file; where no place takes it, `complaints` says why."""
        line = json.dumps(asdict(batch)).encode() + b"\n"
        for path in [*self.paths[-1:], *_places(self.database.path)]:
            try:
                _append(path, b"" if path in self.paths else self._head(), line)
            except OSError as error:
                self.complaints.append(f"{path.parent}: {error.strerror}")
                continue
            if path not in self.paths:
                self.paths.append(path)
            self.answers += len(batch.completions)
            return
        self.lost += len(batch.completions)

    def words(self) -> str:
        """Say where the answers are and how they come back."""
        words = ""
        if self.answers:
            words = (
                f"{self.answers} answers that it did not take are kept in"
                f" {', '.join(map(str, self.paths))}: the next run on this database writes them"
                " and asks for none of them again."
            )
        if self.lost:
            words += f" {self.lost} answers could not be kept: {'; '.join(self.complaints)}."
        return words

    def _head(self) -> bytes:
        head = {
            "paperfacts_rescue": VERSION,
            "database": str(self.database.path.absolute()),
            "task": self.database.task.name,
        }
        return json.dumps(head).encode() + b"\n"


def _append(path: Path, head: bytes, line: bytes) -> None:
    """Append to *path*, which is made, for this user alone, where there is a *head*."""
    new = os.O_CREAT | os.O_EXCL if head else 0
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | new, 0o600)
    try:
        whole = os.fstat(descriptor).st_size
        try:
            rest = head + line
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, whole)
            if head:
                path.unlink()
            raise
    finally:
        os.close(descriptor)


def _folders() -> list[Path]:
    """Return where rescue files are kept: this user's state, or what is for temporary files."""
    state = platformdirs.user_state_path("paperfacts", appauthor=False)
    return [state / "rescue", Path(tempfile.gettempdir())]


def _stem(database: Path) -> str:
    """Return how the rescue files of *database* begin."""
    name = hashlib.blake2b(os.fsencode(database.absolute()), digest_size=8).hexdigest()
    return f"paperfacts-rescue-{name}-"


def _places(database: Path) -> list[Path]:
    name = f"{_stem(database)}{secrets.token_hex(4)}.jsonl"
    return [folder / name for folder in _folders()]


def waiting(database: Path) -> list[Path]:
    """Return the rescue files of *database* that this user's runs left."""
    found = []
    for folder in _folders():
        for path in sorted(folder.glob(f"{_stem(database)}*.jsonl")):
            with suppress(OSError):
                if not path.is_symlink() and path.stat().st_uid == os.getuid():
                    found.append(path)
    return found


def take_up(database: Database) -> list[str]:
    """Write what waits for *database*; return what the user should be told.

    A file is removed once all of it is written, and stays where something is wrong with it.
    """
    notes = []
    for path in waiting(database.path):
        try:
            papers = 0
            for batch in _batches(path, database):
                database.write(batch)
                papers += len(batch.completions)
            path.unlink()
            notes.append(f"{papers} answers that were kept in {path} have been written")
        except (OSError, ValueError, TypeError, PaperfactsError) as error:
            notes.append(f"{path} was left as it is: {error}")
    return notes


def _batches(path: Path, database: Database) -> Iterator[Batch]:
    """Yield the batches of a rescue file; `ValueError` where it is for another task."""
    with path.open(encoding="utf-8") as lines:
        head = json.loads(next(lines, "{}"))
        if head.get("paperfacts_rescue") != VERSION:
            raise ValueError("it was written by another version of paperfacts")
        if head.get("task") != database.task.name:
            raise ValueError(f"it is of the task {head.get('task')}; run that task to take it up")
        for line in lines:
            yield Batch(**json.loads(line))
