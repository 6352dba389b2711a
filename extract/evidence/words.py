"""Where a word or a number must not be cut.

A span of evidence never begins or ends inside a word or a number: `BERT` does not stand in
`RoBERTa`, `3.2` neither in `93.2`, `3.25` nor `-3.2`. A hyphen ends a word (`GPT` stands in
`GPT-3`), but between digits it joins a number, as full stop and comma do (`1.9-3.4%`).
A unit is no part of its number: `95.9` stands in `95.9%`, though not in `95.9B`.

Scripts that are written without spaces have no edges to see, so none are asked for there.

Not here: finding a quote (`align`).
"""

from __future__ import annotations

import re
import unicodedata

_DASHES = "-\u2010\u2011\u2012\u2013\u2212"
_INSIDE_NUMBERS = ".,^" + _DASHES
_ACCENTS = "'`\"^~=."
_SOFT_HYPHEN = "\u00ad"
# Joiners and variation selectors belong to the character before them.
_JOINERS = "\u200c\u200d\u2060\ufe0e\ufe0f"
# Thai to Myanmar, Khmer, Hangul, kana, Han: words stand next to each other, or take particles.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u30ff\u3130-\u318f"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Some feeds have lost the backslashes of commands: `sim0.6`, `le13`, `10times`, `95.2pm0.3`.
_LOST_COMMAND = "(?:sim|approx|leq?|geq?|pm|times)"
_LOST_BEFORE = re.compile(rf"(?:^|[^A-Za-z]){_LOST_COMMAND}$")
_LOST_AFTER = re.compile(rf"{_LOST_COMMAND}(?![A-Za-z])")
_VERSION = re.compile(f"[{_DASHES}]\\d")


def is_cut(text: str, at: int) -> bool:
    """Return whether the place before `text[at]` lies inside a word or a number."""
    if at <= 0 or at >= len(text):
        return False
    before, after = text[at - 1], text[at]
    if before.isalnum() and after.isalnum():
        if _UNSPACED.match(before) or _UNSPACED.match(after):
            return False
        return before.isdigit() == after.isdigit() or not _is_lost_command(text, at)
    if before.isascii() and after.isascii() and before.isspace() | after.isspace():
        return False
    return (
        _is_inside_number(text, at)
        or _is_inside_word(text, at)
        or after in _JOINERS
        or unicodedata.category(after).startswith("M")
    )


def is_whole(text: str, start: int, end: int) -> bool:
    """Return whether the span cuts no word and no number at its ends."""
    return start < end and not is_cut(text, start) and not is_cut(text, end)


def is_part_of_name(text: str, end: int) -> bool:
    """Return whether a version follows, so that a name that ends at *end* is cut short."""
    return _VERSION.match(text, end) is not None


def next_edge(text: str, at: int) -> int:
    """Return the first place after *at* that is not inside the run of letters there."""
    at += 1
    while at < len(text) and is_cut(text, at):
        at += 1
    return at


def _is_lost_command(text: str, at: int) -> bool:
    """Return whether the letters that a number touches here are a command without backslash."""
    if text[at].isdigit():
        return _LOST_BEFORE.search(text[max(0, at - 7) : at]) is not None
    return _LOST_AFTER.match(text, at) is not None


def _is_inside_number(text: str, at: int) -> bool:
    """Return whether `.`, `,`, `^`, a dash or a sign at this place joins digits."""
    before, after = text[at - 1], text[at]
    if after in _INSIDE_NUMBERS and before.isdigit():
        following = text[at + 1 : at + 2]
        return following.isdigit() or (after == "^" and following in "{-" and following != "")
    if before in _INSIDE_NUMBERS and after.isdigit():
        if at < 2:
            return before in ".-\u2212"
        earlier = text[at - 2]
        if before in "-\u2212" and earlier in "eE" and at > 2 and text[at - 3].isdigit():
            return True
        # A sign or a decimal point with nothing before it begins the number.
        is_first = earlier.isspace() or earlier in "([{=~<>^$"
        return earlier.isdigit() or before == "^" or (is_first and before in ".-\u2212")
    return False


def _is_inside_word(text: str, at: int) -> bool:
    r"""Return whether `_`, a soft hyphen, or the backslash of `\times` or `\'e` joins letters."""
    before, after = text[at - 1], text[at]
    following = text[at + 1 : at + 2]
    if after == "\\":
        return before.isalpha() and following in _ACCENTS and text[at + 2 : at + 3].isalpha()
    if before == "\\":
        return after.isalpha()
    if after in ("_", _SOFT_HYPHEN) and before.isalnum():
        return following.isalnum()
    if before in ("_", _SOFT_HYPHEN) and after.isalnum():
        return text[max(0, at - 2)].isalnum()
    return False
