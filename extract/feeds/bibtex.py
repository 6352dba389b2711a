"""BibTeX: an entry a paper, where it has an `abstract` field.

A block that cannot be read is a problem with its line, and the others are read.
"""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from extract.feeds.dates import iso_date, iso_parts
from extract.feeds.decoding import whole_text
from extract.feeds.entry import Entry, Options
from extract.feeds.errors import PARSER_FAULTS, FeedFormatError
from extract.feeds.latex import plain_text
from extract.feeds.records import names_of
from extract.feeds.source import Source
from extract.papers import normal_ids

if TYPE_CHECKING:
    from bibtexparser.library import Library
    from bibtexparser.model import Entry as BibEntry


def read_bibtex(source: Source, options: Options) -> Iterator[Entry]:
    """Yield an entry for each block that describes a paper."""
    del options
    from bibtexparser.model import DuplicateBlockKeyBlock
    from bibtexparser.model import Entry as BibEntry

    library = _parsed(source, whole_text(source))
    for entry in library.entries:
        yield _entry_of(entry)
    for block in library.failed_blocks:
        again = block.ignore_error_block
        if isinstance(block, DuplicateBlockKeyBlock) and isinstance(again, BibEntry):
            yield _entry_of(again)  # told twice, or two papers: `collecting` decides
            continue
        reason = getattr(block.error, "abort_reason", None) or str(block.error)
        source.report(
            f"line {(block.start_line or 0) + 1}",
            "broken_record",
            f"no BibTeX entry: {' '.join(str(reason).split())}",
            excerpt=block.raw or "",
        )


def _parsed(source: Source, text: str) -> "Library":
    from bibtexparser.entrypoint import parse_string

    # What it warns of are the failed blocks, which are reported.
    logging.getLogger("bibtexparser").setLevel(logging.ERROR)
    try:
        return parse_string(text)
    except PARSER_FAULTS as error:
        raise FeedFormatError(
            source.name, f"bibtexparser cannot read it: {error}", hint="Check its braces."
        ) from error


def _entry_of(entry: "BibEntry") -> Entry:
    fields = {field.key.lower(): plain_text(str(field.value)) for field in entry.fields}
    eprint = fields.get("eprint") if _is_arxiv(fields) else None
    date = iso_date(fields.get("date")) or iso_parts(fields.get("year"), fields.get("month"))
    return Entry(
        location=f"line {(entry.start_line or 0) + 1}",
        title=" ".join(fields.get("title", "").split()),
        abstract=fields.get("abstract", ""),
        url=fields.get("url"),
        published=date,
        authors=names_of(" ".join(fields.get("author", "").split())),
        venue=fields.get("journal") or fields.get("journaltitle") or fields.get("booktitle"),
        ids=normal_ids(
            ("doi", fields.get("doi")),
            ("arxiv", eprint),
            ("pmid", fields.get("pmid")),
            ("bibtex", entry.key),
        ),
    )


def _is_arxiv(fields: dict[str, str]) -> bool:
    kind = fields.get("archiveprefix") or fields.get("eprinttype") or "arxiv"
    return kind.lower() == "arxiv"
