r"""What a LaTeX command in an abstract reads as.

Feeds keep remnants of LaTeX (`95.9\%`, `\eg`, `$\times$`, `\textbf{X}`, `Poincar\'e`), and a model
quotes what they stand for. `read_command` and `read_accent` say it for one remnant.

Not here: where the remnants are, and their positions (`fold`).
"""

from __future__ import annotations

import unicodedata

_WORDS = {
    "eg": "e.g.", "ie": "i.e.", "etal": "et al.", "etc": "etc.", "cf": "cf.", "vs": "vs.",
    "wrt": "w.r.t.", "aka": "a.k.a.", "LaTeX": "LaTeX", "TeX": "TeX",
}  # fmt: skip
_SYMBOLS = {
    "times": "x", "pm": "±", "mp": "∓", "cdot": "·", "ldots": "...", "dots": "...", "cdots": "...",
    "sim": " ", "approx": "≈", "simeq": "≃", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥",
    "lt": "<", "gt": ">", "ll": "≪", "gg": "≫", "neq": "≠", "ne": "≠", "to": "→",
    "rightarrow": "→", "leftarrow": "←", "uparrow": "↑", "downarrow": "↓", "infty": "∞",
    "ell": "l", "circ": "°", "degree": "°", "textdegree": "°", "percent": "%", "textpm": "±",
    "texttimes": "x", "star": "*", "ast": "*", "mid": "|", "quad": " ", "qquad": " ",
    "ss": "ß", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ",
    "aa": "å", "AA": "Å", "i": "i", "j": "j", "left": "", "right": "", "displaystyle": "", "bf": "",
    "it": "", "em": "", "tt": "", "sc": "", "rm": "", "xspace": "", "textsuperscript": "^",
}  # fmt: skip
_GREEK = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi",
    "chi", "psi", "omega",
})  # fmt: skip
_MARKS = {
    "'": "\u0301", "`": "\u0300", '"': "\u0308", "^": "\u0302", "~": "\u0303", "=": "\u0304",
    ".": "\u0307", "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "r": "\u030a",
    "k": "\u0328", "d": "\u0323", "b": "\u0331",
}  # fmt: skip


def _letter(name: str) -> str | None:
    """Return the Greek letter that a command names, None for another command."""
    name = name.removeprefix("var")
    if name.lower() not in _GREEK or name[1:] != name[1:].lower():
        return None
    case = "SMALL" if name.islower() else "CAPITAL"
    spelled = {"lambda": "LAMDA"}.get(name.lower(), name.upper())
    return unicodedata.lookup(f"GREEK {case} LETTER {spelled}")


def read_command(name: str, following: str) -> str:
    r"""Return what the command *name* reads as; *following* is the text after it.

    A command with an argument formats it (`\textbf{X}`) and reads as nothing; an unknown one
    without is a macro of the author (`\ours`, `\ours{}`) and reads as its name.
    """
    if name in _WORDS:
        word = _WORDS[name]
        return word.removesuffix(".") if following.startswith(".") else word
    if name in _SYMBOLS:
        return _SYMBOLS[name]
    if letter := _letter(name):
        return letter
    has_argument = following.startswith(("{", "[")) and not following.startswith("{}")
    return "" if has_argument else name


def read_accent(accent: str, letter: str) -> str:
    r"""Return the accented letter: `'` and `e` make `é`; `\i` and `\j` are without a dot."""
    return unicodedata.normalize("NFC", letter.removeprefix("\\") + _MARKS[accent])
