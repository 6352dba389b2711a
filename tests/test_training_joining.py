"""The published labels lead back to what the shipped adapter was trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extract.errors import InputError
from extract.grounding import digest
from extract.local.registry import ADAPTERS
from extract.tasks import load_task
from extract.training.examples import read_annotations
from extract.training.joining import join_texts
from extract.training.sources import digest_of

ROOT = Path(__file__).parent.parent
LABELS = ROOT / "fixtures" / "silver" / "labels.jsonl"
TEXTS = ROOT.parent / "shared" / "abstracts" / "arxiv.jsonl"
CARDS = sorted(ADAPTERS.glob("*.card.json"))
TASK = load_task("facts")

LISTS = {"methods": [], "datasets": [], "results": [], "claims": []}


def write(path: Path, *objects: object) -> Path:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(each) + "\n" for each in objects), encoding="utf-8")
    return path


def test_labels_and_texts_become_annotations(tmp_path: Path):
    """They can be trained on as they are."""
    labels = write(tmp_path / "l", {"id": "p1", "text_hash": digest("Title", "Text."), **LISTS})
    texts = write(tmp_path / "t", {"id": "p1", "title": "Title", "abstract": "Text."})

    assert join_texts(labels, texts, tmp_path / "joined.jsonl") == 1
    annotation = read_annotations(tmp_path / "joined.jsonl", TASK)[0]
    assert (annotation["title"], annotation["abstract"]) == ("Title", "Text.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ({"id": "p2"}, "has no text of p1"),
        ({"id": "p1", "title": "Title", "abstract": "Text!"}, "is not the one that was annotated"),
        ([], "line 1: not an object"),
    ],
)
def test_a_text_that_was_not_annotated_is_refused(tmp_path: Path, text: object, words: str):
    """Its sentences may be counted otherwise."""
    labels = write(tmp_path / "l", {"id": "p1", "text_hash": digest("Title", "Text."), **LISTS})

    with pytest.raises(InputError, match=words):
        join_texts(labels, write(tmp_path / "t", text), tmp_path / "joined.jsonl")


@pytest.mark.skipif(not TEXTS.is_file(), reason="the abstracts are not in ../shared")
@pytest.mark.parametrize("file", CARDS, ids=lambda file: file.name)
def test_the_published_labels_are_what_the_shipped_adapters_learnt(tmp_path: Path, file: Path):
    """Joined with the abstracts they have the hash that is on their cards."""
    card = json.loads(file.read_text(encoding="utf-8"))

    joined = join_texts(LABELS, TEXTS, tmp_path / "silver.jsonl")

    annotations = read_annotations(tmp_path / "silver.jsonl", TASK)
    silver = card["stages"][0]
    assert joined == silver["examples"]
    assert digest_of(annotations) == silver["examples_sha256"]
