r"""Text in a form in which different ways to write the same thing are equal.

White space, Unicode forms, quotes, dashes, LaTeX remnants and case are folded, and every folded
character knows which characters of the original it stands for, so that what is found in the
folded text is a span of the original. Nothing here is stored.

    fold      `Masked~Autoencoders`, `masked  autoencoders`, `\textbf{masked} autoencoders`
    squeeze   also `auto-encoders`, `autoencoders` and `auto-` + line break + `encoders`

Digits are never folded together: `10⁵` becomes `10^5`, not `105`, and `1½` stays as it is.
Accents stay: `Poincaré` and `Poincare` differ.

Not here: searching (`align`), and keys that join names across papers (`names`).
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from .latex import read_accent, read_command

Span = tuple[int, int]

_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
_DASH = "\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_SUPERSCRIPT = "\u00b2\u00b3\u00b9\u2070-\u207b"

# Every character belongs to one match. The first branch takes what needs no folding, in runs;
# no more than eight marks make a cluster, since normalising a longer one takes quadratic time.
_PIECE = re.compile(
    rf"""
    (?P<plain> (?:[A-Za-z0-9.;:()\[\]!?*=/|@\#]+(?:[ ](?=[A-Za-z0-9(]))?)+(?![{_MARKS}]) )
  | (?P<cluster> [^\s\\][{_MARKS}]{{1,8}} )
  | (?P<space> (?: [\s~\u223c] | \\[ ,;:\\] )(?: [\s~\u223c{_INVISIBLE}] | \\[ ,;:\\] )* )
  | (?P<invisible> [{_INVISIBLE}]+ )
  | (?P<broken> (?<=\w)[-\u2010\u00ad][ \t]*\n\s*(?=\w) )
  | (?P<dash> -{{1,3}} | [{_DASH}] )
  | (?P<comma> \{{,\}} | , )
  | \\(?P<accent>['`"^~=.])(?:\{{(?P<inner>\\[ij]|[A-Za-z])\}}|(?P<bare>\\[ij]\b|[A-Za-z]))
  | \\(?P<named>[cvuHrkdb])\{{(?P<letter>[A-Za-z])\}}
  | \\(?P<command>[A-Za-z]+)
  | \\(?P<escaped>[%&_\#${{}}])
  | (?P<nothing> \\[!/\-()\[\]] | [{{}}] | </?(?:i|b|em|it|strong|sub|span|p)\s*/?> | </sup> )
  | (?P<raised> <sup> )
  | (?P<power> [{_SUPERSCRIPT}]+ )
  | (?P<double> `` | '' )
  | (?P<plusminus> \+/?-(?=[\s\d.$]) )
  | (?P<index> (?<=[A-Za-z$])_(?=\{{?\d) )
  | (?P<entity> &(?:amp|lt|gt|quot|apos|nbsp|times|\#\d{{1,7}}|\#x[0-9a-fA-F]{{1,6}}); )
  | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
# A dollar sign opens mathematics as in pandoc: `costs $5 and $6` has none.
_MATH = re.compile(r"(?<!\\)\$(?=\S)[^$]{0,300}[^$\s\\]\$(?!\d)")
_THOUSANDS = re.compile(r"\d{3}(?!\d)")
_PERCENT = re.compile(r"(?:\$?\\?%)")
_SEPARATOR = re.compile(
    r"""
    (?<=[^\W\d_])[ -]+(?=[^\W\d_]) | (?<=[^\W\d_])-(?=\d) | (?<=\d)-(?=[^\W\d_])
  | (?<=\w)[ ](?=[±<>=≤≥≈]) | (?<=[±<>=≤≥≈])[ ](?=\d) | (?<=\d)[ ](?=x\b)
    """,
    re.VERBOSE,
)
_LOOKS = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
    | {"\u00d7": "x", "\u2217": "*", "\u22c6": "*", "\u2044": "/"}
)


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text and, for each of its characters, the span of the original it stands for."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    def original(self, start: int, end: int) -> Span:
        """Return the span of the original that a span of the folded text stands for."""
        return self.starts[start], self.ends[end - 1]

    def is_unit(self, start: int, end: int) -> bool:
        """Return whether no character of the original is half inside the span (as `f` of `ﬁ`)."""
        starts = self.starts
        return (start == 0 or starts[start - 1] != starts[start]) and (
            end == len(starts) or starts[end - 1] != starts[end]
        )


def unfolded(text: str) -> Folded:
    """Return *text* as it is, in the shape of a folded text."""
    return Folded(text, range(len(text)), range(1, len(text) + 1))


def lowered(text: str) -> Folded:
    """Return *text* in lower case, every character in its place.

    `"İ".lower()` is two characters long, which would shift all that follow; it stays as it is.
    """
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(low if len(low := char.lower()) == 1 else char for char in text)
    return Folded(lower, range(len(text)), range(1, len(text) + 1))


def fold(text: str, *, case: bool = True) -> Folded:
    """Return *text* folded; without *case*, capitals stay."""
    mathematics = _mathematics(text)
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for piece in _PIECE.finditer(text):
        start, end = piece.span()
        if piece.lastgroup == "plain":
            run = piece[0]
            parts.append(run.lower() if case else run)
            starts.extend(range(start, end))
            ends.extend(range(start + 1, end + 1))
            continue
        folded = "" if start in mathematics else _fold_piece(piece)
        if not folded:
            continue
        if case:
            folded = folded.casefold()
        if folded == " " and parts and parts[-1].endswith(" "):
            continue
        parts.append(folded)
        starts.extend([start] * len(folded))
        ends.extend([end] * len(folded))
    return Folded("".join(parts), starts, ends)


def squeeze(folded: Folded) -> Folded:
    """Return *folded* without what joins letters (`fine-tuning`) or sets signs off (`p < 0.05`)."""
    text, starts, ends = folded.text, folded.starts, folded.ends
    kept: list[str] = []
    kept_starts: list[int] = []
    kept_ends: list[int] = []
    last = 0
    for gap in [*(found.span() for found in _SEPARATOR.finditer(text)), (len(text), len(text))]:
        kept.append(text[last : gap[0]])
        kept_starts.extend(starts[last : gap[0]])
        kept_ends.extend(ends[last : gap[0]])
        last = gap[1]
    return Folded("".join(kept), kept_starts, kept_ends)


def _mathematics(text: str) -> frozenset[int]:
    """Return where the dollar signs stand that only mark mathematics."""
    if "$" not in text:
        return frozenset()
    edges = (found.span() for found in _MATH.finditer(text))
    return frozenset(at for start, end in edges for at in (start, end - 1))


def _fold_piece(piece: re.Match[str]) -> str:
    """Return what one match of `_PIECE` reads as."""
    match piece.lastgroup:
        case "space":
            is_unit = piece.string[piece.start() - 1 : piece.start()] in tuple("0123456789$}")
            return "" if is_unit and _PERCENT.match(piece.string, piece.end()) else " "
        case "comma":
            before = piece.string[max(0, piece.start() - 1) : piece.start()]
            groups = before.isdigit() and _THOUSANDS.match(piece.string, piece.end())
            return "" if groups else ","
        case "bare" | "inner":
            return read_accent(piece["accent"], piece["inner"] or piece["bare"])
        case "letter":
            return read_accent(piece["named"], piece["letter"])
        case "command":
            following = piece.string[piece.end() : piece.end() + 2]
            return read_command(piece["command"], following)
        case "escaped":
            return piece["escaped"]
        case "entity":
            return _normal(html.unescape(piece[0]))
        case "power":
            return "^" + unicodedata.normalize("NFKC", piece[0]).replace("\u2212", "-")
        case kind if kind in _CONSTANT:
            return _CONSTANT[kind]
    return _normal(piece[0])


_CONSTANT: dict[str | None, str] = {
    "invisible": "", "nothing": "", "index": "", "broken": "-", "dash": "-", "double": '"',
    "plusminus": "±", "raised": "^",
}  # fmt: skip


@lru_cache(maxsize=4096)
def _normal(piece: str) -> str:
    """Return *piece* in its compatibility form, with the looks of quotes and signs evened out.

    Vulgar fractions and circled numbers stay: `1½` would become `11/2`.
    """
    if piece.isascii():
        return piece.translate(_LOOKS)
    if unicodedata.category(piece[0]) == "No" and not "\u2080" <= piece[0] <= "\u2089":
        return piece
    return unicodedata.normalize("NFKC", piece.translate(_LOOKS)).translate(_LOOKS)
