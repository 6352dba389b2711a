"""What a JSON record says, in the words of the service that wrote it.

Told apart by keys that only one service uses: OpenAlex, Crossref, Semantic Scholar, the daily
papers of Hugging Face, the arXiv snapshot on Kaggle. Everything else is a generic record.
"""

from collections.abc import Mapping
from typing import Any

from extract.feeds.dates import iso_date, iso_parts
from extract.feeds.entry import Entry
from extract.feeds.fields import named_fields
from extract.feeds.markup import strip_markup
from extract.feeds.records import entry_of_record, names_of, text_of
from extract.papers import Ids, normal_ids

Record = Mapping[str, Any]


def entry_of_json(location: str, record: Record, columns: Mapping[str, str]) -> Entry:
    """Return the entry that *record* tells."""
    if columns:
        return _generic(location, record, columns)
    if "abstract_inverted_index" in record:
        return _openalex(location, record)
    if isinstance(record.get("paper"), dict):
        return _hf_daily(location, record["paper"])
    if "summary" in record and "publishedAt" in record:
        return _hf_daily(location, record)
    if "paperId" in record or "externalIds" in record:
        return _semantic_scholar(location, record)
    if "DOI" in record and isinstance(record.get("title"), list):
        return _crossref(location, record)
    if "authors_parsed" in record or ("update_date" in record and "categories" in record):
        return _arxiv_snapshot(location, record)
    return _generic(location, record, columns)


def _openalex(location: str, record: Record) -> Entry:
    ids = _dict(record.get("ids"))
    place = _dict(record.get("primary_location"))
    abstract = _rebuilt(record.get("abstract_inverted_index")) or text_of(record.get("abstract"))
    return Entry(
        location=location,
        title=text_of(record.get("title")) or text_of(record.get("display_name")),
        abstract=abstract,
        url=text_of(place.get("landing_page_url")) or text_of(record.get("id")),
        published=iso_date(record.get("publication_date"))
        or iso_parts(record.get("publication_year")),
        authors=names_of(record.get("authorships")),
        venue=text_of(place.get("source")),
        ids=normal_ids(
            ("doi", record.get("doi")),
            ("doi", ids.get("doi")),
            ("pmid", ids.get("pmid")),
            ("openalex", text_of(record.get("id")).rpartition("/")[2]),
        ),
    )


def _rebuilt(index: object) -> str:
    """Return the text of an inverted index: a map from words to their places."""
    if not isinstance(index, dict):
        return ""
    placed = [
        (place, word)
        for word, places in index.items()
        if isinstance(places, list)
        for place in places
        if isinstance(place, int)
    ]
    return " ".join(word for _, word in sorted(placed))


def _crossref(location: str, record: Record) -> Entry:
    title = strip_markup(text_of(record.get("title")))
    return Entry(
        location=location,
        title=" ".join(title.split()),
        abstract=strip_markup(text_of(record.get("abstract"))),
        url=text_of(record.get("URL")),
        published=_crossref_date(record),
        authors=names_of(record.get("author")),
        venue=text_of(record.get("container-title")),
        ids=normal_ids(("doi", record.get("DOI"))),
    )


def _crossref_date(record: Record) -> str | None:
    for key in ("published", "published-online", "published-print", "issued"):
        match _dict(record.get(key)).get("date-parts"):
            case [[year, *rest], *_] if year:
                return iso_parts(year, *rest[:2])
    return None


def _semantic_scholar(location: str, record: Record) -> Entry:
    ids = {key.lower(): value for key, value in _dict(record.get("externalIds")).items()}
    return Entry(
        location=location,
        title=text_of(record.get("title")),
        abstract=text_of(record.get("abstract")),
        url=text_of(record.get("url")),
        published=iso_date(record.get("publicationDate")) or iso_parts(record.get("year")),
        authors=names_of(record.get("authors")),
        venue=text_of(record.get("venue")) or text_of(record.get("journal")),
        ids=normal_ids(
            ("doi", ids.get("doi")),
            ("arxiv", ids.get("arxiv")),
            ("pmid", ids.get("pubmed")),
            ("s2", record.get("paperId")),
        ),
    )


def _hf_daily(location: str, paper: Record) -> Entry:
    ids = normal_ids(("arxiv", paper.get("id")))
    return Entry(
        location=location,
        title=" ".join(text_of(paper.get("title")).split()),
        abstract=text_of(paper.get("summary")),
        own_id=None if ids else text_of(paper.get("id")),
        url=_arxiv_url(ids),
        published=iso_date(paper.get("publishedAt")),
        authors=names_of(paper.get("authors")),
        ids=ids,
    )


def _arxiv_snapshot(location: str, record: Record) -> Entry:
    # arXiv's own id comes first in its own feeds: a DOI comes later, when a journal prints it.
    ids = normal_ids(("arxiv", record.get("id")), ("doi", record.get("doi")))
    parsed = record.get("authors_parsed")
    names = [
        " ".join(part for part in (one[1], one[0]) if isinstance(part, str) and part)
        for one in (parsed if isinstance(parsed, list) else [])
        if isinstance(one, list) and len(one) > 1
    ]
    versions = record.get("versions")
    first = versions[0] if isinstance(versions, list) and versions else None
    return Entry(
        location=location,
        title=" ".join(text_of(record.get("title")).split()),
        abstract=text_of(record.get("abstract")),
        url=_arxiv_url(ids),
        published=iso_date(_dict(first).get("created")) or iso_date(record.get("update_date")),
        authors=tuple(names) or names_of(record.get("authors")),
        venue=text_of(record.get("journal-ref")),
        ids=ids,
    )


def _arxiv_url(ids: Ids) -> str | None:
    return next(
        (f"https://arxiv.org/abs/{value}" for scheme, value in ids if scheme == "arxiv"), None
    )


def _generic(location: str, record: Record, columns: Mapping[str, str]) -> Entry:
    keys = list(record)
    fields = {field: record[keys[place]] for field, place in named_fields(keys).items()}
    fields |= {field: record.get(name) for field, name in columns.items()}
    return entry_of_record(location, fields)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
