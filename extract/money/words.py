"""Amounts of money in words."""

from __future__ import annotations

import math
from decimal import Decimal


def dollars(amount: Decimal | float) -> str:
    """Write an amount with cents, and a small one with three digits that say something."""
    if not amount:
        return "$0.00"
    places = 2 if amount >= 1 else max(2, 2 - math.floor(math.log10(amount)))
    return f"${amount:,.{places}f}"
