"""What may reach a terminal, and how much room it takes there.

Text of papers and models can hold characters that a terminal obeys (escape sequences that
write the clipboard or clear the screen), that turn the reading direction, or that nobody
sees. `safe_text` shows them as escapes; everything else stays as it is.
"""

from __future__ import annotations

import re
import shlex
import unicodedata

#: Controls, format characters (bidi, zero-width, tags), separators and lone surrogates:
#: Unicode's categories Cc, Cf, Zl, Zp and Cs, spelled out because asking takes 0.2 s.
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f]"
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def safe_text(text: str, *, keep: str = "") -> str:
    r"""Return *text* with what a terminal would obey or hide as escapes (`\x1b`, `\u202e`).

    *keep* are characters to leave alone: `"\n"` for text of several lines.
    """
    if text.isascii() and text.isprintable():
        return text
    return UNSAFE.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def text_width(text: str) -> int:
    """Return how many cells of a terminal *text* takes: wide characters take two."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut_text(text: str, width: int) -> str:
    """Return as much from the beginning of *text* as *width* cells hold."""
    if text.isascii():
        return text[:width]
    used = 0
    for place, character in enumerate(text):
        used += _cells(character)
        if used > width:
            return text[:place]
    return text


def _cells(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escape(character: str) -> str:
    point = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def shell_word(path: object) -> str:
    """Return a path as it can be pasted into a shell: quoted where it has to be."""
    return shlex.quote(str(path))


def counted(number: int, thing: str) -> str:
    """Return a number of things in words: `1 paper`, `2,000 papers`."""
    return f"{number:,} {thing}" + "s" * (number != 1)
