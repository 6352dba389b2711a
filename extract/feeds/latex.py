"""What BibTeX's way to write characters says.

Accents (`{\\'E}`), special letters (`\\ss`), escaped signs (`\\%`) and braces that only protect
capitals are how BibTeX writes plain text, and are undone. Formulas, other commands and `~` stay
as they stand. No full LaTeX decoder is used: to it an unescaped `%` begins a comment, and half
of an exported abstract would be gone without a word.
"""

import re
import unicodedata

_COMBINING = {
    "'": "\u0301",
    "`": "\u0300",
    "^": "\u0302",
    '"': "\u0308",
    "~": "\u0303",
    "=": "\u0304",
    ".": "\u0307",
    "u": "\u0306",
    "v": "\u030c",
    "H": "\u030b",
    "c": "\u0327",
    "k": "\u0328",
    "r": "\u030a",
    "d": "\u0323",
    "b": "\u0331",
}
_LETTERS = {
    "ss": "ß",
    "o": "ø",
    "O": "Ø",
    "l": "ł",
    "L": "Ł",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "aa": "å",
    "AA": "Å",
    "i": "\u0131",
    "j": "\u0237",
    "dh": "ð",
    "DH": "Ð",
    "th": "þ",
    "TH": "Þ",
}
_TOKEN = re.compile(
    r"(?P<math>\$[^$\n]{1,300}\$)"
    r"|\\(?P<mark>['`^\"~=.]|[uvHckrdb](?![A-Za-z]))"
    r"\s?(?:\{\\?(?P<braced>[A-Za-z])\}|\\?(?P<bare>[A-Za-z]))"
    rf"|\\(?P<letter>{'|'.join(sorted(_LETTERS, key=len, reverse=True))})(?![A-Za-z])(?:\{{\}}|\s)?"
    r"|\\(?P<sign>[%&_#$])"
    r"|(?P<command>\\[A-Za-z]+\*?\{?|[\^_]\{|\\[{}\\])"
    r"|(?P<open>\{)|(?P<close>\})"
)


def plain_text(text: str) -> str:
    """Return *text* with BibTeX's spelling of characters undone."""
    if "\\" not in text and "{" not in text and "}" not in text:
        return text
    parts: list[str] = []
    keeps_brace: list[bool] = []
    at = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[at : token.start()])
        parts.append(_written(token, keeps_brace))
        at = token.end()
    return "".join([*parts, text[at:]])


def _written(token: re.Match[str], keeps_brace: list[bool]) -> str:
    """Return what *token* writes; *keeps_brace* says of each open brace if it stands for itself."""
    match token.lastgroup:
        case "braced" | "bare":
            letter = token["braced"] or token["bare"]
            return unicodedata.normalize("NFC", letter + _COMBINING[token["mark"]])
        case "letter":
            return _LETTERS[token["letter"]]
        case "sign":
            return token["sign"]
        case "open":
            keeps_brace.append(False)
            return ""
        case "close":
            return "}" if not keeps_brace or keeps_brace.pop() else ""
    if token["command"] and token["command"].endswith("{") and token["command"] != "\\{":
        keeps_brace.append(True)
    return token[0]
