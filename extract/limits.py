"""How much two sets of facts may differ before a check fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from extract.compare import Comparison, Outcome
from extract.errors import InputError

_LIMIT = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)")


@dataclass(frozen=True)
class Limit:
    """So many facts, or such a share of them in percent."""

    amount: Fraction
    is_share: bool
    words: str


def read_limits(**written: str | None) -> dict[Outcome, Limit]:
    """Return the limits by outcome, read from words such as `3` and `2%`."""
    outcomes: dict[str, Outcome] = {"lost": "lost", "changed": "changed", "new": "new"}
    return {
        outcomes[name]: _limit(name, words) for name, words in written.items() if words is not None
    }


def _limit(name: str, words: str) -> Limit:
    found = _LIMIT.fullmatch(words.strip())
    if not found or (not found[2] and "." in found[1]) or (found[2] and float(found[1]) > 100):
        raise InputError(
            f"--max-{name} {words}: not a limit",
            hint=f"Write a number of facts or a share: --max-{name} 3, --max-{name} 2%.",
        )
    return Limit(Fraction(found[1]), bool(found[2]), words.strip())


def over_limits(
    comparison: Comparison, limits: Mapping[Outcome, Limit], *, same_papers: bool = False
) -> list[str]:
    """Return in words which limits are passed by all lists together."""
    over = []
    counts = comparison.total
    for outcome, limit in limits.items():
        count: int = getattr(counts, outcome)
        whole = counts.after if outcome == "new" else counts.before
        if count * 100 > limit.amount * whole if limit.is_share else count > limit.amount:
            share = f" ({counts.rate(outcome):.1%} of {whole})"
            over.append(f"{count}{share} {outcome}, at most {limit.words} allowed")
    apart = len(comparison.only_before) + len(comparison.only_after)
    if same_papers and apart:
        over.append(f"{apart} {'paper' if apart == 1 else 'papers'} on one side alone")
    return over
