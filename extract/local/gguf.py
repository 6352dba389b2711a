"""Whether a file can be a GGUF model at all, told before llama.cpp is started on it.

llama.cpp reads what a file says about itself, and has aborted on files that lie. The cheap
questions come first: is it there, does it begin as GGUF files do, is it as long as it should be.
"""

from __future__ import annotations

import struct
from pathlib import Path

from extract.errors import ModelError

MAGIC = b"GGUF"
VERSIONS = (2, 3)


def check_gguf(path: Path, *, expected_bytes: int | None = None) -> None:
    """Raise `ModelError` unless *path* begins as a GGUF file and has the expected size."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ModelError(
            f"the model file {path} cannot be read: {error.strerror}",
            hint="Check the path, or name a model that `paperfacts models` lists with --model.",
        ) from error
    if len(head) < 8 or head[:4] != MAGIC:
        raise ModelError(
            f"{path} is no GGUF file: it begins with {head[:4]!r}, not {MAGIC!r}",
            hint="The local model reads GGUF only; convert the weights, or name another file.",
        )
    version = struct.unpack("<I", head[4:])[0]
    if version not in VERSIONS:
        raise ModelError(
            f"{path} is GGUF version {version}; versions {VERSIONS} can be read",
            hint="Fetch or convert the weights again.",
        )
    if expected_bytes is not None and size != expected_bytes:
        raise ModelError(
            f"{path} has {size:,} bytes instead of {expected_bytes:,}",
            hint="The file is cut or another one; remove it, and it is fetched again.",
        )
