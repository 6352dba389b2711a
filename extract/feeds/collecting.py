"""Which entries of a feed become papers.

An entry without an abstract, one that is told twice and one that contradicts an earlier one
become problems; none is dropped without one. Two entries are of the same paper when they share
an id or their text: with the same text the second is a `duplicate`, with another a `conflict`,
and the first is kept.
"""

from collections.abc import Iterable, Iterator

from extract.feeds.entry import Entry
from extract.feeds.source import Source
from extract.papers import Paper, name_paper, storable

# What spreadsheets and databases write for "none".
_NO_ABSTRACT = frozenset(
    {
        "",
        "-",
        "na",
        "n/a",
        "nan",
        "null",
        "none",
        "no abstract",
        "no abstract.",
        "[no abstract]",
        "no abstract available",
        "[no abstract available]",
        "abstract not available",
    }
)


def collect(source: Source, entries: Iterable[Entry]) -> Iterator[Paper]:
    """Yield the papers among *entries*, and report the rest."""
    known = _Known()
    for entry in entries:
        paper, replaced = _paper_of(entry)
        if _says_nothing(paper.abstract):
            source.report(
                entry.location,
                "no_abstract",
                "the record has no abstract",
                excerpt=paper.title,
                paper_id=paper.paper_id,
            )
            continue
        if reason := known.meet(paper):
            _report_known(source, entry.location, paper, reason)
            continue
        if replaced:
            source.report(
                entry.location,
                "replaced_characters",
                f"{replaced} control characters or lone surrogates became U+FFFD",
                excerpt=paper.title,
                paper_id=paper.paper_id,
            )
        yield paper


class _Known:
    """The ids and texts met so far, as hashes: a million papers take some 150 MB."""

    def __init__(self) -> None:
        self._texts: set[int] = set()
        self._names: set[int] = set()

    def meet(self, paper: Paper) -> str | None:
        """Return how *paper* was met before, if it was, and remember it."""
        # Other line breaks or capitals make no other text: feeds wrap lines as they like.
        text = hash(" ".join(f"{paper.title}\n{paper.abstract}".split()).casefold())
        names = {hash(f"{scheme}:{value}") for scheme, value in paper.ids}
        names.add(hash(paper.paper_id))
        reason = None
        if text in self._texts:
            reason = "duplicate"
        elif not names.isdisjoint(self._names):
            reason = "conflict"
        self._texts.add(text)
        self._names |= names
        return reason


def _report_known(source: Source, location: str, paper: Paper, reason: str) -> None:
    message = {
        "duplicate": "the same paper stands earlier in this feed",
        "conflict": "an earlier record of this feed has this id with another text; it was kept",
    }[reason]
    source.report(location, reason, message, excerpt=paper.title, paper_id=paper.paper_id)


def _paper_of(entry: Entry) -> tuple[Paper, int]:
    """Return the paper of *entry*, and how many of its characters were replaced."""
    title, replaced = storable(entry.title)
    abstract, replaced_in_abstract = storable(entry.abstract)
    replaced += replaced_in_abstract
    for text in (entry.own_id, entry.url, entry.venue, *entry.authors):
        replaced += storable(text)[1] if text else 0
    paper = Paper(
        paper_id=_short(entry.own_id) or name_paper(entry.ids, title, abstract),
        title=title,
        abstract=abstract,
        url=_short(entry.url),
        published=entry.published,
        authors=tuple(name for author in entry.authors if (name := _short(author))),
        venue=_short(entry.venue),
        ids=entry.ids,
    )
    return paper, replaced


def _says_nothing(abstract: str) -> bool:
    """Say whether *abstract* holds no letter and no digit, or only a word for "none"."""
    return abstract.lower() in _NO_ABSTRACT or not any(map(str.isalnum, abstract))


def _short(text: str | None) -> str | None:
    """Return *text* on one line and fit to be stored, or None for nothing."""
    return " ".join(storable(text)[0].split()) or None if text else None
