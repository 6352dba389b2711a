"""Training examples: the same prompt and wire format as a run's, from annotations and answers."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from extract.errors import InputError
from extract.shown import show
from extract.tasks import load_task
from extract.training.config import TrainingConfig
from extract.training.examples import (
    as_paper,
    example,
    fold_of,
    read_annotations,
    with_sentences_dropped,
)
from extract.training.lora import batches
from extract.training.sources import (
    all_annotations,
    annotations_of_answers,
    digest_of,
    without_fold,
)
from extract.wire import CompactWire

TASK = load_task("facts")

SENTENCES = (
    "We present Lumen, a parser for noisy tables.",
    "It builds on GridNet.",
    "On TableBank-X, Lumen reaches 91.4% accuracy.",
    "GridNet reaches 87.0% there.",
    "Most errors stem from merged cells.",
)


def spans_of(sentences: tuple[str, ...]) -> list[list[int]]:
    """Where the sentences stand when a space lies between them."""
    spans, at = [], 0
    for sentence in sentences:
        spans.append([at, at + len(sentence)])
        at += len(sentence) + 1
    return spans


def annotation(paper_id: str = "p1") -> dict[str, Any]:
    """An invented paper with everything that the task asks for."""
    score = {"kind": "score", "metric": "accuracy", "dataset": "TableBank-X", "baseline": None}
    return {
        "id": paper_id,
        "title": "Lumen: Parsing Noisy Tables",
        "abstract": " ".join(SENTENCES),
        "sentences": spans_of(SENTENCES),
        "methods": [
            {"name": "Lumen", "role": "proposed", "aliases": [], "sentence": 1},
            {"name": "GridNet", "role": "other", "aliases": [], "sentence": 2},
        ],
        "datasets": [{"name": "TableBank-X", "role": "used", "aliases": [], "sentence": 3}],
        "results": [
            {"value": "91.4%", "method": "Lumen", "sentence": 3, **score},
            {"value": "87.0%", "method": "GridNet", "sentence": 4, **score, "dataset": None},
        ],
        "claims": [
            {"sentence": 1, "type": "contribution"},
            {"sentence": 3, "type": "result"},
            {"sentence": 5, "type": "finding"},
        ],
    }


def test_what_an_example_teaches_decodes_to_its_annotation():
    """The answer in the wire format holds every record of the annotation."""
    made = example(TASK, annotation())

    decoded = CompactWire(TASK).decode(made.answer, show(as_paper(annotation())))
    assert [(m["name"], m["role"]) for m in decoded["methods"]] == [
        ("Lumen", "proposed"),
        ("GridNet", "other"),
    ]
    assert [d["name"] for d in decoded["datasets"]] == ["TableBank-X"]
    assert [(r["value"], r["sentence"], r["method"]) for r in decoded["results"]] == [
        ("91.4%", 3, "Lumen"),
        ("87.0%", 4, "GridNet"),
    ]
    assert decoded["claims"] == annotation()["claims"]


def test_an_example_shows_the_paper_as_a_run_does():
    """The text is that of `extract.shown`, numbered sentences and all."""
    assert example(TASK, annotation()).shown == show(as_paper(annotation())).text


def test_a_record_that_no_answer_can_hold_names_its_paper():
    """A role outside the schema is the annotation's mistake, told with its id."""
    wrong = annotation() | {"methods": [{"name": "Lumen", "role": "best", "sentence": 1}]}

    with pytest.raises(InputError, match="annotation of p1"):
        example(TASK, wrong)


@pytest.mark.parametrize("seed", range(25))
def test_what_is_left_after_dropping_sentences_stands_in_the_text(seed: int):
    """Records go with their sentences; the numbers of those that stay lead to the same words."""
    before = annotation()
    after = with_sentences_dropped(before, random.Random(seed))

    kept = [after["abstract"][start:end] for start, end in after["sentences"]]
    assert " ".join(kept) == after["abstract"]
    assert 0 < len(kept) < len(SENTENCES)
    for name in ("results", "claims"):
        for row in after[name]:
            assert kept[row["sentence"] - 1] in SENTENCES
    for row in after["results"]:
        assert row["value"] in kept[row["sentence"] - 1]
        assert all(row[f] is None or row[f] in after["abstract"] for f in ("method", "dataset"))
    text = after["title"] + "\n" + after["abstract"]
    assert all(row["name"] in text for row in after["methods"] + after["datasets"])
    example(TASK, after)


