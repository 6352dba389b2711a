"""Variations of an annotated abstract: what is taught of each is true of its text."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extract.prompting import read_prompt
from extract.shown import clean, show
from extract.tasks import load_task
from extract.training.augmenting import (
    names_of,
    shuffled,
    swapped_names,
    swapped_numbers,
    with_latex,
)
from extract.training.config import TrainingConfig
from extract.training.examples import Annotation, as_paper, example
from extract.training.plan import Plan

TASK = load_task("facts")
GOLD = Path(__file__).parent.parent / "fixtures" / "eval" / "gold.jsonl"

TEXT = (
    "Tables are noisy. We present Lumen, a parser built on GridNet 2. "
    "On TableBank-X, Lumen reaches 91.4% accuracy and GridNet 2 has 87.0%. "
    "Lumen needs 40 hours, as does every GridNet 2-based parser."
)
SPANS = [[0, 17], [18, 64], [65, 134], [135, 194]]


def annotation() -> dict[str, Any]:
    """An invented paper: names in one another's reach, and a number inside a name."""
    score = {"kind": "score", "metric": "accuracy", "dataset": "TableBank-X", "baseline": None}
    return {
        "id": "p1",
        "title": "Lumen: Parsing Noisy Tables",
        "abstract": TEXT,
        "sentences": SPANS,
        "methods": [
            {"name": "Lumen", "role": "proposed", "aliases": []},
            {"name": "GridNet 2", "role": "other", "aliases": []},
        ],
        "datasets": [{"name": "TableBank-X", "role": "used", "aliases": []}],
        "results": [
            {"value": "91.4%", "method": "Lumen", "sentence": 3, **score},
            {"value": "87.0%", "method": "GridNet 2", "sentence": 3, **score},
            {
                **score,
                "value": "40 hours",
                "kind": "size",
                "metric": None,
                "dataset": None,
                "method": "Lumen",
                "sentence": 4,
            },
        ],
        "claims": [
            {"sentence": 2, "type": "contribution"},
            {"sentence": 3, "type": "result"},
        ],
    }


def gold() -> list[Annotation]:
    """The invented papers of the worked example, and the one above."""
    lines = GOLD.read_text(encoding="utf-8").splitlines()
    return [*map(json.loads, lines), annotation()]


NAMES = names_of(
    [
        *gold(),
        annotation()
        | {
            "methods": [
                {"name": name, "role": "other", "aliases": []}
                for name in ("Corvid", "Tarn", "Osier", "Pyrite Net", "Salt 3")
            ],
            "datasets": [{"name": "OreBench", "role": "used", "aliases": []}],
        },
    ],
    TASK,
)

VARIATIONS = {
    "names": lambda a, rng: swapped_names(a, TASK, rng, NAMES),
    "numbers": lambda a, rng: swapped_numbers(a, TASK, rng),
    "order": lambda a, rng: shuffled(a, TASK, rng),
    "latex": lambda a, rng: with_latex(a, TASK, rng),
}


def quotes(paper: Annotation) -> list[str]:
    """Every word of the labels that quotes the text."""
    found: list[str] = []
    for kind in TASK.kinds:
        for row in paper[kind.name]:
            found += [row.get(f) for f in ("name", "value", "metric", "dataset", "method")]
            found += row.get("aliases", [])
    return [each for each in found if each]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("variation", VARIATIONS)
def test_every_label_still_stands_in_the_text(variation: str, seed: int):
    """As whole words, where a run would find them; and the example can be made."""
    for before in gold():
        after = VARIATIONS[variation](before, random.Random(seed))

        shown = show(as_paper(after))
        assert [
            q for q in quotes(after) if q not in after["title"] + "\n" + after["abstract"]
        ] == []
        assert [q for q in quotes(after) if shown.locate(clean(q)) is None] == []
        assert len(quotes(after)) == len(quotes(before))
        assert len(after["sentences"]) == len(before["sentences"])
        example(TASK, after)


@pytest.mark.parametrize("variation", VARIATIONS)
def test_a_variation_varies(variation: str):
    """Some seed changes the abstract; the annotation that it came from is as before."""
    before = annotation()
    found = {VARIATIONS[variation](before, random.Random(s))["abstract"] for s in range(8)}

    assert len(found - {TEXT}) >= 2
    assert before == annotation()


