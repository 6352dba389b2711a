"""The figures are told in three forms that say the same."""

import json
from pathlib import Path

import pytest

from extract.evaluation import (
    Evaluation,
    evaluate,
    evaluation_document,
    read_annotations,
    table_markdown,
    table_text,
)
from extract.schemas.facts import ANSWER
from extract.task import describe

TASK = describe("facts", ANSWER)
EXAMPLE = Path(__file__).parent.parent / "fixtures" / "eval"


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    gold = read_annotations(EXAMPLE / "gold.jsonl", TASK)
    predicted = read_annotations(EXAMPLE / "predicted.jsonl", TASK)
    return evaluate(gold, predicted, TASK, resamples=0)


def test_the_table_has_a_line_for_each_list(evaluation: Evaluation) -> None:
    """Shares, counts and accuracies stand in columns; the whole comes last."""
    expected = """\
list          P      R     F1  95 % interval  hits  false  missed  attributes
methods   0.500  0.333  0.400                    1      1       2  role 0.000
datasets  1.000  0.667  0.800                    2      0       1
results   0.800  0.571  0.667                    4      1       3  kind 0.750, metric 0.750, \
dataset 0.750, method 1.000, tuple F1 0.333
scores    1.000  0.750  0.857                    3      0       1  tuple F1 0.571
claims    0.800  0.667  0.727                    4      1       2  type 0.750

macro F1 0.649 over 3 papers, 1 without a prediction
"""

    assert expected == table_text(evaluation)


def test_the_markdown_table_has_a_rule_under_its_header(evaluation: Evaluation) -> None:
    """It can be pasted into the README."""
    lines = table_markdown(evaluation).splitlines()

    assert "| list | P | R | F1 | 95 % interval | hits | false | missed | attributes |" == lines[0]
    assert "| --- | --: | --: | --: | --- | --: | --: | --: | --- |" == lines[1]


def test_the_document_is_json_with_the_figures_named_as_in_the_reference(
    evaluation: Evaluation,
) -> None:
    """What a program reads is the reference's own document, with intervals beside it."""
    document = json.loads(json.dumps(evaluation_document(evaluation)))

    assert json.loads((EXAMPLE / "expected.json").read_text()) == document["figures"]


def test_intervals_stand_beside_the_figures() -> None:
    """With resamples, each share has a lower and an upper end around it."""
    gold = read_annotations(EXAMPLE / "gold.jsonl", TASK)
    document = evaluation_document(evaluate(gold, gold, TASK, resamples=20))

    # A resample may be of the one paper that has no results.
    assert 1.0 == document["intervals_95"]["claims"]["f1"][1]
    assert {"methods", "datasets", "results", "scores", "claims", "macro_f1"} == set(
        document["intervals_95"]
    )
