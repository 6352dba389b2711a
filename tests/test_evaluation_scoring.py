"""What the figures of an evaluation say, and for which tasks."""

import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, create_model

from extract.errors import InputError
from extract.evaluation import evaluate, read_annotations
from extract.evaluation.intervals import bootstrap
from extract.evaluation.normal import is_same_phrase, normal_name, normal_value
from extract.evaluation.plan import scoring_plan
from extract.schemas.facts import ANSWER
from extract.schemas.markers import Answer, Quantity, Record, RefMark, Sentence, Verbatim
from extract.task import TaskError, describe

TASK = describe("facts", ANSWER)
EXAMPLE = Path(__file__).parent.parent / "fixtures" / "eval"


def paper(**lists: Any) -> dict[str, dict[str, Any]]:
    return {"a": {"id": "a", **lists}}


def figures(gold: dict[str, Any], predicted: dict[str, Any]) -> dict[str, Any]:
    return evaluate(gold, predicted, TASK, resamples=0).figures


def test_the_worked_example_gives_its_expected_figures() -> None:
    """Every figure of the invented example is the one worked out by hand."""
    gold = read_annotations(EXAMPLE / "gold.jsonl", TASK)
    predicted = read_annotations(EXAMPLE / "predicted.jsonl", TASK)

    expected = json.loads((EXAMPLE / "expected.json").read_text())

    assert expected == figures(gold, predicted)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("the ImageNet datasets", "imagenet"),
        ("CIFAR-10", "cifar 10"),
        ("Autoencoders", "autoencoder"),
        ("taxonomies", "taxonomy"),
        ("gas", "gas"),
        ("C++", "c++"),
        ("Mamba~2.", "mamba 2"),
        (None, ""),
    ],
)
def test_a_name_has_one_normal_form(written: str | None, normal: str) -> None:
    """Case, filler words, punctuation and the plural do not tell names apart."""
    assert normal == normal_name(written)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("95.9 \\%", "95.9%"),
        ("3 times", "3x"),
        ("×4", "x4"),
        ("+2.1", "2.1"),
        ("-2.1", "-2.1"),
        ("1,200", "1200"),
        ("5 percent", "5%"),
    ],
)
def test_a_value_has_one_normal_form(written: str, normal: str) -> None:
    """Signs, spaces and spelt-out units do not tell values apart; a minus does."""
    assert normal == normal_value(written)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("top-1 accuracy", "accuracy", True),
        ("hit rates", "rate of hits", True),
        ("accuracy", "latency", False),
        (None, "", True),
        (None, "accuracy", False),
    ],
)
def test_measures_agree_when_half_their_words_do(
    one: str | None, other: str | None, same: bool
) -> None:
    """Contained in one another, or half of the words shared."""
    assert same == is_same_phrase(one, other)


def test_a_paper_without_a_prediction_counts_as_empty() -> None:
    """Its records are missed, and it is counted as missing."""
    own = figures(paper(claims=[{"sentence": 1, "type": "result"}]), {})

    assert (1, 1) == (own["claims"]["fn"], own["missing"])


def test_a_second_form_of_a_found_entity_is_neither_right_nor_wrong() -> None:
    """One entity predicted under two names is one true positive."""
    gold = paper(methods=[{"name": "MAE", "role": "other", "aliases": ["masked autoencoders"]}])
    twice = paper(methods=[{"name": "MAE", "role": "other"}, {"name": "masked autoencoder"}])

    own = figures(gold, twice)["methods"]

    assert (1, 0, 0) == (own["tp"], own["fp"], own["fn"])


def test_equal_values_are_paired_by_their_attributes() -> None:
    """Of two equal numbers, each goes with the one that agrees most."""
    rows = [
        {"value": "90%", "kind": "score", "metric": "accuracy", "sentence": 1},
        {"value": "90%", "kind": "size", "metric": "labels", "sentence": 1},
    ]

    own = figures(paper(results=rows), paper(results=rows[::-1]))["results"]

    assert (1.0, 1.0) == (own["metric_acc"], own["tuple_f1"])


def test_a_prediction_with_its_own_sentences_is_renumbered() -> None:
    """Numbers of another segmentation lead to the gold sentence that is overlapped most."""
    gold = paper(sentences=[[0, 20], [21, 60]], claims=[{"sentence": 2, "type": "result"}])
    finer = paper(sentences=[[0, 8], [9, 20], [21, 60]], claims=[{"sentence": 3, "type": "result"}])

    assert 1.0 == figures(gold, finer)["claims"]["f1"]