def test_a_name_is_swapped_wherever_it_stands():
    """In title, text, labels and links; the old name is nowhere."""
    after = next(
        a
        for a in (VARIATIONS["names"](annotation(), random.Random(s)) for s in range(20))
        if a["methods"][0]["name"] != "Lumen"
    )
    new = after["methods"][0]["name"]

    assert "Lumen" not in json.dumps(after)
    assert after["title"] == f"{new}: Parsing Noisy Tables"
    assert [row["method"] for row in after["results"]][::2] == [new, new]


def test_a_number_is_swapped_in_its_sentence_and_in_its_label_and_not_in_a_name():
    """The name GridNet 2 keeps its 2; a share keeps its first digit and stays below 100."""
    after = swapped_numbers(annotation(), TASK, random.Random(3))
    values = [row["value"] for row in after["results"]]

    assert values != ["91.4%", "87.0%", "40 hours"]
    assert [value[0] for value in values[:2]] == ["9", "8"]
    assert f"reaches {values[0]} accuracy and GridNet 2 has {values[1]}." in after["abstract"]
    assert "91.4" not in after["abstract"]
    assert after["abstract"].count("GridNet 2") == 3


def test_a_shuffled_sentence_takes_its_labels_along():
    """The sentence that a record cites holds the same words as before."""
    before = annotation()
    after = shuffled(before, TASK, random.Random(1))

    def cited(paper: Annotation) -> list[str]:
        spans = [paper["sentences"][row["sentence"] - 1] for row in paper["results"]]
        return [paper["abstract"][start:end] for start, end in spans]

    assert after["abstract"] != before["abstract"]
    assert sorted(after["abstract"]) == sorted(before["abstract"])
    assert cited(after) == cited(before)


def test_latex_does_not_change_what_is_taught():
    """Only what is shown differs: marks of LaTeX around the same names and numbers."""
    before = example(TASK, annotation())
    found = [example(TASK, with_latex(annotation(), TASK, random.Random(s))) for s in range(8)]

    assert {each.answer for each in found} == {before.answer}
    assert any(re.search(r"(textbf|emph|textsc)\{|\{em ", each.shown) for each in found)
    assert any("$" in each.shown for each in found)


def test_what_cannot_be_varied_soundly_is_left_as_it_was():
    """A label that reaches over a name's edge would be cut in two by another name."""
    before = annotation() | {"results": []}
    before["results"] = [{**annotation()["results"][0], "metric": "X, Lumen reaches"}]

    found = [VARIATIONS["names"](before, random.Random(s)) for s in range(20)]

    for after in found:
        assert after["results"][0]["metric"] in after["abstract"]


def plan(**config: Any) -> Plan:
    """A plan of the invented papers."""
    prompt = read_prompt("facts.tuned", TASK.prompts["tuned"])
    return Plan(TrainingConfig(**config), TASK, prompt, gold(), [], GOLD, None)


def test_shares_of_0_leave_every_example_as_annotated():
    """The shipped config names none of them, and makes what it made before."""
    assert [plan().make(n, 0) for n in range(4)] == list(plan().as_annotated())


def test_the_same_seed_varies_in_the_same_way_and_every_epoch_in_another():
    """A run that was stopped goes on with the examples that it would have had."""
    shares = {"swap_names": 0.7, "swap_numbers": 0.7, "shuffle_sentences": 0.7}
    one, same = plan(**shares), plan(**shares)

    made = [[one.make(n, epoch) for n in range(4)] for epoch in range(3)]

    assert made == [[same.make(n, epoch) for n in range(4)] for epoch in range(3)]
    assert made[0] != made[1]


def test_shares_of_0_take_no_part_in_the_fingerprint():
    """A run that was begun before there were such keys can go on."""
    assert "swap_names" not in plan().fingerprint()["config"]
    varied = replace(plan(), config=TrainingConfig(swap_names=0.5)).fingerprint()
    assert varied["config"]["swap_names"] == 0.5
