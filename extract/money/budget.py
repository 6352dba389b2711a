"""What a run may spend: `5.00` in the whole life of its database, or `+5.00` by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from extract.errors import InputError

_AMOUNT = re.compile(r"\+?(\d{1,12}(\.\d*)?|\.\d+)", re.ASCII)


@dataclass(frozen=True)
class Budget:
    """Dollars that may be spent: in all, or beyond what was spent before the run."""

    dollars: Decimal
    is_more: bool = False

    def limit(self, before: Decimal) -> Decimal:
        """Return what a run may spend where *before* was spent already."""
        return self.dollars if self.is_more else max(Decimal(0), self.dollars - before)


def read_budget(text: str) -> Budget:
    """Read `5`, `5.00` or `+5.00`; `InputError` for anything else."""
    words = text.strip()
    if not _AMOUNT.fullmatch(words):
        raise InputError(
            f"--budget {text} is no amount of money",
            hint="Write dollars: 5.00 for all runs on this database together, +5.00 for this one.",
        )
    return Budget(Decimal(words), is_more=words.startswith("+"))
