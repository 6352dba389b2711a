"""What a generic record says: the fields of a table's row, or of a JSON object.

A record is a mapping from our field names (`title`, `abstract`, `id`, `url`, `published`,
`authors`, `venue`, `doi`, `arxiv`, `pmid`) to whatever stands there. Its `id` is kept as it is:
whoever made the table wants to find their rows again.
"""

import ast
import json
import re
from collections.abc import Mapping

from extract.feeds.dates import iso_date
from extract.feeds.entry import Entry
from extract.papers import normal_ids


def entry_of_record(location: str, record: Mapping[str, object]) -> Entry:
    """Return the entry that *record* tells."""
    ids = normal_ids(*((scheme, record.get(scheme)) for scheme in ("doi", "arxiv", "pmid")))
    return Entry(
        location=location,
        title=text_of(record.get("title")),
        abstract=text_of(record.get("abstract")),
        own_id=text_of(record.get("id")).strip() or None,
        url=text_of(record.get("url")) or None,
        published=iso_date(record.get("published")),
        authors=names_of(record.get("authors")),
        venue=text_of(record.get("venue")) or None,
        ids=ids,
    )


def text_of(value: object) -> str:
    """Return *value* as text: the first of a list, the name of an object, nothing for null."""
    match value:
        case str():
            return value
        case bool() | None:
            return ""
        case int() | float():
            return str(value)
        case [first, *_]:
            return text_of(first)
        case {"name": str(name)} | {"display_name": str(name)} | {"value": str(name)}:
            return name
    return ""


def names_of(value: object) -> tuple[str, ...]:
    """Return the authors that *value* names: a list, a list written as text, or one string.

    Commas separate authors only where there are no semicolons or "and"s and every part has
    more than one word: `Bernard, Matthew` is one author.
    """
    if isinstance(value, str):
        value = _listed(value)
    if not isinstance(value, list | tuple):
        value = [value]
    return tuple(name for one in value if (name := _name_of(one)))


def _name_of(value: object) -> str:
    match value:
        case {"given": str(given), "family": str(family)}:
            return f"{given} {family}".strip()
        case {"family": str(family)}:
            return family
        case {"author": {"display_name": str(name)}}:
            return name
        case {"raw_author_name": str(name)}:
            return name
    return " ".join(text_of(value).split())


def _listed(text: str) -> list[object]:
    text = text.strip()
    if text.startswith("[") and len(text) < 100_000:
        for parse in (json.loads, ast.literal_eval):  # pandas writes lists as Python does
            try:
                value = parse(text)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(value, list):
                return value
    for separator in (r"\s*;\s*", r"\s+and\s+"):
        if len(parts := re.split(separator, text)) > 1:
            return list(parts)
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > 1 and all(" " in part for part in parts if part):
        return [part for part in parts if part]
    return [text]
