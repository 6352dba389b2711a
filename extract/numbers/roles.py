"""Which role each number of a text plays: a stated quantity, or a piece of something else.

Promises that every digit of the text belongs to exactly one mention, in order. The rules lean
towards `quantity`: a missed result cannot be found again later, while an extra candidate can
still be turned down.

Not here: how a number phrase is read (`finding`), and results written in words only.
"""

import re
from collections.abc import Iterator, Sequence

from extract.metrics import has_metric_word
from extract.numbers.finding import find_quantities
from extract.numbers.quantity import NumberMention, Quantity, Role
from extract.numbers.stretches import painted_roles

_OTHER_DIGITS = (
    "\u00b2\u00b3\u00b9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468"
    "\u2474-\u247c\u2488-\u2490\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792"
    "\U00010a40-\U00010a43\U00010e60-\U00010e68\U00011052-\U0001105a\U0001f100-\U0001f10a"
)
_DIGIT_RUN = re.compile(rf"[\d{_OTHER_DIGITS}]+")

_BESIDE_CHARS = 60
_NEAR_CHARS = 24
_LABEL = re.compile(
    r"(?:^|[^A-Za-z])(?:(?i:fig(?:ure)?s?\.?|tab(?:le)?s?\.?|sec(?:tion)?s?\.?|eqs?\.?|equations?"
    r"|theorems?|lemmas?|algorithms?|appendix|chapter|phase|stage|step|level|type|grade|version|ver\."
    r"|round|vol\.?|volume|no\.|corollary|definition|proposition|assumption|tier|rq|quarter"
    r"|generation|subtask|hypothesis|day|iso|ieee|rfc)"
    r"|v|Release|Mark|Issue|Property|Part|Experiments?|Study|Group|Cohort|Class|Track|Tasks?|Rank"
    r"|Fold|Industry|Society|Web|Category|Scenario|Setting|Case|Challenge|Question|Problem|System)"
    r"[ ~\u00a0#-]?$"
)
_LABEL_NUMBER = re.compile(r"\d{1,2}(?:\.\d{1,2})?[a-z]?|\d{4,5}(?:[-:]\d+)?|\d(?:-|–|/)\d")
_TOP = re.compile(r"(?:^|[^A-Za-z])(?i:top|rank|best[ -]of)[ -]?$|@\s?$")
_NAME_AFTER = re.compile(
    r"-?(?:D|DoF|DOF|dof|d)(?![A-Za-z])|[ -](?:DoF|DOF|dof|degrees?[ -]of[ -]freedom)(?![A-Za-z])"
    r"|-(?:shot|way|NN|gram|norm|hot|hop|tuple|to-|gon)"
    r"|[ -]dimensional\b(?<=D)|-(?:[A-Z][A-Za-z]|[A-Z]\b)"
)
_ORDINAL_COUNTS_BEFORE = re.compile(
    r"(?i:rank(?:s|ed|ing)?|placed|places|finish\w*|came)(?: \w+){0,2} $"
)
_ORDINAL_COUNTS_AFTER = re.compile(
    r"\s(?i:place|rank|position|prize|best|solution|overall|out of|among|percentile|on the|in the"
    r"|team)\b|\s?[.,;)]"
)
_WORD_BEFORE = re.compile(r"([^\W\d_][\w+.'’-]{0,40})[ ~\u00a0]$")
_SIBLING_BEFORE = re.compile(r"[A-Za-z]-?\d[\d.]{0,3}[A-Za-z]?\s?(?:,|and|&|\\&|/|or|, and)\s?-?$")
_PLURAL_AFTER = re.compile(r"\s(?:[a-z][a-z-]{1,20} ){0,3}?[a-z][a-z-]{1,25}s\b")
_SIZE_NOUN_AFTER = re.compile(
    r"[ -](?i:param|token|scale|model|image|sample|pair|dataset|baseline|word|variant|llm|"
    r"vlm|example|frame|active|total|backbone|checkpoint|dense)"
)
_SENTENCE_START = re.compile(r"(?:^|[.:;!?][\s\"'(]{1,3})$")
_YEAR_CUE_BEFORE = re.compile(
    r"(?:^|[^A-Za-z])(?i:in|since|during|from|until|till|year|years|early|late|mid|before|after|circa"
    r"|through|between|by|of|to|and|spring|summer|fall|autumn|winter|copyright|©|'s)[ -]?$"
    r"|[(/'’–-]\s?$"
)
_PLAIN_STARTERS = frozenset(
    "the we on in with across over using our for from by at of to and its all these only after"
    " under given through about around nearly approximately more up both each when while among"
    " between within without as this that than less most least top first second third finally"
    " results experiments evaluations an a it they average mean total overall covering per"
    " following whereas although however moreover furthermore additionally notably specifically"
    " where since upon via out every some just almost roughly despite like including contains"
    " comprises includes consists spanning totaling featuring".split()
)


