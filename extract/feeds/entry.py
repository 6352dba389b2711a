"""What a format reader gives for one record, before it is a paper.

Every reader turns its format into entries; `collecting` makes papers of them. So a reader need
not know about empty abstracts, duplicates, ids or characters that cannot be stored.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from extract.feeds.source import Source
from extract.papers import Ids


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a feed, its text unescaped but otherwise as it stands there."""

    location: str
    title: str
    abstract: str
    #: The id of the record in a generic feed, kept as it is, before all other ids.
    own_id: str | None = None
    url: str | None = None
    published: str | None = None
    authors: tuple[str, ...] = ()
    venue: str | None = None
    ids: Ids = ()


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller said about the feed."""

    #: Which column is which field: `{"abstract": "Summary text"}`.
    columns: Mapping[str, str] = field(default_factory=dict)


Reader = Callable[[Source, Options], Iterator[Entry]]
