"""How a feed is read: the one way from a path to papers.

    path ──open──> Source ──find format──> reader ──> Entry ──collect──> Paper

What makes the whole feed unreadable is raised before the first paper is handed out. After that
nothing is: a feed that breaks in its middle ends there, with a problem `truncated`.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from extract.feeds.collecting import collect
from extract.feeds.entry import Options, Reader
from extract.feeds.errors import FeedError, NoPapersError
from extract.feeds.formats import ALIASES, find_format, reader_of
from extract.feeds.opening import open_source
from extract.feeds.problem import Problems
from extract.feeds.source import DEFAULT_MAX_BYTES, Source
from extract.papers import Paper


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed being read: its papers once, in order, and its problems as they are met."""

    source: str
    format: str
    #: To be gone through once. `problems` is complete when this is at its end.
    papers: Iterator[Paper]
    problems: Problems


def read_feed(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002  # the word that users and --format have
    columns: Mapping[str, str] | None = None,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> Feed:
    """Return the papers of the feed at *path*, or on standard input for `-`.

    *format* names the format where it should not be found out; *columns* says which column of a
    table, or key of a JSON record, is which field: `{"abstract": "Summary"}`. *max_bytes* limits
    what a gzip file may unpack to.

    Raises a `FeedError` that says what is wrong, where, and what to do.
    """
    source = open_source(path, max_bytes=max_bytes)
    try:
        options = Options(columns=dict(columns or {}))
        name = format.lower() if format else find_format(source, options)
        name = ALIASES.get(name, name)
        papers = _papers(source, reader_of(name, source), options)
        # Asking for the first paper raises here what would otherwise surprise mid-run.
        papers = itertools.chain(list(itertools.islice(papers, 1)), papers)
    except BaseException:
        source.close()
        raise
    return Feed(source.name, name, papers, source.problems)


def _papers(source: Source, reader: Reader, options: Options) -> Iterator[Paper]:
    count = 0
    try:
        for paper in collect(source, reader(source, options)):
            count += 1
            yield paper
    except FeedError as error:
        if not count:
            raise
        what = str(error).removeprefix(f"{source.name}: ")
        source.report("end", "truncated", f"the rest is not read: {what}")
    finally:
        source.close()
    if not count:
        raise _no_papers(source)


def _no_papers(source: Source) -> NoPapersError:
    without = source.problems.counts["no_abstract"]
    if without and without == source.problems.total:
        return NoPapersError(
            source.name,
            f"no papers found: none of its {without} records has an abstract",
            hint="Fetch it with abstracts, or look them up by their ids first.",
            problems=source.problems,
        )
    first = source.problems[:3]
    met = "; ".join(f"{problem.location}: {problem.message}" for problem in first)
    more = source.problems.total - len(first)
    return NoPapersError(
        source.name,
        "no papers found" + (f" ({met}{f'; and {more} more' if more else ''})" if met else ""),
        hint="A paper needs an abstract; name another --format, or the columns with --columns.",
        problems=source.problems,
    )
