"""The files `paperfacts.toml`: which ones count, and what they may name.

    PAPERFACTS_CONFIG      names one file, and no other is read; empty: none is
    ./paperfacts.toml      in the current folder, or the nearest folder above
    ~/.config/paperfacts/  or what the system has instead

A file in a folder above may be anybody's (`/tmp`, a shared disk), and its base URL is where
papers are sent: a file of another user is refused.
"""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from extract.errors import InputError

NAME = "paperfacts.toml"
VARIABLE = "PAPERFACTS_CONFIG"
MAX_BYTES = 1_000_000


@dataclass(frozen=True)
class ConfigFile:
    """A file that was read."""

    path: Path
    document: dict[str, Any]

    def inside(self, name: str, value: str) -> Path:
        """Return the path that the setting *name* holds: relative to the file, and under it."""
        folder = self.path.parent.resolve()
        resolved = (folder / value).resolve()
        if not resolved.is_relative_to(folder):
            raise InputError(
                f"{self.path}: {name} is {value!r}, which leads out of the file's folder",
                hint=f"Name a path under {folder}, or give another one as --{name}.",
            )
        if resolved.exists() and not (resolved.is_file() or resolved.is_dir()):
            raise InputError(
                f"{self.path}: {name} is {value!r}, which is neither a file nor a folder"
            )
        try:
            # Below the current folder a path is shown as it would be typed.
            return resolved.relative_to(Path.cwd())
        except ValueError:
            return resolved


def config_files() -> list[ConfigFile]:
    """Return the files that count, rising in weight."""
    if (named := os.environ.get(VARIABLE)) is not None:
        return [_read(Path(named), is_named=True)] if named else []
    return [_read(path) for path in (_users(), _projects()) if path is not None]


def _users() -> Path | None:
    """Return the file in the user's config folder, where there is one."""
    import platformdirs

    path = platformdirs.user_config_path("paperfacts", appauthor=False) / NAME
    return path if os.path.lexists(path) else None


def _projects() -> Path | None:
    """Return the file in the current folder or the nearest above, where there is one."""
    try:
        here = Path.cwd()
    except OSError:
        return None  # the folder was deleted
    return next(
        (p for folder in (here, *here.parents) if os.path.lexists(p := folder / NAME)), None
    )


def _read(path: Path, *, is_named: bool = False) -> ConfigFile:
    """Read a file that is ours, regular and TOML."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path} is no regular file", hint="Put a TOML file there.")
        if not is_named and _is_anothers(found):
            raise InputError(
                f"{path} belongs to another user, so it is not read",
                hint=f"If you trust it: export {VARIABLE}={path}. To read no file at all:"
                f" export {VARIABLE}=",
            )
        if found.st_size > MAX_BYTES:
            raise InputError(f"{path} is over {MAX_BYTES:,} bytes")
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text, parse_float=Decimal)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        # Not the line itself: it may hold what should not be shown.
        raise InputError(
            f"{path} is not TOML: {error}", hint="docs/models.md has an example."
        ) from None
    return ConfigFile(path, document)


def _is_anothers(found: os.stat_result) -> bool:
    return hasattr(os, "getuid") and found.st_uid not in (os.getuid(), 0)
