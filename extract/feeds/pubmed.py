"""PubMed's XML, as `efetch` and the yearly baseline files give it.

Articles are streamed and dropped as they are read. The sections of a structured abstract stand
under one another, each with its label: `BACKGROUND: …`.
"""

from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from extract.feeds.dates import iso_date, iso_parts
from extract.feeds.entry import Entry, Options
from extract.feeds.errors import FeedFormatError, FeedTooLarge
from extract.feeds.source import Source
from extract.feeds.xmlsafety import refuse_entities
from extract.papers import normal_ids

_MAX_ARTICLE_BYTES = 32 << 20
_ARTICLES = frozenset({"PubmedArticle", "PubmedBookArticle"})


def read_pubmed(source: Source, options: Options) -> Iterator[Entry]:
    """Yield an entry for each article."""
    del options
    refuse_entities(source, allow_external=True)
    number, root = 0, None
    try:
        stream = _ArticleByArticle(source)
        for event, element in ElementTree.iterparse(stream, events=("start", "end")):
            if root is None:
                root = element
            if event == "end" and element.tag in _ARTICLES:
                number += 1
                stream.since_article = 0
                yield _entry_of(f"article {number}", element)
                element.clear()
                root.clear()  # else every article stays as an empty child
    except ElementTree.ParseError as error:
        line = error.position[0]
        if not number:
            raise FeedFormatError(
                source.name, f"line {line}: broken XML: {error}", hint="Fetch it again."
            ) from error
        message = f"the XML is broken: {error}; articles from here on are missing"
        source.report(f"line {line}", "truncated", message)


class _ArticleByArticle:
    """The feed's bytes; an article that does not end would be kept in memory as a whole."""

    def __init__(self, source: Source) -> None:
        self._source, self._stream = source, source.stream
        self.since_article = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        part = self._stream.read(size)
        self.since_article += len(part)
        if self.since_article > _MAX_ARTICLE_BYTES:
            raise FeedTooLarge(
                self._source.name,
                f"more than {_MAX_ARTICLE_BYTES:,} bytes without the end of an article",
                hint="Is this a PubMed file? Fetch it again.",
            )
        return part


def _entry_of(location: str, record: Element) -> Entry:
    article = record.find("MedlineCitation/Article")
    if article is None:
        article = record.find("BookDocument")
    if article is None:
        article = record
    pmid = _text(record.find("MedlineCitation/PMID")) or _text(record.find("BookDocument/PMID"))
    title = _text(article.find("ArticleTitle")) or _text(article.find("VernacularTitle"))
    return Entry(
        location=location,
        title=" ".join(title.split()),
        abstract=_abstract(article),
        url=f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/" if pmid else None,
        published=_published(article),
        authors=tuple(name for author in article.iter("Author") if (name := _name_of(author))),
        venue=_text(article.find("Journal/Title")) or None,
        ids=normal_ids(("doi", _doi(record, article)), ("pmid", pmid)),
    )


def _abstract(article: Element) -> str:
    sections = []
    for section in article.findall("Abstract/AbstractText"):
        text, label = _text(section), section.get("Label", "")
        if text:
            sections.append(f"{label}: {text}" if label and label != "UNLABELLED" else text)
    return "\n".join(sections)


def _doi(record: Element, article: Element) -> str:
    # Not just any ArticleId: the cited papers have them too.
    for found in record.findall("PubmedData/ArticleIdList/ArticleId"):
        if found.get("IdType") == "doi":
            return _text(found)
    for found in article.findall("ELocationID"):
        if found.get("EIdType") == "doi":
            return _text(found)
    return ""


def _published(article: Element) -> str | None:
    """Return the date of the electronic article, else that of the issue."""
    for path in ("ArticleDate", "Journal/JournalIssue/PubDate", "Book/PubDate"):
        found = article.find(path)
        if found is None:
            continue
        parts = (_text(found.find(part)) for part in ("Year", "Month", "Day"))
        if date := iso_parts(*parts) or iso_date(_text(found.find("MedlineDate"))):
            return date
    return None


def _name_of(author: Element) -> str:
    parts = (_text(author.find(part)) for part in ("ForeName", "LastName"))
    name = " ".join(part for part in parts if part)
    return name or _text(author.find("CollectiveName"))


def _text(element: Element | None) -> str:
    return "" if element is None else "".join(element.itertext()).strip()
