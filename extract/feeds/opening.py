"""Which file a feed is read from.

Only plain files and standard input (`-`) are read: a device never ends, a named pipe may never
begin, and a URL is fetched by somebody else, who checks where it leads.
"""

import errno
import os
import re
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from extract.feeds.errors import FeedPathError
from extract.feeds.source import DEFAULT_MAX_BYTES, Source

STDIN = "-"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def open_source(path: str | Path, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Source:
    """Return the feed at *path*, open, or standard input for `-`."""
    name = str(path)
    if name == STDIN:
        if sys.stdin is None:
            hint = "Pass the path of a file instead of -."
            raise FeedPathError("standard input", "it is closed", hint=hint)
        return Source("standard input", sys.stdin.buffer, max_bytes=max_bytes)
    raw = _open_file(name)
    try:
        return Source(name, raw, max_bytes=max_bytes)
    except OSError as error:
        raw.close()
        raise FeedPathError(name, _why(error), hint=_hint(name, error)) from error
    except BaseException:
        raw.close()
        raise


def _open_file(name: str) -> BinaryIO:
    if _URL.match(name):
        raise FeedPathError(
            name, "this is a URL, not a file", hint=f"Fetch it first: curl -o feed '{name}'"
        )
    try:
        # Looking before opening: to open a named pipe would wait for its writer.
        _refuse_special(name, os.stat(name))
        return open(name, "rb")
    except ValueError as error:  # a NUL in the path
        raise FeedPathError(repr(name), f"no file name: {error}", hint="Check the path.") from error
    except OSError as error:
        raise FeedPathError(name, _why(error), hint=_hint(name, error)) from error


def _refuse_special(name: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISDIR(status.st_mode):
        raise FeedPathError(name, "this is a folder", hint="Name one feed file inside it.")
    raise FeedPathError(
        name,
        "not a plain file but a pipe, socket or device",
        hint="To read what another program writes, pipe it into standard input and pass -.",
    )


def _why(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "no such file"
    return (error.strerror or str(error)).lower()


def _hint(name: str, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        folder = os.path.dirname(name) or "."
        if os.path.isdir(folder):
            return f"Check the name; the folder {folder} exists."
        return f"The folder {folder} does not exist either."
    if error.errno == errno.EACCES:
        return "Make it readable for you: chmod u+r FILE"
    return "Check the path."


def is_plain_file(name: str) -> bool:
    """Say whether *name* is a file that another library may open by its name."""
    return name != STDIN and os.path.isfile(name)
