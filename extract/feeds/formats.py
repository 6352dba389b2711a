"""Which format a feed is in.

The content decides first: names lie, and standard input has none. Where the content does not
tell, the extension does. A format is a name and a reader; adding one means adding a line here.

Readers are imported when they are used, so that a JSON feed does not pay for the XML parsers.
"""

import json
import re
from importlib import import_module

from extract.feeds.decoding import head_text
from extract.feeds.digest import looks_like_digest
from extract.feeds.entry import Options, Reader
from extract.feeds.errors import FeedFormatError
from extract.feeds.source import Source

#: Each format's module and reader.
READERS = {
    "digest": ("digest", "read_digest"),
    "jsonl": ("jsonfeeds", "read_jsonl"),
    "json": ("jsonfeeds", "read_json"),
    "csv": ("tables", "read_table"),
    "pubmed": ("pubmed", "read_pubmed"),
    "rss": ("syndication", "read_syndication"),
    "bibtex": ("bibtex", "read_bibtex"),
    "ris": ("ris", "read_ris"),
    "parquet": ("parquet", "read_parquet"),
}
EXTENSIONS = {
    "txt": "digest",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json": "json",
    "csv": "csv",
    "tsv": "csv",
    "tab": "csv",
    "rss": "rss",
    "atom": "rss",
    "rdf": "rss",
    "bib": "bibtex",
    "ris": "ris",
    "parquet": "parquet",
}
ALIASES = {"tsv": "csv", "atom": "rss", "rdf": "rss", "ndjson": "jsonl", "text": "digest"}

_ROOT = re.compile(r"<(?![?!])(?:[\w.-]+:)?([\w.-]+)")
_COMMENT = re.compile(r"<!--.*?-->|<\?.*?\?>", re.S)
_RIS = re.compile(r"^TY {1,2}- ?", re.M)
_BIBTEX = re.compile(r"^\s*@\s*[A-Za-z]+\s*[{(]", re.M)


def find_format(source: Source, options: Options) -> str:
    """Return the name of the feed's format, by its content, else by its extension."""
    if source.head.startswith(b"PAR1"):
        return "parquet"
    text = head_text(source).lstrip("\ufeff \t\n")
    found = (
        _xml_format(source, text)
        or _json_format(text, EXTENSIONS.get(source.extension))
        or _marked_format(text)
        or _table_format(text, source, options)
        or ("digest" if looks_like_digest(text) else None)
        or EXTENSIONS.get(source.extension)
    )
    if found is None:
        raise FeedFormatError(
            source.name,
            f"unknown format; it begins with {text[:60]!r}",
            hint=f"Name it with --format, one of: {', '.join(READERS)}.",
        )
    return found


def reader_of(name: str, source: Source) -> Reader:
    """Return the reader of the format *name*."""
    try:
        module, function = READERS[ALIASES.get(name, name)]
    except KeyError:
        raise FeedFormatError(
            source.name,
            f"there is no format {name!r}",
            hint=f"Use one of: {', '.join(sorted([*READERS, *ALIASES]))}.",
        ) from None
    reader: Reader = getattr(import_module(f"extract.feeds.{module}"), function)
    return reader


def _xml_format(source: Source, text: str) -> str | None:
    if not text.startswith("<"):
        return None
    root = _ROOT.search(_COMMENT.sub("", text))
    name = root[1].lower() if root else ""
    if name in {"rss", "feed", "rdf"}:
        return "rss"
    if name.startswith(("pubmed", "medline")):
        return "pubmed"
    what = "a web page" if name == "html" or "<!doctype html" in text[:200].lower() else None
    raise FeedFormatError(
        source.name,
        f"not a feed but {what}" if what else f"XML with the unknown root <{name}>",
        hint="XML feeds are RSS, Atom, RDF and PubMed; fetch the feed itself, not its page.",
    )


def _json_format(text: str, named: str | None) -> str | None:
    if text[:1] not in ("{", "["):
        return None
    first, has_more, rest = text.partition("\n")
    if text[0] == "{" and named == "jsonl" and not rest.strip():
        return "jsonl"  # one record, or the beginning of a very long one
    if text[0] == "[" or not has_more or not rest.lstrip().startswith("{"):
        return "json"
    try:
        json.loads(first, strict=False)
    except (ValueError, RecursionError):
        # One broken line must not hide that each line is an object.
        return "jsonl" if re.match(r"\{\s*\"", first) and first.rstrip().endswith("}") else "json"
    return "jsonl"


def _marked_format(text: str) -> str | None:
    ris, bibtex = _RIS.search(text[:4096]), _BIBTEX.search(text)
    if ris:
        return "ris"
    return "bibtex" if bibtex and "=" in text else None


def _table_format(text: str, source: Source, options: Options) -> str | None:
    from extract.feeds.tables import is_table_head

    is_named = EXTENSIONS.get(source.extension) == "csv"
    return "csv" if is_table_head(text, options.columns) or is_named else None
