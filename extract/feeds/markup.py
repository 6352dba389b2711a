"""What is left of a text when its HTML or JATS tags are taken out.

Only tags that these languages have, and only well-formed ones, are markup: `p < 0.05` and
`<UNK>` are text. Paragraphs and headings end a line; a JATS heading that says "Abstract" says
nothing.
"""

import html
import re

_BLOCK = "p div br li ul ol tr table h1 h2 h3 h4 h5 h6 title sec list list-item disp-formula hr"
_INLINE = (
    "a b i u s em strong sub sup sc span small big font tt code pre cite q img italic bold"
    " monospace underline roman overline strike named-content styled-content ext-link xref"
    " inline-formula inline-graphic alternatives tex-math abstract label"
    " math mrow mi mo mn msub msup msubsup mfrac msqrt mtext mspace mover munder mstyle"
    " semantics annotation blockquote section article td th thead tbody dl dt dd"
)
_ATTRIBUTES = r"(?:\s+[\w:.-]+(?:\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'|[^\s\"'<>=]+))?)*"
_TAG = re.compile(
    rf"</?(?:jats:|mml:)?(?P<name>{'|'.join((_BLOCK + ' ' + _INLINE).split())})"
    rf"(?P<attributes>{_ATTRIBUTES})\s*/?>",
    re.I,
)
_SAYS_NOTHING = re.compile(
    r"<(jats:)?title>\s*(?:abstract|summary)\s*[:.]?\s*</(?:jats:)?title>", re.I
)
_LINE_ENDING = frozenset(_BLOCK.split())


def strip_markup(text: str) -> str:
    """Return *text* without tags and comments, its entities resolved."""
    if "<" in text:
        text = _without_comments(text)
        text = _SAYS_NOTHING.sub("", text)
        text = _TAG.sub(_space_of, text)
        text = re.sub(r"[ \t]*\n[ \t]*(?:\n[ \t]*)*", "\n", text)
    return html.unescape(text) if "&" in text else text


def _space_of(found: re.Match[str]) -> str:
    attributes = found["attributes"]
    if attributes and "=" not in attributes:
        return found[0]  # "a <b and c> d" compares; it sets nothing in bold
    return "\n" if found["name"].lower() in _LINE_ENDING else ""


def _without_comments(text: str) -> str:
    """Cut comments by searching forward only: a pattern is quadratic on unclosed ones."""
    kept, at = [], 0
    while (start := text.find("<!--", at)) >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            break
        kept.append(text[at:start])
        at = end + 3
    return "".join([*kept, text[at:]])
