"""Curves from probability to share right, and the table that says whether they hold."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.calibration import FEWEST, calibrated, fit_curve, read_calibration
from extract.errors import InputError
from extract.evaluation import evaluate
from extract.evaluation.reliability import (
    calibration_error,
    outcomes,
    reliability,
    reliability_text,
)
from extract.tasks import load_task

OUTCOMES = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=FEWEST, max_size=200)


@given(OUTCOMES)
def test_a_curve_never_falls_and_stays_between_0_and_1(rows: list[tuple[float, bool]]) -> None:
    curve = fit_curve(rows)
    ask = [calibrated(n / 50, curve) for n in range(51)]
    assert ask == sorted(ask)
    assert all(0 <= value <= 1 for value in ask)


@given(OUTCOMES)
def test_a_curve_keeps_the_share_that_was_right(rows: list[tuple[float, bool]]) -> None:
    """Pooling moves no mass: over the points, weighted by their records, the mean is kept."""
    curve = fit_curve(rows, parts=1)
    assert [round(sum(r for _, r in rows) / len(rows), 4)] == [share for _, share in curve]


def test_an_overconfident_model_is_brought_down() -> None:
    rng = Random(3)
    rows = [(p, rng.random() < p / 2) for p in (rng.random() for _ in range(4000))]
    curve = fit_curve(rows)
    for probability in (0.2, 0.5, 0.9):
        assert calibrated(probability, curve) == pytest.approx(probability / 2, abs=0.06)


def test_a_handful_of_records_makes_no_curve() -> None:
    assert fit_curve([(0.5, True)] * (FEWEST - 1)) == []
    assert calibrated(0.37, []) == 0.37


@pytest.mark.parametrize(
    "document",
    ['{"a": [[0.5, 0.9], [0.6, 0.2]]}', '{"a": [[0.5, 1.2]]}', '{"a": [[0.5]]}', "[1]", "{"],
)
def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path, document: str) -> None:
    path = tmp_path / "curves.json"
    path.write_text(document)
    with pytest.raises(InputError, match=r"curves\.json"):
        read_calibration(path)


def test_a_fitted_curve_can_be_read_again(tmp_path: Path) -> None:
    rng = Random(5)
    curve = fit_curve([(p, rng.random() < p) for p in (rng.random() for _ in range(500))])
    path = tmp_path / "curves.json"
    path.write_text(json.dumps({"claims": curve}))
    assert read_calibration(path) == {"claims": curve}


def test_reliability_counts_each_record_once() -> None:
    def annotation(names: list[str], sure: float) -> dict[str, object]:
        rows = [{"name": n, "role": "other", "aliases": [], "confidence": sure} for n in names]
        return {"methods": rows, "datasets": [], "results": [], "claims": []}

    gold = {"1": annotation(["BERT", "GPT-3"], 0)}
    predicted = {"1": annotation(["BERT", "bert", "Foo", "GPT-3"], 0.9)}
    evaluation = evaluate(gold, predicted, load_task("facts"))

    assert sorted(outcomes(evaluation)["methods"]) == [(0.9, False), (0.9, True), (0.9, True)]
    bins = reliability(evaluation)
    assert [(b.low, b.high, b.count) for b in bins] == [(0.8, 1.0, 3)]
    assert calibration_error(bins, "methods") == pytest.approx(0.9 - 2 / 3)
    assert "methods: mean distance 0.233" in reliability_text(bins)


def test_no_confidence_is_said_and_not_a_table() -> None:
    assert "no token probabilities" in reliability_text([])
