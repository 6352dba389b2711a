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

from dataclasses import dataclass

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
