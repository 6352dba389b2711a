"""What the child wrote to stderr, kept where it can be read at any time.

A file and not a pipe: the child never waits for a reader, and everything it said is there after
its death. Read by position, so that a caller can ask what was said since a moment of its own.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path


class ChildLog:
    """A file that children write one after the other; gone when closed."""

    def __init__(self) -> None:
        self.write_fd, name = tempfile.mkstemp(prefix="paperfacts-llama-", suffix=".log")
        self._path = Path(name)
        self._file = self._path.open("rb")
        self._lock = threading.Lock()
        if sys.platform != "win32":  # Windows cannot remove a file that is open
            self._path.unlink()

    def position(self) -> int:
        """Return how many bytes have been written so far."""
        return os.fstat(self.write_fd).st_size

    def read(self, start: int = 0) -> str:
        """Return what was written from byte *start* on."""
        with self._lock:
            self._file.seek(start)
            return self._file.read().decode("utf-8", "replace")

    def close(self) -> None:
        """Remove the file; what was in it is lost."""
        self._file.close()
        os.close(self.write_fd)
        self._path.unlink(missing_ok=True)
