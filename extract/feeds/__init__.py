"""Reading feeds of papers: `read_feed(path)` gives a `Feed` of `Paper`s, whatever its format."""

from extract.feeds.errors import (
    FeedBytesError,
    FeedError,
    FeedFormatError,
    FeedPathError,
    FeedTooLarge,
    NoPapersError,
)
from extract.feeds.problem import FeedProblem
from extract.feeds.reading import Feed, read_feed

__all__ = [
    "Feed",
    "FeedBytesError",
    "FeedError",
    "FeedFormatError",
    "FeedPathError",
    "FeedProblem",
    "FeedTooLarge",
    "NoPapersError",
    "read_feed",
]
