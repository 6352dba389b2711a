"""Fault 44: text that a spreadsheet would run as a formula."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from extract.exports import as_csv


def cell(value: object, *, raw: bool = False) -> str:
    """Return what a CSV reader finds for *value* in a second column."""
    text = "".join(as_csv(["id", "value"], [(1, value)], raw=raw))
    return list(csv.reader(io.StringIO(text, newline="")))[1][1]


@pytest.mark.parametrize(
    "formula",
    ["=cmd|'/C calc'!A0", "+1+cmd|x!A", "-2+3", "@sum(1)", "\t=1", "\r=1", "\uff1d1"],
)
def test_a_formula_becomes_text(formula: str) -> None:
    """A quote in front makes it text; `raw` leaves it as it is."""
    assert "'" + formula == cell(formula)
    assert formula == cell(formula, raw=True)


def test_the_name_of_a_column_is_no_formula_either() -> None:
    """Names can be chosen by whoever wrote the query."""
    assert "'=1+1\n" == "".join(as_csv(["=1+1"], []))


@pytest.mark.parametrize(
    ("value", "text"),
    [(-5, "-5"), (-0.5, "-0.5"), (Decimal("-1.10"), "-1.10"), ("-3.2%", "-3.2%"), ("+1.5", "+1.5")],
)
def test_a_negative_number_stays_a_number(value: object, text: str) -> None:
    """Numbers get no quote, nor does a number as a paper writes it."""
    assert text == cell(value)


def test_null_and_empty_text_differ() -> None:
    """NULL is nothing at all, the empty text a pair of quotes, and neither loses its line."""
    assert 'a,b\n,""\n' == "".join(as_csv(["a", "b"], [(None, "")]))
    assert 'a\n""\n' == "".join(as_csv(["a"], [(None,)]))
