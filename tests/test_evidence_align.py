"""Where a quote stands in a paper: `extract.evidence.align`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from extract.evidence import Alignment, PaperText, align

SPANS = Path(__file__).parent.parent / "fixtures" / "spans.txt"
TEXT = PaperText.of(
    "GPT-3 Learns With Masked Autoencoders",
    "We study GPT. It beats BERT by 3.2% on GLUE. On SQuAD, BERT reaches 93.2%. We use "
    "masked autoencoders.",
)


def _cases() -> Iterator[tuple[str, str, str]]:
    """Yield grade, quote and marked text of each case in `fixtures/spans.txt`."""
    lines = SPANS.read_text(encoding="utf-8").split("\n")
    kept = [line for line in lines if line and not line.startswith("# ")]
    for head, marked in zip(kept[::2], kept[1::2], strict=True):
        grade, _, quote = head.partition(" ")
        yield grade, _shown(quote), _shown(marked)


def _shown(written: str) -> str:
    return re.sub(r"<U\+(\w+)>", lambda m: chr(int(m[1], 16)), written.replace("␤", "\n"))


@pytest.mark.parametrize(("grade", "quote", "marked"), list(_cases()))
def test_a_quote_stands_where_a_reader_finds_it(grade: str, quote: str, marked: str):
    """Every case of `fixtures/spans.txt`: the grade and the characters are those we read."""
    before, _, rest = marked.partition("⟦")
    inside, _, after = rest.partition("⟧")
    abstract = before + inside + after
    text = PaperText("", abstract, ((0, len(abstract)),))
    expected = (
        (grade, 1, len(before), len(before) + len(inside))
        if inside
        else ("missing", None, None, None)
    )

    actual = align(quote, text, 1)

    assert expected == (actual.grade, actual.sentence, actual.start, actual.end)


def test_there_are_eighty_cases():
    """The fixture is read whole."""
    assert len(list(_cases())) >= 80


def test_a_repeated_name_is_placed_in_the_cited_sentence():
    """BERT stands in sentences 2 and 3; the cited one is meant."""
    start = TEXT.abstract.index("BERT reaches")

    assert Alignment("exact", 3, start, start + 4) == align("BERT", TEXT, 3)


def test_without_a_cited_sentence_the_first_place_is_meant():
    """The title is read before the abstract."""
    start = TEXT.abstract.index("BERT")

    assert Alignment("exact", 2, start, start + 4) == align("BERT", TEXT)


def test_a_quote_that_stands_elsewhere_says_so():
    """The reason names both sentences, since the citation was wrong."""
    actual = align("93.2%", TEXT, 1)

    assert ("exact", 3) == (actual.grade, actual.sentence)
    assert "stands in sentence 3, not in sentence 1" == actual.reason


def test_a_better_grade_wins_over_the_cited_sentence():
    """The title has the words in another case, sentence 4 has them as quoted."""
    actual = align("masked autoencoders", TEXT, 0)

    assert ("exact", 4) == (actual.grade, actual.sentence)


def test_a_name_alone_wins_over_a_version_in_the_cited_sentence():
    """The title has GPT-3, which is another name; sentence 1 has GPT."""
    assert 1 == align("GPT", TEXT, 0).sentence


def test_the_nearest_sentence_wins_where_the_cited_one_lacks_the_quote():
    """Sentence 1 has no BERT; sentence 2 is nearer than sentence 3."""
    assert 2 == align("BERT", TEXT, 1).sentence


def test_offsets_of_the_title_count_in_the_title():
    """Sentence 0 is the title, and its spans are spans of the title."""
    actual = align("Masked Autoencoders", TEXT, 0)

    assert ("exact", 0) == (actual.grade, actual.sentence)
    assert "Masked Autoencoders" == TEXT.title[actual.start : actual.end]


@pytest.mark.parametrize("sentence", [-1, 99])
def test_a_sentence_that_does_not_exist_counts_as_none_cited(sentence: int):
    """A wrong number is no error: the quote is placed, and the reason tells."""
    actual = align("GLUE", TEXT, sentence)

    assert ("exact", 2) == (actual.grade, actual.sentence)
    assert f"stands in sentence 2, not in sentence {sentence}" == actual.reason


@pytest.mark.parametrize(
    ("quote", "reason"),
    [
        ("  ", "the quote is empty"),
        ("DeBERTa", "not in the text"),
        ("a gain of 7.7% here", "7.7 is not in the text"),
    ],
)
def test_a_missing_quote_says_why(quote: str, reason: str):
    """A quote that stands nowhere has no place, and a reason."""
    assert Alignment("missing", reason=reason) == align(quote, TEXT, 2)


def test_white_space_around_a_quote_is_no_part_of_it():
    """A model may end a quote with a line break."""
    assert "exact" == align(" GLUE\n", TEXT, 2).grade


def test_an_exact_quote_loads_neither_rapidfuzz_nor_abbreviations():
    """The usual paper pays for plain searches only."""
    code = (
        "import sys; from extract.evidence import PaperText, align\n"
        "text = PaperText('A title', 'We use BERT.', ((0, 12),))\n"
        "assert align('BERT', text, 1).grade == 'exact'\n"
        "print([name for name in ('rapidfuzz', 'abbreviations', 'syntok') if name in sys.modules])"
    )
    root = Path(__file__).parent.parent

    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )

    assert "[]\n" == printed.stdout
