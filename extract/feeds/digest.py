"""Plain text: a title on one line, its abstract on the next.

The shape of mail digests, copied out of a browser or a mail client: perhaps some header lines,
then titles and abstracts by turns. Blank lines mean nothing. The button above the first title
may be glued to it (`SubscribeDenoising Diffusion …`).

Abstracts are long or end with a full stop, titles are short and do not. This is what the reader
goes by where a line is missing: a title without an abstract, or an abstract without a title, is
reported with its line, and the turns start anew behind it. Lines before the title of the first
abstract are its header.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from extract.feeds.decoding import lines
from extract.feeds.entry import Entry, Options
from extract.feeds.source import Source

# In 219 real papers the longest title has 180 characters, the shortest abstract 507.
LONG_LINE = 250
_LONGEST_TITLE = 400
_SHORT_FIRST_ABSTRACT = 60

_GLUED = re.compile(r"^(?:Subscribe|Unsubscribe)(?=[A-Z0-9])")
_HEADER = re.compile(
    r"\b(?:(?:un)?subscribe|inbox|e-?mail|newsletter|digest|feed|forwarded|invented|made up"
    r"|once a (?:day|week)|view (?:this|it|in))\b"
    r"|^(?:from|to|subject|date|cc|reply-to|sent|x-[a-z-]+):\s"
    r"|^\W*$",
    re.I,
)
_FULL_STOP = re.compile(r"[.!?][\"'\u201d\u2019)\]]?(?=\s|$)")


def read_digest(source: Source, options: Options) -> Iterator[Entry]:
    """Yield an entry for each title with its abstract."""
    del options  # there are no columns in a digest
    title: tuple[int, str] | None = None
    is_first = True
    for number, line in lines(source):
        line = line.strip()
        if is_first:
            line = _GLUED.sub("", line)
        if not line:
            continue
        if title is None:
            if len(line) > _LONGEST_TITLE:
                _report_lone_abstract(source, number, line)
            else:
                title = (number, line)
        elif _is_abstract(line, is_first=is_first):
            yield Entry(f"line {title[0]}", title[1], line)
            title, is_first = None, False
        else:
            _report_lone_title(source, *title, is_first=is_first)
            title = (number, line)
    if title is not None:
        _report_lone_title(source, *title, is_first=False)


def looks_like_digest(head: str) -> bool:
    """Say whether the beginning of a text has a long line right after a short one."""
    rows = [row.strip() for row in head.split("\n") if row.strip()]
    return any(len(above) <= LONG_LINE < len(below) for above, below in pairwise(rows))


def _is_abstract(line: str, *, is_first: bool) -> bool:
    if len(line) > LONG_LINE:
        return True
    stops = _FULL_STOP.findall(line)
    if not stops or line[-1] not in ".\"'\u201d\u2019)]":
        return False
    if not is_first:
        return True
    # Headers are sentences too, but short ones that speak of mail.
    is_short = len(line) < _SHORT_FIRST_ABSTRACT and len(stops) < 2
    return not is_short and not _HEADER.search(line)


def _report_lone_title(source: Source, number: int, line: str, *, is_first: bool) -> None:
    if not is_first:
        message = "a title with no abstract on the next line"
        source.report(f"line {number}", "no_abstract", message, excerpt=line)
    elif not _HEADER.search(line):
        message = "taken for a header, since no abstract follows it"
        source.report(f"line {number}", "header_line", message, excerpt=line)


def _report_lone_abstract(source: Source, number: int, line: str) -> None:
    message = "an abstract with no title on the line before"
    source.report(f"line {number}", "no_title", message, excerpt=line)
