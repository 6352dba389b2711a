"""Which column, or key, holds which field of a paper.

Told by the caller, else by the names that databases and reference managers use.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from extract.feeds.errors import FeedFormatError
from extract.feeds.source import Source

#: Names of columns for each field, lower case with single spaces, the best first.
FIELD_NAMES = {
    "title": ("title", "article title", "document title", "paper title", "primary title", "ti"),
    "abstract": ("abstract", "summary", "abstract note", "description", "notes abstract", "ab"),
    "id": ("id", "paper id", "record id", "ut (unique wos id)", "eid"),
    "url": ("url", "link", "links", "paper url", "fulltext url"),
    "published": (
        "published",
        "publication date",
        "date",
        "publication year",
        "year",
        "py",
        "publish time",
        "update date",
    ),
    "authors": ("authors", "author", "author full names", "first authors", "author names", "au"),
    "venue": ("venue", "journal", "source title", "publication title", "journal name", "so"),
    "doi": ("doi", "di"),
    "arxiv": ("arxiv", "arxiv id", "arxivid"),
    "pmid": ("pmid", "pubmed id", "pubmedid"),
}


def named_fields(names: Iterable[str]) -> dict[str, int]:
    """Return the place among *names* of each field that a name stands for."""
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        places.setdefault(re.sub(r"[\s_-]+", " ", name).strip().lower(), place)
    return {
        field: places[found[0]]
        for field, known in FIELD_NAMES.items()
        if (found := [name for name in known if name in places])
    }


def place_fields(
    source: Source, names: Sequence[str], columns: Mapping[str, str]
) -> dict[str, int]:
    """Return the place of each field among *names*; refuse names without one for abstracts."""
    fields = named_fields(names)
    shown = ", ".join(names)[:300]
    check_columns(source, columns)
    for field, name in columns.items():
        if name not in names:
            raise FeedFormatError(
                source.name, f"there is no column {name!r}", hint=f"Its columns are: {shown}."
            )
        fields[field] = names.index(name)
    if "abstract" not in fields:
        raise FeedFormatError(
            source.name,
            f"none of its columns is known to hold abstracts: {shown}",
            hint="Say which one does: --columns abstract=NAME",
        )
    return fields


def check_columns(source: Source, columns: Mapping[str, str]) -> None:
    """Refuse a column given to a field that papers do not have."""
    for field in columns:
        if field not in FIELD_NAMES:
            raise FeedFormatError(
                source.name,
                f"there is no field {field!r} to give a column to",
                hint=f"Fields are: {', '.join(FIELD_NAMES)}.",
            )