def classify_numbers(text: str, extra_names: Sequence[str] = ()) -> list[NumberMention]:
    """Return every number of *text* with its role, in order; each digit is in exactly one.

    *extra_names* are names known to occur in the text; numbers inside them are names too.
    """
    painted = painted_roles(text, extra_names)
    mentions: list[NumberMention] = []
    covered = 0
    for quantity in find_quantities(text):
        mentions += _loose_digits(text, covered, quantity.start, painted)
        mentions.append(NumberMention(quantity, _role(text, quantity, painted)))
        covered = quantity.end
    mentions += _loose_digits(text, covered, len(text), painted)
    return mentions


def _loose_digits(
    text: str, start: int, end: int, painted: Sequence[Role | None]
) -> Iterator[NumberMention]:
    """Yield the digit runs that stand in no number phrase: pieces of names and of formulas."""
    for run in _DIGIT_RUN.finditer(text, start, end):
        digits = Quantity(
            run[0], run.start(), run.end(), None, None, None, None, "=", "unread", None
        )
        role = painted[run.start()]
        if role is None:
            role = "formula" if _is_index(text, run.start()) else "name"
        yield NumberMention(digits, role)


def _is_index(text: str, start: int) -> bool:
    """Say whether the digits at *start* are an exponent or an index, other than of `R^2`."""
    before = text[max(0, start - 3) : start]
    return bool(re.search(r"[\^_]\{?-?$", before)) and not re.search(r"R\^\{?$", before)


def _role(text: str, quantity: Quantity, painted: Sequence[Role | None]) -> Role:
    digit = _DIGIT_RUN.search(text, quantity.start)
    at = digit.start() if digit else quantity.start
    if painted[at]:
        return painted[at] or "quantity"
    before = text[max(0, quantity.start - _BESIDE_CHARS) : quantity.start]
    after = text[quantity.end : quantity.end + _BESIDE_CHARS]
    if quantity.shape == "ordinal":
        counts = _ORDINAL_COUNTS_BEFORE.search(before) or _ORDINAL_COUNTS_AFTER.match(after)
        return "quantity" if counts else "name"
    if _is_year(quantity, before, after):
        return "year"
    if _is_name(quantity, before, after):
        return "name"
    return "quantity"


def _is_year(quantity: Quantity, before: str, after: str) -> bool:
    """Say whether a bare number between 1900 and 2099 is a year and not a count."""
    if re.fullmatch(r"(?:19|20)\d\d(?:[-–/](?:19|20)?\d\d)?", quantity.value) is None:
        return False
    if re.match(r"s\b|'s\b|[ -](?i:challenge|workshop|edition|competition|shared)", after):
        return True
    word = _WORD_BEFORE.search(before)
    if word and word[1][0].isupper() and word[1].lower() not in _PLAIN_STARTERS:
        return True
    near = before[-_NEAR_CHARS:]
    if _PLURAL_AFTER.match(after) or near.endswith("out of "):
        return False
    return bool(_YEAR_CUE_BEFORE.search(near)) or (
        near.endswith(", ") and not re.match(r"\s[a-z]", after)
    )


def _is_name(quantity: Quantity, before: str, after: str) -> bool:
    """Say whether the words beside a number make it a piece of a name."""
    near = before[-_NEAR_CHARS:]
    if quantity.unit is None and quantity.shape in {"plain", "range", "fraction"}:
        if _TOP.search(near) or _NAME_AFTER.match(after):
            return True
        if _LABEL.search(near) and _LABEL_NUMBER.fullmatch(quantity.value):
            return True
        if _SIBLING_BEFORE.search(near) and quantity.value.lstrip("-").isdigit():
            return True
    if quantity.unit or quantity.comparator != "=" or quantity.shape != "plain":
        return False
    return _follows_name(quantity, before, after)


def _follows_name(quantity: Quantity, before: str, after: str) -> bool:
    """Say whether the number is the version or size in `LLaVA 1.5` or `FLAN-PaLM 62B`."""
    word = _WORD_BEFORE.search(before)
    if word is None:
        return False
    name = word[1]
    is_marked = any(c.isupper() for c in name[1:]) or any(c.isdigit() for c in name)
    if not (name[0].isupper() or is_marked) or has_metric_word(name):
        return False
    if (
        not is_marked
        and _SENTENCE_START.search(before[: word.start()])
        and (name.lower() in _PLAIN_STARTERS or re.search(r"(?:ing|ed|ly|s)$", name))
    ):
        return False
    if re.fullmatch(r"\d+(?:\.\d+)?B", quantity.value):
        return not _SIZE_NOUN_AFTER.match(after) or is_marked
    if re.fullmatch(r"\d{1,2}\.\d", quantity.value):
        return (quantity.number or 0) < 10
    return (
        quantity.value.isdigit()
        and (quantity.number or 0) <= 20
        and ((quantity.number or 0) < 10 or _PLURAL_AFTER.match(after) is None)
    )
