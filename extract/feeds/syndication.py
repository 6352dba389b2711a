"""RSS, Atom and RDF: what publishers and arXiv announce.

feedparser gets bytes and nothing else: given a name, it would open files and follow URLs. Where
the XML breaks off it gives what came before, which is reported. arXiv's announcements begin
with a line of their own, which is no part of the abstract.
"""

import io
import re
from collections.abc import Iterator
from typing import Any

from extract.feeds.dates import iso_date
from extract.feeds.entry import Entry, Options
from extract.feeds.errors import PARSER_FAULTS, FeedFormatError, FeedTooLarge
from extract.feeds.markup import strip_markup
from extract.feeds.source import Source
from extract.feeds.xmlsafety import refuse_entities
from extract.papers import normal_ids

_MAX_BYTES = 128 << 20
_ANNOUNCEMENT = re.compile(
    r"\s*arXiv:\S+\s+Announce Type:\s*\S+\s*(?:Abstract:\s*)?|\s*Abstract:\s+", re.I
)
_DATES = ("published", "prism_publicationdate", "dc_date", "updated", "created")


def read_syndication(source: Source, options: Options) -> Iterator[Entry]:
    """Yield an entry for each item of the feed."""
    del options
    import feedparser  # type: ignore[import-untyped]  # it has no types

    refuse_entities(source)
    document = source.stream.read(_MAX_BYTES + 1)
    if len(document) > _MAX_BYTES:
        raise FeedTooLarge(
            source.name,
            f"more than {_MAX_BYTES:,} bytes of RSS or Atom",
            hint="Split it, or convert it to JSON Lines, which is streamed.",
        )
    try:
        parsed = feedparser.parse(
            io.BytesIO(document.lstrip(b" \t\r\n")),
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except PARSER_FAULTS as error:
        raise FeedFormatError(
            source.name, f"feedparser cannot read it: {error}", hint="Fetch it again."
        ) from error
    _report_fault(source, parsed)
    for number, item in enumerate(parsed.entries, 1):
        # A plain dict: feedparser's own warns and guesses when a date is asked for.
        yield _entry_of(f"entry {number}", dict(item))


def _report_fault(source: Source, parsed: Any) -> None:
    """Report XML that breaks off: what is behind the break is missing."""
    import feedparser

    fault = parsed.get("bozo_exception")
    harmless = (feedparser.CharacterEncodingOverride, feedparser.NonXMLContentType)
    if not parsed.get("bozo") or isinstance(fault, harmless):
        return
    line = getattr(fault, "getLineNumber", lambda: None)()
    reason = getattr(fault, "getMessage", lambda: str(fault))()
    source.report(
        f"line {line}" if line else "feed",
        "truncated",
        f"the XML is broken: {reason}; entries from here on may be missing",
    )


def _entry_of(location: str, item: dict[str, Any]) -> Entry:
    link = _text(item, "link")
    own = _text(item, "id")
    arxiv = normal_ids(("arxiv", own), ("arxiv", link))
    published = next((date for key in _DATES if (date := iso_date(item.get(key)))), None)
    doi = [("doi", _text(item, key)) for key in ("arxiv_doi", "prism_doi", "dc_identifier")]
    ids = normal_ids(
        *arxiv,  # in arXiv's own feeds its id names the paper, a DOI may come later
        *doi,
        ("doi", own),
        ("doi", link),
        ("pmid", own.removeprefix("pubmed:") if own.startswith("pubmed:") else None),
    )
    return Entry(
        location=location,
        title=" ".join(_plain(item.get("title_detail")).split()),
        abstract=_abstract(item),
        own_id=None if ids else own or link or None,
        url=link or None,
        published=published,
        authors=_authors(item, is_arxiv=bool(arxiv)),
        venue=_text(item, "prism_publicationname") or _text(item, "dc_source") or None,
        ids=ids,
    )


def _abstract(item: Any) -> str:
    """Return the longer of the summary and the full content: some feeds put a teaser first."""
    details = [item.get("summary_detail"), *(item.get("content") or [])]
    text = max((_plain(detail) for detail in details), key=len)
    return _ANNOUNCEMENT.sub("", text, count=1) if _ANNOUNCEMENT.match(text) else text


def _plain(detail: Any) -> str:
    if not detail:
        return ""
    value = str(detail.get("value") or "")
    # Atom says what its text is; RSS does not, and its descriptions are HTML by custom.
    return strip_markup(value) if "html" in str(detail.get("type") or "html") else value


def _authors(item: Any, *, is_arxiv: bool) -> tuple[str, ...]:
    names = [str(author.get("name") or "") for author in item.get("authors") or []]
    if is_arxiv and len(names) == 1:
        # One dc:creator names all authors, with commas between them.
        names = names[0].split(",")
    return tuple(name.strip() for name in names if name.strip())


def _text(item: Any, key: str) -> str:
    value = item.get(key)
    return value.strip() if isinstance(value, str) else ""
