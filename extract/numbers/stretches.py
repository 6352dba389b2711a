"""Which stretches of a text hold numbers that are no quantities: URLs, citations, dates, formulas.

Promises one role or none for each character, found with patterns of linear cost.

Not here: what the words beside a single number say (`roles`).
"""

import re
from collections.abc import Iterator, Sequence

from extract.numbers.quantity import Role

_YEAR = r"(?:19|20)\d\d"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_SITES = r"com|org|io|ai|net|edu|gov|dev|app|co|cn|uk|de|fr|eu|ch|jp|me|ly|be|tech|science"
_DAY = r"[0-3]?\d(?:st|nd|rd|th)?"
_AUTHOR = r"[A-Z][\w'’-]{1,40}"
_ORDER = r"(?<![A-Za-z])(?:[OoΘΩ]|\\(?:tilde|widetilde|mathcal|Theta|Omega)\{?O?\}?)"
_BOUND = r"-?\d{1,3}(?:\.\d{1,3})?"
_MASKS: tuple[tuple[Role, re.Pattern[str]], ...] = (
    ("url", re.compile(r"(?:https?://|www\.)\S++")),
    ("url", re.compile(rf"(?<![\w.-])[\w-]{{1,60}}(?:\.[\w-]{{1,60}}){{0,4}}\.(?:{_SITES})/\S*+")),
    ("url", re.compile(r"(?i:arxiv:)\s?\d{4}\.\d{4,5}(?:v\d+)?|(?<![\w.])10\.\d{4,9}/\S++")),
    ("citation", re.compile(r"\\[cC]ite\w{0,10}\{[^{}]{0,300}\}")),
    ("citation", re.compile(r"(?<![\w$\\])\[[1-9]\d{0,2}(?:\s?[,;–-]\s?[1-9]\d{0,2}){0,20}\]")),
    ("citation", re.compile(rf"et al\.?,?\s?[(\[]?{_YEAR}[a-z]?(?:[,;] ?{_YEAR}[a-z]?)*+")),
    ("citation", re.compile(rf"(?<![\w-]){_AUTHOR} (?:and|&|\\&) {_AUTHOR},? \(?{_YEAR}[a-z]?\b")),
    ("citation", re.compile(rf"[(;] ?{_AUTHOR},? {_YEAR}[a-z]?(?=[);])")),
    ("year", re.compile(rf"(?<!\w){_YEAR}[-/.](?:0?[1-9]|1[0-2])(?:[-/.][0-3]?\d)?(?![\d.-])")),
    ("year", re.compile(rf"(?<!\w)(?:{_DAY} )?{_MONTH} (?:{_DAY},? )?{_YEAR}(?!\w)")),
    ("formula", re.compile(rf"{_ORDER}(?!\(\d[\d.-]*[kKMBT]\))"
                           r"\([^()\s]{1,40}(?:\([^()\s]{1,20}\)[^()\s]{0,20})?\)")),
    ("formula", re.compile(rf"(?<![\w\]])[\[(]\s?{_BOUND},\s?{_BOUND}[\])](?=\^|\s?\$)")),
    ("name", re.compile(r"(?<=[A-Za-z]\()\d{1,2}(?=\))")),
    ("name", re.compile(r"(?<!\d)24/7(?!\d)|(?i:COVID|SARS-CoV)-\d{1,2}")),
)  # fmt: skip
_MATH = re.compile(r"\$([^$\n]{1,200})\$")
_MATH_PLAIN = re.compile(
    r"\\(?:times|%|sim|approx|leq?|geq?|lt|gt|pm|cdot|,|!|;|:|text|mathrm|mathbf|textbf|bf|rm"
    r"|circ|degree|boldsymbol|mathit|mu|kappa|rho|alpha|beta|tau|lambda|sigma|epsilon|varepsilon|gamma|eta"
    r"|delta|dfrac|frac)"
    r"(?![A-Za-z])"
)
_LIST_MARK = re.compile(r"(?:(?<=^)|(?<=[\s;:,.(]))(?<!\d[.,])\d{1,2}(?=\))")
_LIST_DOT = re.compile(r"(?:^|(?<=[.:;!?]\s)|(?<=\n))\d{1,2}(?=\.\s{1,2}[A-Z])")
_OPEN_PAREN_CHARS = 300
_LONGEST_LIST = 20
_MOST_LETTERS = 3
_HAS_DIGIT = re.compile(r"\d")


def painted_roles(text: str, extra_names: Sequence[str] = ()) -> list[Role | None]:
    """Return the role that the surroundings give to each character of *text*, or None."""
    painted: list[Role | None] = [None] * len(text)
    for start, end, role in _stretches(text, extra_names):
        for at in range(start, end):
            painted[at] = painted[at] or role
    return painted


def _stretches(text: str, extra_names: Sequence[str]) -> Iterator[tuple[int, int, Role]]:
    """Yield the stretches, the surest first."""
    for role, pattern in _MASKS:
        for match in pattern.finditer(text):
            yield match.start(), match.end(), role
    for match in _LIST_MARK.finditer(text):
        if _is_list_mark(text, match):
            yield match.start(), match.end(), "list_mark"
    for match in _LIST_DOT.finditer(text):
        yield match.start(), match.end(), "list_mark"
    for match in _MATH.finditer(text):
        if _is_formula(match[1]):
            yield match.start(), match.end(), "formula"
    for name in filter(_HAS_DIGIT.search, extra_names):
        for match in re.finditer(rf"(?<!\w){re.escape(name)}(?![^\W_]|\.\d)", text):
            yield match.start(), match.end(), "name"


def _is_list_mark(text: str, match: re.Match[str]) -> bool:
    """Say whether `1)` or `(1)` numbers an item, and does not close a parenthesis of text."""
    if int(match[0]) > _LONGEST_LIST:
        return False
    before = text[max(0, match.start() - _OPEN_PAREN_CHARS) : match.start()]
    if before.endswith("("):
        return not before[-2:-1].isalnum()
    return before.rfind("(") <= before.rfind(")")


def _is_formula(body: str) -> bool:
    """Say whether the inside of `$...$` is an expression and not a number with its unit."""
    rest = _MATH_PLAIN.sub(" ", body)
    if "\\" in rest or re.search(r"[A-Za-z_]\s?[({_^]|\d\s?[+*/]\s?[A-Za-z]", rest):
        return True
    letters = re.sub(r"[^A-Za-z]", "", re.sub(r"\{[A-Za-z %]{1,30}\}", " ", rest))
    return len(letters) > _MOST_LETTERS and not re.search(r"\d\s?[KMBkmsGxX%]|[<>=]", rest)
