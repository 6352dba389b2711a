"""Which characters the bytes of a feed are.

UTF-8 with or without a mark, UTF-16 and UTF-32 by their marks, UTF-16 without one by where its
NUL bytes stand. Bytes that are not UTF-8 are read as Windows-1252, one by one, so that a single
stray byte does not turn the rest of a UTF-8 file into garbage; a note says where. Text mostly
of such bytes is in an encoding that we do not know, and is refused.
"""

import codecs
import io
import re
from collections.abc import Iterator

from extract.feeds.errors import FeedBytesError, FeedTooLarge
from extract.feeds.source import Source

MAX_LINE_CHARS = 64 << 20
MAX_TEXT_CHARS = 256 << 20

_MARKS = (  # UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What errors="surrogateescape" leaves of bytes that are not UTF-8; an encoded surrogate, which
# is three such bytes, is one character that does not exist.
_ESCAPED = re.compile("\udced[\udca0-\udcbf][\udc80-\udcbf]|[\udc80-\udcff]")


def encoding_of(source: Source) -> str:
    """Return the encoding of the feed's text; refuse bytes that are not text."""
    head = source.head
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    sample = head[: 1 << 16]
    if wide := _unmarked_utf16(sample):
        return wide
    controls = len(sample) - len(sample.translate(None, bytes(_CONTROLS)))
    if controls * 20 > len(sample):
        raise FeedBytesError(
            source.name,
            "this is a binary file, not text",
            hint="Pass the feed as text, JSON, CSV, XML, BibTeX, RIS or Parquet.",
        )
    text = sample.decode("utf-8", "surrogateescape")
    if len(_ESCAPED.findall(text)) * 5 > len(text) and len(text) > 20:
        raise FeedBytesError(
            source.name,
            "the text is neither UTF-8, UTF-16, UTF-32 nor a Western 8-bit encoding",
            hint="Convert it first: iconv -f ENCODING -t UTF-8 FILE > feed",
        )
    return "utf-8"


def lines(source: Source) -> Iterator[tuple[int, str]]:
    """Yield the feed's lines with their numbers, from 1, without their ends."""
    encoding = encoding_of(source)
    wrapper = _wrapped(source, encoding)
    number, noted = 0, False
    while line := wrapper.readline(MAX_LINE_CHARS):
        number += 1
        if len(line) == MAX_LINE_CHARS and not line.endswith("\n"):
            raise FeedTooLarge(
                source.name,
                f"line {number} has more than {MAX_LINE_CHARS:,} characters",
                hint="Is this a feed with one paper a line?",
            )
        if encoding == "utf-8" and (not line.isascii()) and _ESCAPED.search(line):
            line = _repaired(line)
            if not noted:
                _note_encoding(source, f"line {number}", line)
                noted = True
        yield number, line.rstrip("\n")


def whole_text(source: Source) -> str:
    """Return the text of a feed whose format needs all of it at once."""
    encoding = encoding_of(source)
    text = _wrapped(source, encoding).read(MAX_TEXT_CHARS)
    if len(text) == MAX_TEXT_CHARS:
        raise FeedTooLarge(
            source.name,
            f"more than {MAX_TEXT_CHARS:,} characters in a format that is read at once",
            hint="Split the feed, or convert it to JSON Lines, which is streamed.",
        )
    if encoding == "utf-8" and (found := _ESCAPED.search(text)):
        _note_encoding(source, f"line {text.count(chr(10), 0, found.start()) + 1}", "")
        text = _repaired(text)
    return text


def head_text(source: Source) -> str:
    """Return the first characters of the feed, good enough to tell its format by."""
    encoding = encoding_of(source)
    text = source.head.decode(encoding, "ignore")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _wrapped(source: Source, encoding: str) -> io.TextIOWrapper:
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    return io.TextIOWrapper(source.stream, encoding, errors)


def _unmarked_utf16(sample: bytes) -> str | None:
    """Tell UTF-16 without a mark by its NULs: Western text has one in every second byte."""
    pairs = len(sample) // 2
    if pairs < 2:
        return None
    even, odd = sample[0 : 2 * pairs : 2].count(0), sample[1 : 2 * pairs : 2].count(0)
    if odd * 10 > pairs * 4 and even * 20 < pairs:
        return "utf-16-le"
    if even * 10 > pairs * 4 and odd * 20 < pairs:
        return "utf-16-be"
    return None


def _repaired(text: str) -> str:
    return _ESCAPED.sub(_as_cp1252, text)


def _as_cp1252(found: re.Match[str]) -> str:
    if len(found[0]) > 1:
        return "\ufffd"
    return bytes([ord(found[0]) - 0xDC00]).decode("cp1252", "replace")


def _note_encoding(source: Source, location: str, line: str) -> None:
    source.report(
        location,
        "encoding",
        "not UTF-8 from here on: such bytes are read as Windows-1252; if names look wrong, "
        "convert the feed with iconv",
        excerpt=line,
    )


_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13}
