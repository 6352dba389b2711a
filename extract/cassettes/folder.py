"""Where cassettes lie: a folder with one JSON file each, or one JSONL file for all of them.

    fixtures/test_claims/k1-91fe….json        one recording, named by the key of its request
    fixtures/recorded/trending.jsonl          one recording a line; a later line replaces an earlier

A folder may hold `.jsonl` files too; both are read. A file is written whole or not at all, and
one that cannot be read is an error and never taken for one that is not there: recording over it
would hide what happened to it.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from extract.cassettes.cassette import MAX_BYTES, Cassette, NotACassette, loads
from extract.cassettes.errors import CassetteDamaged
from extract.errors import InputError

_KEY = re.compile(r"k\d+-[0-9a-f]{32}")


def is_recording(path: Path) -> bool:
    """True for a file that is named by the key of a request."""
    return _KEY.fullmatch(path.stem) is not None


@dataclass(frozen=True)
class Place:
    """A file, and the line of it where it is a JSONL file."""

    path: Path
    line: int = 0
    text: str | None = None

    def __str__(self) -> str:
        path = shown_path(self.path)
        return f"{path}, line {self.line}" if self.line else path

    def read(self) -> Cassette:
        """Read the cassette; raise `CassetteDamaged` with what to do about it."""
        try:
            cassette = loads(_read(self.path) if self.text is None else self.text)
            if self.text is None and cassette.key != self.path.stem:
                raise NotACassette(f"it is the recording {cassette.key}: the file was renamed")
        except NotACassette as error:
            file = shlex.quote(shown_path(self.path))
            raise CassetteDamaged(
                f"{self} is damaged: {error}",
                hint=error.hint
                or f"Take it back from version control (git checkout -- {file}),"
                f" or delete {'the line' if self.line else 'it'} and record it again.",
            ) from None
        return cassette


class Cassettes:
    """The recordings at one place, and which of them were played."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_file = path.suffix == ".jsonl"
        if path.exists() and path.is_dir() == self.is_file:
            kind = "a folder" if self.is_file else "not a folder"
            raise InputError(
                f"{path} is {kind}", hint="Name a folder, or a file that ends in .jsonl."
            )
        self.played: set[str] = set()
        self._places = dict(_places(path))

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    @property
    def has_text(self) -> bool:
        """True where no recording here leaves its text out."""
        return all(cassette.has_text for cassette in self.readable())

    def get(self, key: str) -> Cassette | None:
        """Return the recording of *key*, None where there is none."""
        place = self._places.get(key)
        return place.read() if place else None

    def place(self, key: str) -> str:
        """Return where the recording of *key* lies, for a message."""
        return str(self._places[key])

    def put(self, cassette: Cassette) -> None:
        """Write a recording; one of the same key is replaced."""
        if self.is_file:
            self._append(cassette)
            return
        path = self.path / f"{cassette.key}.json"
        write_file(path, cassette.dumps())
        self._places[cassette.key] = Place(path)

    def unplayed(self) -> list[str]:
        """Return the keys of the recordings that nothing played, in order."""
        return sorted(self._places.keys() - self.played)

    def remove(self, keys: list[str]) -> None:
        """Delete recordings; of a JSONL file, their lines."""
        files = {place.path for key in keys if (place := self._places.pop(key)).line}
        for key in keys:
            if not self.is_file:
                file = self.path / f"{key}.json"
                with _writing(file):
                    file.unlink(missing_ok=True)
        for path in files:
            self._rewrite(path)

    def readable(self) -> Iterator[Cassette]:
        """Yield every recording that can be read."""
        for place in list(self._places.values()):
            with suppress(CassetteDamaged):
                yield place.read()

    def problems(self) -> list[str]:
        """Say which files here are recordings that cannot be played, and why."""
        found = []
        for place in list(self._places.values()):
            try:
                place.read()
            except CassetteDamaged as error:
                found.append(str(error))
        return found + [
            f"{shown_path(file)} is a recording and has another name: only {key}.json is played"
            for file, key in _misnamed(self.path)
        ]

    def elsewhere(self, key: str) -> Path | None:
        """Return the file of *key* in a folder beside this one, None where there is none."""
        if self.is_file or not self.path.parent.is_dir():
            return None
        return next(iter(sorted(self.path.parent.glob(f"*/{key}.json"))), None)

    def close(self) -> None:
        """Bring a JSONL file into the order of its keys, each key once."""
        if self.is_file and self.path.exists():
            self._rewrite(self.path)

    def _append(self, cassette: Cassette) -> None:
        line = cassette.dump_line()
        with _writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._places[cassette.key] = Place(self.path, len(self._places) + 1, line)

    def _rewrite(self, path: Path) -> None:
        kept = {key: p for key, p in sorted(self._places.items()) if p.path == path}
        text = "".join(f"{place.text}\n" for place in kept.values())
        if text != _read(path):
            write_file(path, text)
        for number, (key, place) in enumerate(kept.items(), 1):
            self._places[key] = Place(path, number, place.text)


def _places(path: Path) -> Iterator[tuple[str, Place]]:
    """Yield the key and the place of every recording at *path*; files are not read for it."""
    if path.suffix == ".jsonl":
        if path.exists():
            yield from _lines(path)
        return
    if not path.is_dir():
        return
    for file in sorted(path.iterdir()):
        if file.suffix == ".jsonl":
            yield from _lines(file)
        elif file.suffix == ".json" and _KEY.fullmatch(file.stem):
            yield file.stem, Place(file)


def _misnamed(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the recordings of a folder whose names are no keys, and so are never played."""
    if not path.is_dir():
        return
    for file in sorted(path.glob("*.json")):
        if not _KEY.fullmatch(file.stem):
            with suppress(NotACassette):
                yield file, loads(_read(file)).key


def _lines(path: Path) -> Iterator[tuple[str, Place]]:
    """Yield the recordings of a JSONL file; every line must be one."""
    try:
        text = _read(path)
    except NotACassette as error:
        raise CassetteDamaged(f"{shown_path(path)} is damaged: {error}") from None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        found = re.match(r'\{"format": ?\d+, ?"key": ?"([^"]*)"', line)
        if not found:
            raise CassetteDamaged(
                f"{shown_path(path)}, line {number} is damaged: it does not begin like a recording",
                hint="Take the file back from version control"
                f" (git checkout -- {shlex.quote(shown_path(path))}),"
                " or delete the line and record it again.",
            )
        yield found[1], Place(path, number, line)


def _read(path: Path) -> str:
    """Return the text of a regular file of bearable size."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise NotACassette("it is no regular file")
        limit = MAX_BYTES * (100 if path.suffix == ".jsonl" else 1)
        if path.stat().st_size > limit:
            raise NotACassette(f"it is larger than {limit // 1_000_000} MB")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotACassette(f"it is not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise NotACassette(f"it cannot be read: {error.strerror}") from None


def shown_path(path: Path) -> str:
    """Return a path as people type it: from where they are, if it lies there."""
    with suppress(OSError):  # where they are may be gone
        if path.is_relative_to(here := Path.cwd()):
            return str(path.relative_to(here))
    return str(path)


def write_file(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    with _writing(path):
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            unfinished.write_text(text, encoding="utf-8", newline="\n")
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)


class _writing:  # noqa: N801  # reads as a verb
    """Make the folder of a file, and say in our words why it cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise _unwritable(self.path, error) from error


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"the recording {shown_path(path)} cannot be written: {error.strerror}",
        hint="Name a folder that may be written, with room on its disk.",
    )
