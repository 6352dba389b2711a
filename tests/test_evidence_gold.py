"""Every name and number that annotators copied stands where they say: the gold papers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from extract.evidence import PaperText, acronym_pairs, align, join_names

GOLD = Path(__file__).parent.parent.parent / "shared" / "gold" / "train.jsonl"
# Annotated in the singular where the text has the plural only.
PLURAL_IN_THE_TEXT = {"ViT", "cross-encoder", "disagreement loss"}

pytestmark = pytest.mark.skipif(not GOLD.exists(), reason="needs ../shared/gold, not in a checkout")


@cache
def papers() -> list[dict]:
    return [json.loads(line) for line in GOLD.read_text(encoding="utf-8").splitlines()]


def text_of(paper: dict) -> PaperText:
    return PaperText(paper["title"], paper["abstract"], tuple(map(tuple, paper["sentences"])))


def quotes(paper: dict) -> Iterator[tuple[str, int | None]]:
    """Yield what was copied from the paper, with its sentence where one is given."""
    for entity in paper["methods"] + paper["datasets"]:
        yield from ((name, None) for name in (entity["name"], *entity["aliases"]))
    for result in paper["results"]:
        yield result["value"], result["sentence"]
        if result["metric"]:
            yield result["metric"], result["sentence"]


def test_every_gold_quote_is_found_exactly():
    """The span of each quote has its very characters; three plurals are folded."""
    inexact = set()
    for paper in papers():
        text = text_of(paper)
        for quote, sentence in quotes(paper):
            actual = align(quote, text, sentence)
            if actual.grade != "exact":
                inexact.add((quote, actual.grade))
                continue
            assert quote == text.span_text(actual.sentence, actual.start, actual.end)

    assert {(quote, "folded") for quote in PLURAL_IN_THE_TEXT} == inexact


def test_every_gold_value_stands_in_its_sentence():
    """Numbers are placed in the sentence that was annotated, not at their first occurrence."""
    moved = [
        (paper["id"], result["value"])
        for paper in papers()
        for result in paper["results"]
        if align(result["value"], text_of(paper), result["sentence"]).sentence != result["sentence"]
    ]

    assert [] == moved


def test_no_two_gold_entities_are_joined():
    """The names that annotators kept apart stay apart, one pair aside (`DeePC framework`)."""
    joined = 0
    for paper in papers():
        text = text_of(paper)
        pairs = acronym_pairs(text)
        for kind in ("methods", "datasets"):
            records = [(entity["name"], entity["aliases"]) for entity in paper[kind]]
            joined += len(records) - len(join_names(records, pairs, text).entries)

    assert 2 >= joined
