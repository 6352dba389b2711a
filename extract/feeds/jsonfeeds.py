"""JSON: one object a line, or one document with the records somewhere inside.

Lines are streamed; a broken line is a problem and the next one is read. A document is an array
of records, a record, or an envelope (`results`, `message`, `data`, …) around either. Records of
an array are decoded one by one, so that a download cut off in its middle still gives its
beginning.
"""

import json
from collections.abc import Generator, Iterator

from extract.feeds.decoding import lines, whole_text
from extract.feeds.entry import Entry, Options
from extract.feeds.errors import FeedFormatError
from extract.feeds.fields import check_columns
from extract.feeds.jsonrecords import entry_of_json
from extract.feeds.source import Source

_ENVELOPES = ("results", "items", "data", "papers", "works", "articles", "entries", "records")
# strict=False: raw control characters inside strings are replaced later, and counted.
_DECODER = json.JSONDecoder(strict=False)
_WHITE = " \t\n\r\ufeff"


def read_jsonl(source: Source, options: Options) -> Iterator[Entry]:
    """Yield an entry for each line that is a JSON object."""
    check_columns(source, options.columns)
    for number, line in lines(source):
        line = line.strip(_WHITE)
        if not line:
            continue
        location = f"line {number}"
        try:
            record = _DECODER.decode(line)
        # A number of 5,000 digits is a ValueError; 100,000 brackets are a RecursionError.
        except (ValueError, RecursionError) as error:
            source.report(location, "broken_record", f"no JSON: {_short(error)}", excerpt=line)
            continue
        yield from _entries(source, location, record, options)


def read_json(source: Source, options: Options) -> Iterator[Entry]:
    """Yield an entry for each record in a JSON document, or in several after one another."""
    check_columns(source, options.columns)
    text = whole_text(source)
    for number, record in enumerate(_records(source, text), 1):
        yield from _entries(source, f"record {number}", record, options)


def _entries(source: Source, location: str, record: object, options: Options) -> Iterator[Entry]:
    if isinstance(record, dict):
        yield entry_of_json(location, record, options.columns)
    else:
        excerpt = json.dumps(record)[:200] if isinstance(record, str | int | float) else ""
        source.report(location, "broken_record", "not a JSON object", excerpt=excerpt)


def _records(source: Source, text: str) -> Iterator[object]:
    """Yield the records of each value in *text*."""
    at = _skip(text, 0)
    while at < len(text):
        if text[at] == "[":
            at = yield from _elements(source, text, at + 1)
        else:
            try:
                value, at = _DECODER.raw_decode(text, at)
            except (ValueError, RecursionError) as error:
                _report_rest(source, text, at, error)
                return
            yield from _unwrapped(value)
        at = _skip(text, at, more=",")


def _elements(source: Source, text: str, at: int) -> Generator[object, None, int]:
    """Yield the elements of the array whose inside begins at *at*; return where it ends."""
    while (at := _skip(text, at, more=",")) < len(text) and text[at] != "]":
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            _report_rest(source, text, at, error)
            return len(text)
        yield value
    if at >= len(text):
        source.report("end", "truncated", "the array has no end: the feed was cut off")
    return at + 1


def _unwrapped(value: object) -> Iterator[object]:
    """Yield the records inside the envelope *value*, or *value* itself."""
    if isinstance(value, dict):
        message = value.get("message")
        if isinstance(message, dict) and "abstract" not in value:
            value = message
        for key in _ENVELOPES:
            if isinstance(value.get(key), list) and "abstract" not in value:
                yield from value[key]
                return
    yield value


def _skip(text: str, at: int, *, more: str = "") -> int:
    while at < len(text) and text[at] in _WHITE + more:
        at += 1
    return at


def _report_rest(source: Source, text: str, at: int, error: Exception) -> None:
    """Report that nothing can be read from *at* on; without any record it is no JSON at all."""
    line = text.count("\n", 0, getattr(error, "pos", at)) + 1
    if at == _skip(text, 0):
        raise FeedFormatError(
            source.name,
            f"line {line}: no JSON: {_short(error)}",
            hint="If each line is an object, use --format jsonl; else fetch the feed again.",
        )
    message = f"no JSON from here on: {_short(error)}"
    source.report(f"line {line}", "truncated", message, excerpt=text[at : at + 200])


def _short(error: Exception) -> str:
    return getattr(error, "msg", None) or str(error)[:100]
