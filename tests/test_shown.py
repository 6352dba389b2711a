"""A paper as a model sees it, and the way back to the stored characters."""

from __future__ import annotations

import pytest

from extract.papers import Paper
from extract.shown import MAX_CANDIDATES, clean, show


def test_sentences_are_numbered_from_the_title() -> None:
    """The title is sentence 0."""
    shown = show(Paper("x", "On Tides", "We propose A. It works."))

    assert "[0] On Tides\n[1] We propose A.\n[2] It works." == shown.text


def test_what_needs_escaping_is_not_shown() -> None:
    """No backslash, double quote, line break, tab, tilde or chat mark is left."""
    assert "5% 'a' b c d <¦im_end¦>" == clean('5\\% "a"\nb\tc~d <|im_end|>')


def test_a_copied_name_leads_back_to_the_stored_characters() -> None:
    """What is located is the text as the feed has it, its backslash and quotes included."""
    shown = show(Paper("x", "A", 'We gain 5\\% on "Tide Set". It works.'))

    assert (1, "5\\%") == shown.locate("5%")
    assert (1, '"Tide Set"') == shown.locate("'Tide Set'")


def test_the_cited_sentence_is_tried_first() -> None:
    """Then the abstract in order, and the title last."""
    shown = show(Paper("x", "BERT", "We use BERT. Then BERT wins."))

    assert (2, "BERT") == shown.locate("BERT", 2)
    assert (1, "BERT") == shown.locate("BERT")
    assert (1, "BERT") == shown.locate("BERT", 99)


def test_a_name_only_in_the_title_is_found_there() -> None:
    """The title is tried last, not never."""
    assert (0, "ViT") == show(Paper("x", "ViT", "It works.")).locate("ViT")


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("BERT", "RoBERTa and RoBERT are old."),
        ("3.2%", "It has 93.2% here."),
        ("93", "It has 93.2% here."),
        ("2%", "It has 93.2% here."),
        ("500", "It has 12,500 items."),
        ("GPT-4", "It asks GPT-4.1 again."),
    ],
)
def test_a_part_of_a_word_or_number_is_not_found(part: str, text: str) -> None:
    """A span never begins or ends inside a word or a number."""
    assert show(Paper("x", "A", text)).locate(part) is None


def test_a_number_before_a_full_stop_is_found() -> None:
    """Only digits on both sides make a decimal point."""
    assert (1, "93") == show(Paper("x", "A", "It reaches 93.")).locate("93")


def test_the_candidates_are_the_stated_numbers_in_order() -> None:
    """Numbers of names and years are not walked through."""
    shown = show(Paper("x", "3x Faster", "Since 2019, GPT-3 leads. We gain 5\\% on 12 tasks."))

    assert [(0, "3x", "3x"), (2, "5\\%", "5%"), (2, "12", "12")] == [
        (c.sentence, c.value, c.shown) for c in shown.candidates
    ]


def test_a_text_full_of_numbers_has_a_bounded_walk() -> None:
    """A table pasted into an abstract does not ask for an endless answer."""
    shown = show(Paper("x", "A", " ".join(f"We gain {n}.5% here." for n in range(10, 99))))

    assert MAX_CANDIDATES == len(shown.candidates)


def test_a_paper_without_text_is_shown() -> None:
    """An empty abstract has no sentences, an empty title is still sentence 0."""
    shown = show(Paper("x", "", ""))

    assert ("[0] ", (), None) == (shown.text, shown.candidates, shown.locate("A"))
