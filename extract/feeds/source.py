"""What the bytes of a feed are, and how many of them we are willing to unpack.

A `Source` owns the open file. It undoes gzip, refuses what is no text, and counts unpacked
bytes, so that a small bomb cannot fill the memory. It also holds the list of problems that a
reader reports into.

Not here: opening a path (`opening`), and what the bytes mean as characters (`decoding`) and
as papers (the format modules).
"""

import gzip
import io
import sys
import zlib
from typing import BinaryIO

from extract.feeds.errors import FeedBytesError, FeedPathError, FeedTooLarge
from extract.feeds.problem import FeedProblem, Problems
from extract.papers import storable

HEAD_BYTES = 1 << 18
DEFAULT_MAX_BYTES = 2 << 30
_EXCERPT = 120

_MAGIC = (
    (b"PK\x03\x04", "a zip archive", "Unpack it, and pass the file inside."),
    (b"BZh", "compressed with bzip2", "Unpack it with: bunzip2 -k FILE"),
    (b"\xfd7zXZ\x00", "compressed with xz", "Unpack it with: unxz -k FILE"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstandard", "Unpack it with: unzstd FILE"),
    (b"%PDF-", "a PDF", "Pass a feed of titles and abstracts, not a paper."),
    (b"SQLite format 3\x00", "a SQLite database", "Export the table as CSV first."),
    (b"\x1f\x8b", "gzip inside gzip", "Unpack it once with: gunzip FILE"),
)


class Source:
    """An open feed: its name, its decoded bytes, and the problems met in it."""

    def __init__(self, name: str, raw: BinaryIO, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.name = name
        self.problems = Problems()
        self.max_bytes = max_bytes
        self.is_gzip = False
        self._raw = raw
        first = raw.read(HEAD_BYTES)
        if first[:2] == b"\x1f\x8b":
            self._refuse_encrypted(first)
            self.is_gzip = True
            unzipped = gzip.GzipFile(fileobj=io.BufferedReader(_Rejoined(first, raw)))
            self._bytes = _Counted(b"", unzipped, self)
            self.head = _read_head(self._bytes)
            self._bytes = _Counted(self.head, unzipped, self)
        else:
            self.head = first
            self._bytes = _Counted(first, raw, self)
        self._refuse_binary()

    @property
    def extension(self) -> str:
        """The file name's extension without `.gz`, lower case and without the dot."""
        name = self.name.lower().removesuffix(".gz")
        return name.rpartition(".")[2] if "." in name else ""

    @property
    def stream(self) -> io.BufferedReader:
        """The decoded bytes from the first one on; to be asked for once."""
        return io.BufferedReader(self._bytes, 1 << 16)

    def report(
        self, location: str, reason: str, message: str, *, excerpt: str = "", paper_id: str = ""
    ) -> None:
        """Keep a problem of this feed."""
        shown = " ".join(storable(excerpt[: 4 * _EXCERPT])[0].split())
        if len(shown) > _EXCERPT:
            shown = shown[: _EXCERPT - 1] + "…"
        self.problems.meet(FeedProblem(location, reason, message, shown, paper_id or None))

    def close(self) -> None:
        """Close the file, unless it is standard input."""
        if self._raw is not getattr(sys.stdin, "buffer", None):
            self._raw.close()

    def _refuse_encrypted(self, first: bytes) -> None:
        # Bits 5-7 of the flags are reserved by RFC 1952; old tools set 5 for "encrypted".
        if len(first) > 3 and first[3] & 0xE0:
            raise FeedBytesError(
                self.name,
                "the gzip header has reserved flags set: encrypted, or damaged",
                hint="Decrypt it first, or fetch it again.",
            )

    def _refuse_binary(self) -> None:
        if not self.head.strip(b"\xef\xbb\xbf \t\r\n"):
            raise FeedBytesError(
                self.name, "the feed is empty", hint="Check the download that wrote it."
            )
        for magic, what, hint in _MAGIC:
            if self.head.startswith(magic):
                raise FeedBytesError(self.name, f"not a feed but {what}", hint=hint)
        if self.head[257:262] == b"ustar":
            raise FeedBytesError(
                self.name, "not a feed but a tar archive", hint="Unpack it with: tar -xf FILE"
            )


class _Rejoined(io.RawIOBase):
    """The bytes already read, then the rest of the file they were read from."""

    def __init__(self, head: bytes, rest: BinaryIO | gzip.GzipFile) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any writable buffer
        if self._head:
            part, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        else:
            part = self._rest.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


class _Counted(_Rejoined):
    """Counts what it gives, stops at the limit, and says which feed a broken gzip is."""

    def __init__(self, head: bytes, rest: BinaryIO | gzip.GzipFile, source: Source) -> None:
        super().__init__(head, rest)
        self._source = source
        self._given = 0

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any writable buffer
        name = self._source.name
        try:
            count = super().readinto(buffer)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise FeedBytesError(
                name, f"the gzip data is broken or cut off ({error})", hint="Fetch it again."
            ) from error
        except OSError as error:
            raise FeedPathError(
                name, f"reading failed: {error.strerror or error}", hint="Check the disk."
            ) from error
        self._given += count
        if self._source.is_gzip and self._given > self._source.max_bytes:
            raise FeedTooLarge(
                name,
                f"unpacks to more than {self._source.max_bytes:,} bytes",
                hint="If the feed is really that large, unpack it first, or raise max_bytes.",
            )
        return count


def _read_head(stream: io.RawIOBase) -> bytes:
    """Return up to HEAD_BYTES, though a raw stream may give fewer at a time."""
    parts, missing = [], HEAD_BYTES
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
