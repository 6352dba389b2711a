"""A stated gap is checked against the two values that it joins."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.gaps import GapCheck, check_gaps, read_stated

CASES = list(
    csv.DictReader((Path(__file__).parent.parent / "fixtures" / "gaps.csv").open(encoding="utf-8"))
)


def row(written: str, sentence_text: str) -> dict[str, Any]:
    """Read `value|kind|field=...`, as the table of cases writes a row of results."""
    value, kind, *fields = written.split("|")
    own: dict[str, Any] = {"value": value, "kind": kind, "sentence": 1}
    for field in fields:
        name, said = field.split("=", 1)
        own[name] = {"true": True, "false": False}.get(said, said)
    own["sentence_text"] = sentence_text
    return own


def check(case: dict[str, str]) -> GapCheck:
    """The check of the first stated gap of a case."""
    rows = [row(w, case["sentence_text"]) for w in case["rows"].strip(";").split(";")]
    return check_gaps(map(read_stated, rows))[0]


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_a_gap_gets_the_verdict_of_the_table(case: dict[str, str]) -> None:
    """Verdict, the two values and the expected gap are those of fixtures/gaps.csv."""
    found = check(case)

    assert (case["verdict"], case["low"], case["high"]) == (
        found.verdict,
        found.low.value if found.low else "",
        found.high.value if found.high else "",
    )
    if case["expected"]:
        assert float(case["expected"]) == pytest.approx(found.expected, abs=5e-4)


def test_each_gap_of_a_sentence_is_checked() -> None:
    """Two pairs with a gap each are two checks, each with its own pair."""
    case = next(case for case in CASES if case["case"] == "two pairs")
    rows = [read_stated(row(w, case["sentence_text"])) for w in case["rows"].split(";")]

    checks = check_gaps(rows)

    expected = [("74.3", "78.1", "agreement"), ("60.0", "62.5", "agreement")]
    assert expected == [(c.low.value, c.high.value, c.verdict) for c in checks if c.low and c.high]


def test_a_second_gap_beside_the_right_one_is_of_something_else() -> None:
    """Where the gap of two values is stated too, another one says nothing of them."""
    text = "Accuracy goes from 27.2% to 80.9%, a 53.7% absolute gain that beats others by 34.0%."
    written = ["27.2%|score", "80.9%|score", "53.7%|delta|relative=false", "34.0%|delta"]

    checks = check_gaps(read_stated(row(w, text)) for w in written)

    assert ["agreement", "not_checkable"] == [check.verdict for check in checks]


def test_a_gap_that_cannot_be_read_is_not_checkable() -> None:
    """A range is no single number."""
    found = check({"sentence_text": "", "rows": "1.9-3.4%|delta;70.0|score;72.0|score"})

    assert ("not_checkable", None) == (found.verdict, found.stated)


def test_rows_without_a_gap_give_no_checks() -> None:
    """Scores alone state no gap."""
    assert [] == check_gaps([read_stated(row("78.1|score", ""))])


def test_the_columns_of_a_row_count_before_its_written_form() -> None:
    """A row of the database brings number, unit and comparator with it."""
    stated = read_stated(
        {
            "value": "nearly four",
            "kind": "delta",
            "sentence": 2,
            "number": 4.0,
            "unit": "points",
            "comparator": "~",
            "relative": False,
        }
    )

    assert (4.0, "points", "~", False) == (
        stated.number,
        stated.unit,
        stated.comparator,
        stated.relative,
    )


@settings(max_examples=200, deadline=None)
@given(
    st.integers(100, 9000),
    st.integers(1, 900),
    st.sampled_from([0, 1, 2]),
    st.sampled_from(["points", "%"]),
)
def test_the_true_gap_is_never_a_contradiction(
    low: int, difference: int, decimals: int, unit: str
) -> None:
    """However it is rounded, the gap between two exact values agrees with their written forms."""
    one, other = low / 100, (low + difference) / 100
    true = difference / 100 if unit == "points" else 100 * difference / low
    values = [f"{one:.{decimals}f}", f"{other:.{decimals}f}", f"{true:.{decimals}f}"]
    text = f"It goes from {values[0]} to {values[1]}, a gain of {values[2]} {unit}."
    gap = f"{values[2]}|delta|unit={unit}" + ("|relative=true" if unit == "%" else "")

    found = check({"sentence_text": text, "rows": f"{values[0]}|score;{values[1]}|score;{gap}"})

    assert found.verdict != "contradiction"