def test_a_claim_given_as_characters_is_put_on_the_sentence_it_overlaps_most() -> None:
    """Start and end of a claim name the sentence where it has none."""
    gold = paper(sentences=[[0, 20], [21, 60]], claims=[{"sentence": 2, "type": "result"}])
    span = paper(claims=[{"start": 15, "end": 50, "type": "result"}])

    assert 1.0 == figures(gold, span)["claims"]["f1"]


class Ship(Record):
    name: Verbatim
    flag: Literal["red", "blue"]
    sentence: Sentence


class Speed(Record):
    value: Quantity
    ship: Annotated[Annotated[str, RefMark("ships")] | None, Field()] = None
    sentence: Sentence


class Mood(Record):
    PER: ClassVar[Literal["sentence", "quantity"] | None] = "sentence"

    sentence: Sentence
    tone: Literal["calm", "tense"]


class Log(Answer):
    """A ship's log, a task of somebody else."""

    ships: list[Ship]
    speeds: list[Speed]
    moods: list[Mood]


def test_another_task_is_scored_by_its_markers() -> None:
    """Names by entity, quantities by value, the rest by sentence, whatever they are called."""
    log = describe("log", Log)
    gold = paper(
        ships=[{"name": "Argo", "flag": "red", "sentence": 1}],
        speeds=[{"value": "7 knots", "ship": "Argo", "sentence": 1}],
        moods=[{"sentence": 1, "tone": "calm"}, {"sentence": 2, "tone": "tense"}],
    )
    predicted = paper(
        ships=[{"name": "the Argo", "flag": "blue", "sentence": 1}],
        speeds=[{"value": "7 knots", "ship": None, "sentence": 1}],
        moods=[{"sentence": 1, "tone": "calm"}],
    )

    own = evaluate(gold, predicted, log, resamples=0).figures

    assert {"p": 1.0, "r": 1.0, "f1": 1.0, "tp": 1, "fp": 0, "fn": 0, "flag_acc": 0.0} == own[
        "ships"
    ]
    assert (1.0, 0.0, 0.0) == tuple(own["speeds"][k] for k in ("f1", "ship_acc", "tuple_f1"))
    assert (0.667, 1.0) == (own["moods"]["f1"], own["moods"]["tone_acc"])
    assert 0.889 == own["macro_f1"]


@pytest.mark.parametrize(
    ("wishes", "named"),
    [
        ({"unscored": {"boats": ["flag"]}}, "the list 'boats'"),
        ({"unscored": {"ships": ["colour"]}}, "the field ships.colour"),
        ({"parts": {"ships": {"of": "ships", "without": {"flag": "red"}}}}, "called like the list"),
        ({"weights": {}}, "the setting 'weights'"),
    ],
)
def test_a_setting_that_names_what_is_not_there_is_refused(
    wishes: dict[str, Any], named: str
) -> None:
    """EVAL is checked against the task, and the message says what is wrong with it."""
    answer = create_model("Odd", __base__=Log)
    answer.EVAL = wishes  # type: ignore[attr-defined]  # what a user's class would declare

    with pytest.raises(TaskError, match=named):
        scoring_plan(describe("odd", answer))


def test_the_same_seed_gives_the_same_intervals() -> None:
    """An evaluation can be repeated to the last digit."""
    gold = read_annotations(EXAMPLE / "gold.jsonl", TASK)
    predicted = read_annotations(EXAMPLE / "predicted.jsonl", TASK)

    first = evaluate(gold, predicted, TASK, resamples=50).intervals

    assert first == evaluate(gold, predicted, TASK, resamples=50).intervals
    assert first != evaluate(gold, predicted, TASK, resamples=50, seed=1).intervals


def test_the_interval_of_a_share_is_that_of_its_papers() -> None:
    """Half of 400 papers right: the interval is that of a binomial share."""
    counts = [{"right": number % 2} for number in range(400)]

    found = bootstrap(counts, lambda c: {"share": c["right"] / 400}, resamples=1000, seed=0)

    assert (0.45, 0.55) == pytest.approx(tuple(found["share"]), abs=0.01)


def test_papers_that_are_all_alike_have_an_interval_without_width() -> None:
    """Nothing that is drawn again can change."""
    found = bootstrap([{"n": 1}] * 9, lambda c: {"mean": c["n"] / 9}, resamples=20, seed=0)

    assert (1.0, 1.0) == found["mean"]


def test_one_paper_has_no_interval() -> None:
    """A single paper says nothing about others."""
    assert {} == bootstrap([{"n": 1}], lambda c: {"n": float(c["n"])}, resamples=20, seed=0)


def test_nothing_to_score_against_is_an_error() -> None:
    """An empty set of annotated papers is no figure of zero."""
    with pytest.raises(InputError, match="no annotated papers"):
        evaluate({}, {}, TASK)
