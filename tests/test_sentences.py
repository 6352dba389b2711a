"""Where sentences begin and end."""

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.sentences import split_sentences

GOLD = Path(__file__).parent.parent.parent / "shared" / "gold" / "train.jsonl"


def sentences(text):
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["We propose X.", "It works."],
        ["We use GPT-4 and GPT-4.1.", "After filtering, accuracy is 76.3%."],
        ["A temperature of 1.0.", "Baseline accuracy was low."],
        ["We train SiT.", "Pretraining code is at https://example.org/SiT."],
        ["It follows Smith et al. (2020), i.e. X, and wins vs. Y."],
        ["There are two parts: 1) Tokens are cut; 2) Tokens are glued."],
        ["Three limits: First, an imbalance; Second, no data; Third, no time."],
        ["{\\Delta}Energy is better."],
        ["No space follows.Still it is one sentence."],
        ["Is it good?", "Yes!", "It gains 3.5\\% on ~40 tasks."],
    ],
    ids=lambda sentences: sentences[0][:20],
)
def test_abstracts_are_cut_as_their_readers_cut_them(expected):
    """The boundaries are those that annotators of abstracts see."""
    assert sentences(" ".join(expected)) == expected


def test_no_sentence_begins_or_ends_with_white_space():
    """The white space between sentences belongs to none."""
    assert sentences("  One is here.\n\n \tTwo is here. \n") == ["One is here.", "Two is here."]


def test_a_blank_text_has_no_sentence():
    """Nothing to cite."""
    assert split_sentences(" \n\t") == []


def test_offsets_count_code_points():
    """A letter beyond the basic plane is one character."""
    assert split_sentences("\U0001d4b3 is big. It is.") == [(0, 9), (10, 16)]


@settings(max_examples=300, deadline=2_000)
@given(st.text(st.characters() | st.sampled_from("aB .!?;:()1\n\"'")))
def test_sentences_hold_all_of_any_text(text):
    """In order, apart from one another, without white space at the ends, and nothing is lost."""
    spans = split_sentences(text)

    assert spans == sorted(spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all(part and part == part.strip() for part in sentences(text))
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize("piece", ["a\n\n", "A. ", "x", "1) ", "a;", "https://", "(", "é. Ab. "])
def test_two_megabytes_take_seconds(piece):
    """Whatever is repeated, the time is bounded."""
    text = piece * (2_000_000 // len(piece))
    start = time.process_time()

    split_sentences(text)

    assert time.process_time() - start < 10


def test_the_sentences_of_the_gold_are_found():
    """Of 322 annotated abstracts 316 have exactly the annotators' sentences (syntok alone: 293)."""
    if not GOLD.exists():
        pytest.skip(f"no gold at {GOLD}")
    rows = [json.loads(line) for line in GOLD.read_text("utf-8").splitlines()]
    same = sum(
        split_sentences(row["abstract"]) == [tuple(span) for span in row["sentences"]]
        for row in rows
    )

    assert (same, len(rows)) >= (316, 322)
