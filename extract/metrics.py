"""What is known of a named metric: which way is better, its usual range and its unit.

Promises an answer only for metrics of the table `schemas/metrics.csv`; for all others `find_metric`
returns None, which means unknown and never "lower is better".

Not here: comparing results. Two values of one metric on one dataset may still be measured
differently.
"""

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table of metrics."""

    name: str
    aliases: tuple[str, ...]
    higher_is_better: bool | None
    """None where the table says `unknown`: the metric is known, its direction depends."""
    low: float | None
    """Usual lower end, None where open."""
    high: float | None
    """Usual upper end, None where open."""
    unit: str | None


_DIRECTIONS = {"true": True, "false": False, "unknown": None}


def normal_form(phrase: str) -> str:
    """Return *phrase* in lower case, its words in the singular and divided by one space."""
    return " ".join(map(_normal, _words(phrase)))


def _words(phrase: str) -> list[str]:
    """Return the words of *phrase* as written, without the signs between them."""
    spaced = re.sub(r"[^\w@+#-]+|[-_]", " ", phrase.replace("\\", " "))
    return re.sub(r"\s?@\s?", "@", " ".join(spaced.split())).split()


def _normal(word: str) -> str:
    return _singular(word.lower())


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is", "fps", "ops")):
        return word[:-1]
    return word


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


@lru_cache(maxsize=1)
def metrics() -> tuple[Metric, ...]:
    """Return the metrics of the table, in its order."""
    table = resources.files("extract.schemas").joinpath("metrics.csv").read_text(encoding="utf-8")
    return tuple(
        Metric(
            name=row["name"],
            aliases=tuple(alias for alias in row["aliases"].split("|") if alias),
            higher_is_better=_DIRECTIONS[row["higher_is_better"]],
            low=_number(row["low"]),
            high=_number(row["high"]),
            unit=row["unit"] or None,
        )
        for row in csv.DictReader(table.splitlines())
    )


@lru_cache(maxsize=1)
def _by_alias() -> dict[str, Metric]:
    return {
        normal_form(alias): metric
        for metric in metrics()
        for alias in (metric.name, *metric.aliases)
    }


def find_metric(phrase: str) -> Metric | None:
    """Return the metric that *phrase* names: the longest alias it contains, whole words only.

    The head of the phrase goes first: `MAE of relaxed adsorption energy` is an error and no
    energy. Of two aliases equally long the later one counts, since English puts the head noun
    last. None means unknown.
    """
    named = [name for name in _named(phrase) if name.length > 1 or _names_alone(name.first)]
    return max(named, key=lambda name: name[:3]).metric if named else None


def has_metric_word(phrase: str) -> bool:
    """Say whether *phrase* has a name of the table in whatever case: `per` is one here."""
    return bool(_named(phrase))


class _Name(NamedTuple):
    """A name of the table in a phrase; what is greater names the phrase better."""

    is_head: bool
    length: int
    start: int
    first: str
    metric: Metric


def _named(phrase: str) -> list[_Name]:
    written = _words(phrase)[:_MOST_WORDS]
    words = [_normal(word) for word in written]
    aliases = _by_alias()
    head = next((at for at, word in enumerate(words) if word in _AFTER_HEAD), len(words))
    return [
        _Name(start < head, length, start, written[start], metric)
        for start in range(len(words))
        for length in range(1, len(words) - start + 1)
        if (metric := aliases.get(" ".join(words[start : start + length])))
    ]


def _names_alone(word: str) -> bool:
    """Say whether *word* by itself may name a metric: `per` is no PER, and `3 times` no time."""
    if word.lower() == "times":
        return False
    return _normal(word) not in _ONLY_CAPITALS or word[1:] != word[1:].lower()


_MOST_WORDS = 40
# English words, which name a metric only where they are written as its acronym.
_ONLY_CAPITALS = frozenset({"ace", "ape", "chair", "is", "kid", "map", "per", "ram", "spice"})
_AFTER_HEAD = frozenset({"of", "in", "on", "for", "at", "under", "with", "between"})
