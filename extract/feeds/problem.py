"""What is wrong with one record of a feed.

A feed is read as far as it goes: what cannot become a paper, or not as it stands there, is
neither an error nor lost, but a problem with its place in the feed. Reasons to count by:

    no_abstract           no text to extract from
    no_title              a digest's abstract without a title line
    header_line           a digest's line before the first title, taken for its header
    duplicate             the same paper stands earlier in the feed
    conflict              an earlier record has the same id and another text
    broken_record         the record cannot be read in its format
    truncated             the feed breaks off or is not well-formed; the rest is missing
    encoding              a note: read as Windows-1252, not UTF-8; the paper is kept
    replaced_characters   a note: characters became U+FFFD; the paper is kept
"""

from collections import Counter
from dataclasses import dataclass

KEPT = 1000
"""Problems of one reason that are kept whole; those after them are only counted."""

NOTES = frozenset({"encoding", "replaced_characters", "header_line"})


@dataclass(frozen=True, slots=True)
class FeedProblem:
    """One thing in a feed that did not become a paper, or not as it stands there."""

    #: `line 12`, `row 3`, `entry 7`: counted from 1.
    location: str
    #: A word to count by: `no_abstract`, `duplicate`, `conflict`, `broken_record`, …
    reason: str
    message: str
    excerpt: str = ""
    paper_id: str | None = None


class Problems(list[FeedProblem]):
    """The problems of a feed: the first ones of each reason, and how many there were of it.

    A feed may have a million records without an abstract, and must not fill the memory by it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many problems were met."""
        return self.counts.total()

    def meet(self, problem: FeedProblem) -> None:
        """Count a problem, and keep it if it is among the first of its reason."""
        self.counts[problem.reason] += 1
        if self.counts[problem.reason] <= KEPT:
            self.append(problem)
