"""Words left out before syntok reads a text, and the sentences that it finds all the same."""

import random
from pathlib import Path

import pytest
from syntok import segmenter

from extract.feeds import read_feed
from extract.inert import Shortened

SAMPLE = Path(__file__).parent.parent / "fixtures" / "sample.txt"
PIECES = (
    "we propose a plain method", "which learns from many small images, and", "The model", "In 2024",
    "It gains", "GPT-4", "no", "No", "Jan", "May", "I", "A", "Fig", "et al", "e.g", "vs", "a", "3",
    "84.1", ".", ". ", ".\n", "...", "!", "?", ";", ":", "(", ")", " (", ") ", "[", "]", "{", "}",
    "((", "($ ", " ).", "\"", "'", "\u201d", "\uff08", "\uff09", "\u3002", "\u200b", "\x1c", "\x85",
    "\u00a0", "\t", "\n\n", "_", " _( ", "\\%", "aB", "a.B", "--", " - ",
)  # fmt: skip


def starts(text):
    """Return where syntok begins its sentences."""
    paragraphs = segmenter.analyze(text)
    return [s[0].offset for paragraph in paragraphs for s in paragraph if s]


def starts_of_shortened(text):
    """Return the same, found without the inert words."""
    shortened = Shortened(text)
    return [shortened.original(offset) for offset in starts(shortened.text)]


def test_only_the_inside_of_a_run_of_plain_words_is_left_out():
    """Two words stay after a full stop, a bracket or the beginning, and one before."""
    text = "One two three four five six. Now (all of the words in here) and skip a few of them."
    kept = "One two five six. Now (all of the words in here) and skip of them."
    assert Shortened(text).text == kept


@pytest.mark.parametrize("odd", ["((", "($", "\uff08e\uff09", "f\x1cg"])
def test_nothing_is_left_out_where_brackets_or_spaces_are_hard_to_tell(odd):
    """What syntok takes for one token is not read as brackets here."""
    text = f"a b c d e {odd} k l m n o p q"
    assert Shortened(text).text == text


def test_characters_are_found_where_they_stood():
    """The offset of what is kept leads back to the same character."""
    text = "One two three four five six. Now we do skip a few of them. And here too, I say."
    shortened = Shortened(text)
    assert len(shortened.text) < len(text)
    for offset, char in enumerate(shortened.text):
        assert text[shortened.original(offset)] == char


def test_the_abstracts_of_the_sample_have_the_same_sentences():
    """And most of their characters need no reading."""
    texts = [paper.abstract for paper in read_feed(SAMPLE).papers]
    for text in texts:
        assert starts_of_shortened(text) == starts(text)
    assert sum(len(Shortened(text).text) for text in texts) < 0.6 * sum(map(len, texts))


@pytest.mark.parametrize("seed", range(4))
def test_texts_of_odd_pieces_have_the_same_sentences(seed):
    """Full stops, brackets, quotes and spaces of every kind, between runs of plain words."""
    chance = random.Random(seed)
    for _ in range(250):
        pieces = chance.choices(PIECES, k=chance.randint(1, 60))
        text = "".join(piece + chance.choice(["", " ", " "]) for piece in pieces)
        assert starts_of_shortened(text) == starts(text), text
