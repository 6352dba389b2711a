"""What a quantity written without digits says: `twice`, `half`, `twenty-five`, `two million`.

Only for reading a value that a model has handed in. Results in words are not searched for in
a text, because the annotation guide leaves them out.
"""

import re

from extract.numbers.units import FACTOR_UNIT, SCALES

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_COUNTS = (
    {word: float(number) for number, word in enumerate(_ONES)}
    | {word: 10.0 * tens for tens, word in enumerate(_TENS, start=2)}
    | {"a": 1.0, "an": 1.0, "dozen": 12.0, "half": 0.5, "quarter": 0.25, "third": 1 / 3}
    | {"thirds": 1 / 3, "halves": 0.5, "quarters": 0.25}
)
_FACTORS = {"twice": 2.0, "double": 2.0, "thrice": 3.0, "triple": 3.0, "quadruple": 4.0}
_FACTORS |= {"doubled": 2.0, "tripled": 3.0, "doubles": 2.0, "triples": 3.0, "halved": 0.5}
_MOST_CHARS = 60


def number_in_words(value: str) -> tuple[float, str | None] | None:
    """Return number and unit (`x`, `%`, None) of *value*, or None where it is no number."""
    words = re.findall(r"[a-z]+|%", value[:_MOST_CHARS].lower())
    if len(words) == 1 and words[0] in _FACTORS:
        return _FACTORS[words[0]], FACTOR_UNIT
    unit = None
    if words and words[-1] in {"percent", "%"}:
        words, unit = words[:-1], "%"
    elif words and (words[-1] in {"fold", "times"} or words[-1].endswith("fold")):
        words, unit = [w for w in (*words[:-1], words[-1].removesuffix("fold")) if w], FACTOR_UNIT
        words = [word for word in words if word != "times"]
    if " ".join(words[-3:]) == "order of magnitude" and words[:-3] in (["an"], ["one"], ["a"]):
        return 10.0, FACTOR_UNIT
    number = _spelled(words)
    return None if number is None else (number, unit)


def _spelled(words: list[str]) -> float | None:
    """Return the number that *words* spell; each of them must take part."""
    total, current = 0.0, None
    for word in words:
        scale = SCALES.get(word) if len(word) > 3 else None
        if word == "and":
            continue
        if scale is not None:
            current = (1.0 if current is None else current) * scale
            if scale > 100:
                total, current = total + current, None
        elif word not in _COUNTS:
            return None
        elif word in {"half", "quarter", "third", "thirds", "halves", "quarters", "dozen"}:
            current = (1.0 if current is None else current) * _COUNTS[word]
        else:
            current = (current or 0.0) + _COUNTS[word]
    if current is None and total == 0.0:
        return None
    return total + (current or 0.0)
