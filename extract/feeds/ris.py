"""RIS: what reference managers and databases export.

The text is cut into records at each `ER` line and rispy reads them one by one, so that a record
it stumbles over is a problem and not the end of the feed. Abstracts stand under `AB` or `N2`,
titles under `TI` or `T1`.
"""

import re
from collections.abc import Iterator
from typing import Any

from extract.feeds.dates import iso_date
from extract.feeds.decoding import lines
from extract.feeds.entry import Entry, Options
from extract.feeds.errors import PARSER_FAULTS
from extract.feeds.source import Source
from extract.papers import normal_ids

_TAG = re.compile(r"([A-Z][A-Z0-9])\s{1,3}-(?:\s(.*)|$)", re.S)


def read_ris(source: Source, options: Options) -> Iterator[Entry]:
    """Yield an entry for each record from `TY` to `ER`."""
    del options
    for number, text in _records(source):
        try:
            yield from _entries(f"line {number}", text)
        except PARSER_FAULTS as error:
            message = f"no RIS record: {error}"
            source.report(f"line {number}", "broken_record", message, excerpt=text)


def _records(source: Source) -> Iterator[tuple[int, str]]:
    """Yield the text of each record with its line, its tags written as the standard says."""
    record: list[str] = []
    start = 0
    for number, line in lines(source):
        line = line.lstrip("\ufeff")
        found = _TAG.match(line)
        if found and found[1] == "TY" and record:
            yield start, _closed(record)  # the record before has no ER
            record = []
        if found and found[1] == "ER":
            if record:
                yield start, _closed(record)
            record = []
        elif found and (record or found[1] == "TY"):
            start = start if record else number
            record.append(f"{found[1]}  - {found[2] or ''}")
        elif record:
            record.append(line)
        elif line.strip():
            source.report(
                f"line {number}", "broken_record", "a line outside any record", excerpt=line
            )
    if record:
        source.report(f"line {start}", "truncated", "the last record has no ER line")
        yield start, _closed(record)


def _closed(record: list[str]) -> str:
    return "\n".join([*record, "ER  - ", ""])


def _entries(location: str, text: str) -> Iterator[Entry]:
    import rispy  # type: ignore[import-untyped]  # it has no types

    for record in rispy.loads(text):
        date = next(
            (
                found
                for key in ("date", "year", "publication_year")
                if (found := iso_date(record.get(key)))
            ),
            None,
        )
        ids = normal_ids(("doi", record.get("doi")), ("pmid", _pmid(record)))
        yield Entry(
            location=location,
            title=_first(record, "title", "primary_title", "translated_title"),
            abstract=_first(record, "abstract", "notes_abstract"),
            own_id=None if ids else _first(record, "id", "accession_number") or None,
            url=_first(record, "urls", "url", "link1") or None,
            published=date,
            authors=tuple(record.get("authors") or record.get("first_authors") or ()),
            venue=_first(record, "journal_name", "secondary_title", "alternate_title3") or None,
            ids=ids,
        )


def _first(record: dict[str, Any], *keys: str) -> str:
    """Return the first of *keys* that has a text."""
    for key in keys:
        value = record.get(key)
        if isinstance(value, list):
            value = next((one for one in value if isinstance(one, str)), None)
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _pmid(record: dict[str, Any]) -> str | None:
    """Return the PubMed id that some exporters keep as the accession number."""
    if "pubmed" in str(record.get("name_of_database", "")).lower():
        return _first(record, "accession_number")
    return None
