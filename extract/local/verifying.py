"""Whether a file holds exactly the bytes that the registry names.

Every file is hashed before it is first loaded by a process: the weights decide the answers, and
they may come from anyone's mirror. Half a gigabyte takes a second or two; nothing is remembered
between processes; a stamp beside the file would be as easy to change as the file.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

_hashes: dict[tuple[Path, int, int], str] = {}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of *path*, computed once per process as long as it is unchanged."""
    status = path.stat()
    key = (path.resolve(), status.st_size, status.st_mtime_ns)
    if key not in _hashes:
        with path.open("rb") as file:
            _hashes[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _hashes[key]


def difference(path: Path, *, size: int, sha256: str) -> str:
    """Return in words how *path* differs from what it should be; empty if it does not."""
    actual_size = path.stat().st_size
    if actual_size != size:
        return f"has {actual_size:,} bytes instead of {size:,}"
    actual = sha256_of(path)
    return "" if actual == sha256 else f"has SHA-256 {actual} instead of {sha256}"
