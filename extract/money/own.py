"""The user's own prices, from the tables `prices` of paperfacts.toml (`extract.settings`).

[prices."openai/my-model"]
input = 0.25            # dollars for a million tokens
cached_input = 0.025    # of those that the provider had cached; `input` where left out
output = 2.00
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from extract.errors import InputError
from extract.money.tariff import Tariff, flat

NAMES = ("input", "cached_input", "output")


def own_prices() -> dict[str, Tariff]:
    """Return the user's prices by model name; of two files the weightier one counts."""
    from extract.settings import price_tables

    prices: dict[str, Tariff] = {}
    for table, place in price_tables():
        prices |= prices_of(table, place)
    return prices


def prices_of(table: Any, where: str) -> dict[str, Tariff]:
    """Return the prices of a table that *where* holds, by model name."""
    if not isinstance(table, Mapping):
        raise _wrong(where, "prices", "is no table")
    return {str(name): _tariff(row, where, f'prices."{name}"') for name, row in table.items()}


def _tariff(row: Any, where: str, name: str) -> Tariff:
    if not isinstance(row, Mapping):
        raise _wrong(where, name, "is no table")
    if unknown := sorted(row.keys() - set(NAMES)):
        raise _wrong(where, f"{name}.{unknown[0]}", f"is none of {', '.join(NAMES)}")
    if missing := [each for each in ("input", "output") if each not in row]:
        raise _wrong(where, f"{name}.{missing[0]}", "is missing")
    rates = {key: _rate(value, where, f"{name}.{key}") for key, value in row.items()}
    return flat(rates["input"], rates["output"], rates.get("cached_input"))


def _rate(value: Any, where: str, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise _wrong(where, name, f"is {value!r}, which is no number")
    rate = Decimal(str(value))
    if not rate.is_finite() or rate < 0:
        raise _wrong(where, name, f"is {value}, which is no price")
    return rate


def _wrong(where: str, name: str, problem: str) -> InputError:
    return InputError(
        f"{where}: {name} {problem}",
        hint='Write [prices."PROVIDER/NAME"] with input = 0.25 and output = 2.0, in dollars for'
        " a million tokens.",
    )
