"""What reads the same: `extract.evidence.fold`."""

from __future__ import annotations

import pytest

from extract.evidence.fold import fold, lowered, squeeze


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Masked  Autoencoders\n", "masked autoencoders "),
        (r"95.9\% on \textbf{BERT}", "95.9% on bert"),
        (r"models~\eg, $\beta$-VAE", "models e.g., β-vae"),
        (r"F$_1$ of $3.2 \pm 0.1$", "f1 of 3.2 ± 0.1"),
        (r"Poincar\'e and Erd\H{o}s and na\"{\i}ve", "poincaré and erdős and naïve"),
        ("10⁵ and 10^{5} and 10<sup>5</sup>", "10^5 and 10^5 and 10^5"),
        ("1½ hours", "1½ hours"),
        ("10,000 and 1,2", "10000 and 1,2"),
        ("ﬁne… “so” it’s", 'fine... "so" it\'s'),
        ("1.9–3.4 and −2", "1.9-3.4 and -2"),
        ("İ and ẞ", "i̇ and ss"),
        (r"\ours{} beats \method", "ours beats method"),
        ("costs $5 and $6", "costs $5 and $6"),
        ("R&amp;D with 3.2 %", "r&d with 3.2%"),
    ],
)
def test_a_text_reads_the_same(written: str, read: str):
    """Remnants and forms fold to what a reader says."""
    assert read == fold(written).text


def test_case_may_be_kept():
    """Names are compared with their capitals."""
    assert "RoBERTa fine-tuned" == fold("RoBERTa  fine‑tuned", case=False).text


@pytest.mark.parametrize(
    ("written", "read", "original"),
    [
        ("a ﬁne grain", "fine", "ﬁne"),
        ("İİ BERT is", "bert", "BERT"),
        (r"the Poincar\'e ball", "poincaré", r"Poincar\'e"),
        (r"of 95.9\% here", "95.9%", r"95.9\%"),
        ("a e\u0301tude b", "étude", "e\u0301tude"),
        (r"it is $5\times$ faster", "5x", r"5\times"),
    ],
)
def test_a_folded_span_is_a_span_of_the_original(written: str, read: str, original: str):
    """What is found in the folded text is cut from the original."""
    folded = fold(written)
    start = folded.text.index(read)

    first, last = folded.original(start, start + len(read))

    assert original == written[first:last]


def test_half_a_ligature_is_no_unit():
    """`ﬁ` is two folded characters of one, and a span has both or none."""
    folded = fold("ﬁt")

    assert not folded.is_unit(0, 1)
    assert folded.is_unit(0, 2)


def test_lowering_keeps_every_character_in_its_place():
    """`"İ".lower()` has two characters, so it stays; all others are lowered."""
    assert "İstanbul bert" == lowered("İSTANBUL BERT").text


@pytest.mark.parametrize(
    ("written", "squeezed"),
    [
        ("fine-tuning", "finetuning"),
        ("con-\ntrastive", "contrastive"),
        ("ResNet-50", "resnet50"),
        ("p < 0.05", "p<0.05"),
        ("1 0 and 1-2 in 3 days", "1 0 and 1-2 in 3 days"),
    ],
)
def test_squeezing_joins_letters_and_never_digits(written: str, squeezed: str):
    """A hyphen or space between letters makes no difference, one between digits does."""
    assert squeezed == squeeze(fold(written)).text
