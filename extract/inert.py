"""Words that have no say in where a sentence ends, left out before syntok reads a text.

syntok decides at full stops, brackets and the like, and looks at one token before and two after
them. Of a run of plain words in between it reads every one to no effect, which takes most of its
time. So of each run the first two words and the last are kept. Inside brackets all are kept,
where syntok counts them.

Promises the same sentences as without (tests compare the two).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

_PLAIN = r"[A-Za-z0-9,-]++[ \n]"
_RUN = re.compile(
    rf"(?P<open>[(\[{{])|(?P<close>[)\]}}])"
    rf"|(?<![^ \n])(?:{_PLAIN}){{2}}(?P<inert>(?:{_PLAIN})+)(?={_PLAIN})"
)
# A chunk without letters and digits is one token, and no bracket where it is longer than one.
_SIGNS = re.compile(r"(?<!\S)(?:[^\s\w]|_){2,}+(?!\S)")
_BRACKET = re.compile(r"[()\[\]{}]")
# White space to only one of syntok and `re`.
_OTHER_SPACE = re.compile("[\x1c-\x1f\u200b]")


class Shortened:
    """A text without its inert words: `text`, and where its characters stood."""

    def __init__(self, whole: str) -> None:
        self._ends: list[int] = []
        self._shifts = [0]
        parts: list[str] = []
        last = 0
        for start, end in _inert(whole):
            parts.append(whole[last:start])
            self._ends.append(start - self._shifts[-1])
            self._shifts.append(self._shifts[-1] + end - start)
            last = end
        self.text = "".join([*parts, whole[last:]])

    def original(self, offset: int) -> int:
        """Return where the character at *offset* stood."""
        return offset + self._shifts[bisect_right(self._ends, offset)]


def _inert(text: str) -> list[tuple[int, int]]:
    """Return the spans of inert words, none in a text whose brackets are hard to tell."""
    if _OTHER_SPACE.search(text) or _has_other_brackets(text):
        return []
    spans: list[tuple[int, int]] = []
    depth = 0
    for found in _RUN.finditer(text):
        if found["open"]:
            depth += 1
        elif found["close"]:
            depth = max(0, depth - 1)
        elif depth == 0:
            spans.append(found.span("inert"))
    return spans


def _has_other_brackets(text: str) -> bool:
    """Say whether a bracket may be none to syntok, or something else be one."""
    if any(_BRACKET.search(signs) for signs in _SIGNS.findall(text)):
        return True
    return not text.isascii() and any(
        unicodedata.category(char) in ("Ps", "Pe") for char in set(text) if char > "~"
    )