def test_an_annotation_is_not_changed_by_dropping():
    """The next epoch starts from the whole abstract again."""
    before = annotation()
    with_sentences_dropped(before, random.Random(1))

    assert before == annotation()


def test_a_paper_stays_in_its_fold():
    """The fold follows from the id alone, on every machine and in every version."""
    papers = ("p1", "p2", "p3", "arxiv:2401.00001")

    assert [fold_of(paper_id, 5) for paper_id in papers] == [0, 2, 4, 4]


def test_a_fold_is_held_out_whole():
    """No paper is on both sides, and none is lost."""
    papers = [annotation(f"p{n}") for n in range(40)]

    trained, held_out = without_fold(papers, TrainingConfig(hold_out=2))

    assert {fold_of(a["id"], 5) for a in held_out} == {2}
    assert sorted(a["id"] for a in trained + held_out) == sorted(a["id"] for a in papers)


def test_the_same_seed_gives_the_same_batches():
    """Every example comes once an epoch, in an order that follows from seed and epoch."""
    config = TrainingConfig(epochs=2, batch=4, seed=3)

    steps = list(batches(10, config))

    assert steps == list(batches(10, config))
    assert steps != list(batches(10, TrainingConfig(epochs=2, batch=4, seed=4)))
    first = [n for epoch, numbers in steps for n in numbers if epoch == 0]
    assert sorted(first) == list(range(10))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: expected an object, got list"),
        ('{"id": 1}', "title"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, words: str):
    """The message says which line of which file."""
    path = tmp_path / "gold.jsonl"
    path.write_text(json.dumps(annotation()) + "\n" + line + "\n", encoding="utf-8")

    with pytest.raises(InputError, match=words):
        read_annotations(path, TASK)


def test_a_paper_is_annotated_once(tmp_path: Path):
    """Two annotations of one paper would teach against each other."""
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(json.dumps(annotation()) + "\n", encoding="utf-8")

    with pytest.raises(InputError, match="p1 is annotated twice"):
        all_annotations(TrainingConfig(annotations=("a.jsonl", "b.jsonl")), tmp_path, TASK)


def test_nothing_to_train_on_is_an_error(tmp_path: Path):
    """An empty config trains nothing, and says so."""
    with pytest.raises(InputError, match="nothing to train on"):
        all_annotations(TrainingConfig(), tmp_path, TASK)


def test_the_hash_of_the_examples_follows_their_content():
    """One changed record is another data set."""
    other = annotation()
    other["claims"].pop()

    assert digest_of([annotation()]) == digest_of([annotation()])
    assert digest_of([annotation()]) != digest_of([other])


def answered(content: str, wire: str) -> dict[str, Any]:
    """A row of a database with the answer about the invented paper."""
    paper = annotation()
    return {
        "paper_id": "p1",
        "title": paper["title"],
        "abstract": paper["abstract"],
        "wire": wire,
        "content": content,
    }


def test_a_kept_answer_becomes_an_annotation_in_either_form():
    """What a hosted model and a local model wrote teaches the same."""
    paper = annotation()
    lists = {kind.name: paper[kind.name] for kind in TASK.kinds}
    compact = CompactWire(TASK).encode(lists, show(as_paper(paper)))

    of_json = annotations_of_answers([answered(json.dumps(lists), "json")], TASK)
    of_compact = annotations_of_answers([answered(compact, "compact")], TASK)

    assert example(TASK, of_json[0]) == example(TASK, of_compact[0]) == example(TASK, paper)


def test_what_a_large_model_made_up_is_not_taught():
    """A name that is not in the text could not be written under the grammar."""
    lists: dict[str, Any] = {kind.name: [] for kind in TASK.kinds}
    lists["methods"] = [
        {"name": "Lumen", "role": "proposed", "aliases": [], "sentence": 1},
        {"name": "AlexNet", "role": "other", "aliases": [], "sentence": 1},
        {"name": "GridNet", "role": "other", "aliases": [], "sentence": 77},
    ]

    taught = annotations_of_answers([answered(json.dumps(lists), "json")], TASK)[0]

    assert [row["name"] for row in taught["methods"]] == ["Lumen"]
