"""What holds of any text and any quote: `extract.evidence`, with generated texts."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extract.evidence import PaperText, acronym_pairs, align, join_names, mentions, name_key
from extract.evidence.fold import fold, lowered, squeeze
from extract.evidence.words import is_cut

LETTERS = "abcXYZ"
# What abstracts are made of, and what breaks offsets: ligatures, dotted I, marks, LaTeX, digits.
PIECES = st.sampled_from(
    [
        *LETTERS, *"0123456789", " ", "  ", "\n", "-", "-\n", "–", ".", ",", "%", "\\%", "~", "$",
        "{", "}", "\\", "_", "^", "(", ")", "ﬁ", "İ", "ß", "é", "e\u0301", "\u200b", "\u00ad", "½",
        "⁵", "₁", "×", "\\times", "\\textbf{", "\\'e", "\\eg", "“", "’", "``", "模", "한", "🤗",
        "…", "'", "+/-", "&amp;", "<sup>", " (", ") ", " MAE ", " masked autoencoders ", "3.2",
        " BERT ",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=60).map("".join)
ANY = st.one_of(TEXTS, st.text(max_size=80))
WORDS = st.text(LETTERS, min_size=3, max_size=8)


def one_sentence(abstract: str, title: str = "") -> PaperText:
    return PaperText(title, abstract, ((0, len(abstract)),))


@settings(max_examples=300, deadline=None)
@given(
    before=st.lists(WORDS, max_size=9), after=st.lists(WORDS, max_size=9), number=st.floats(1, 99)
)
def test_a_planted_span_is_found_exactly(before: list[str], after: list[str], number: float):
    """A quote that was put between words is found where it was put."""
    quote = f"QQQ-{number:.2f}% gain"
    start = len("".join(word + " " for word in before))
    abstract = " ".join([*before, quote, *after])

    actual = align(quote, one_sentence(abstract), 1)

    assert ("exact", start, start + len(quote)) == (actual.grade, actual.start, actual.end)


@settings(max_examples=300, deadline=None)
@given(
    words=st.lists(WORDS, min_size=2, max_size=5, unique=True),
    joints=st.lists(
        st.sampled_from([" ", "\n", "  ", "~", "\u00a0", "-\n", "-"]), min_size=4, max_size=4
    ),
)
def test_a_planted_span_is_found_however_its_words_are_joined(words: list[str], joints: list[str]):
    """White space and hyphens of any kind between the words do not hide a quote."""
    written = "".join(word + joint for word, joint in zip(words, joints, strict=False))
    written = written if len(words) > len(joints) else written[: -len(joints[len(words) - 1])]
    written += words[-1] if len(words) > len(joints) else ""
    abstract = f"qq1 {written} qq2"

    actual = align(" ".join(words), one_sentence(abstract), 1)

    assert (4, 4 + len(written)) == (actual.start, actual.end)


@settings(max_examples=500, deadline=None)
@given(text=ANY)
@example("İﬁ½ e\u0301\\'e $5\\times$ con-\ntrastive")
def test_a_folded_character_knows_where_it_came_from(text: str):
    """The positions never go back, and every folded character stands for some of the original."""
    for folded in (fold(text), fold(text, case=False), lowered(text), squeeze(fold(text))):
        starts, ends = list(folded.starts), list(folded.ends)

        assert len(folded.text) == len(starts) == len(ends)
        assert starts == sorted(starts)
        assert all(0 <= start < end <= len(text) for start, end in zip(starts, ends, strict=True))


@settings(max_examples=300, deadline=None)
@given(text=st.text("abcXYZ 0123456789.;:()", max_size=60))
def test_plain_text_folds_to_itself(text: str):
    """Nothing moves where nothing needs folding, runs of spaces aside."""
    assert re.sub(" +", " ", text) == fold(text, case=False).text


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_folding_keeps_the_digits(text: str):
    """The digits of the folded text are those of the original in their order, powers aside."""
    plain = re.sub(r"[½⁵₁]|&amp;", "", text)

    assert re.findall(r"\d", plain) == re.findall(r"\d", fold(plain).text)


@settings(max_examples=500, deadline=None)
@given(title=ANY, abstract=ANY, quote=ANY, sentence=st.integers(-2, 5) | st.none())
def test_aligning_never_raises_and_stays_in_the_text(
    title: str, abstract: str, quote: str, sentence: int | None
):
    """Any quote has a grade, and a place in the text unless it is missing."""
    text = one_sentence(abstract, title)

    actual = align(quote, text, sentence)

    if actual.grade == "missing":
        assert (None, None, None) == (actual.sentence, actual.start, actual.end)
        assert actual.reason
    else:
        raw = title if actual.sentence == 0 else abstract
        assert actual.start is not None and actual.end is not None
        assert 0 <= actual.start < actual.end <= len(raw)


@settings(max_examples=500, deadline=None)
@given(abstract=TEXTS, cut=st.tuples(st.integers(0, 120), st.integers(1, 20)))
def test_a_found_span_cuts_no_word_and_no_number(abstract: str, cut: tuple[int, int]):
    """Whatever part of a text is quoted, the span ends on the edges of words and numbers."""
    start = min(cut[0], len(abstract))
    quote = abstract[start : start + cut[1]]

    actual = align(quote, one_sentence(abstract), 1)

    if actual.start is not None and actual.end is not None:
        for at in (actual.start, actual.end):
            assert not is_cut(abstract, at)
            if "times" in abstract[max(0, at - 5) : at + 5]:
                continue  # the number after `\\times` is a word of its own
            around = abstract[max(0, at - 1) : at + 1]
            assert not (len(around) == 2 and around.isascii() and around.isalnum())


@settings(max_examples=300, deadline=None)
@given(abstract=TEXTS, quote=TEXTS)
def test_an_exact_span_has_the_characters_of_the_quote(abstract: str, quote: str):
    """Exact means equal."""
    text = one_sentence(abstract)

    actual = align(quote, text, 1)

    if actual.grade == "exact":
        assert actual.start is not None and actual.end is not None
        assert quote.strip() == abstract[actual.start : actual.end]


@settings(max_examples=300, deadline=None)
@given(title=ANY, abstract=ANY, names=st.lists(ANY, max_size=4))
def test_names_and_acronyms_survive_any_text(title: str, abstract: str, names: list[str]):
    """Mentions do not overlap and have their surfaces, pairs too; every record has an entry."""
    text = one_sentence(abstract, title)

    pairs = acronym_pairs(text)
    joined = join_names([(name, []) for name in names], pairs, text)
    found = mentions(names, text)

    for mention in [*found, *(m for pair in pairs for m in (pair.short, pair.long))]:
        span = (mention.sentence, mention.start, mention.end)
        assert mention.surface == text.span_text(*span) != ""
    for before, after in pairwise(found):
        assert (before.sentence, before.end) <= (after.sentence, after.start) or (
            before.sentence < after.sentence
        )
    assert len(names) == len(joined.index)
    assert set(range(len(joined.entries))) == set(joined.index)


@given(
    name=WORDS, ours=st.integers(0, 999), theirs=st.integers(0, 999), joint=st.sampled_from("- _")
)
def test_keys_are_equal_only_where_the_digits_are(name: str, ours: int, theirs: int, joint: str):
    """`ResNet-50` is `ResNet 50`, and never `ResNet-101`."""
    assert (ours == theirs) == (name_key(f"{name}-{ours}") == name_key(f"{name}{joint}{theirs}"))


@given(name=ANY)
def test_a_name_has_a_key(name: str):
    """No name but the empty one has an empty key, which would join all of them."""
    assert bool(name) == bool(name_key(name))


@pytest.mark.parametrize(
    "abstract",
    [
        "a" * 200_000,
        "We use BERT. " * 15_000,
        "(MAE) " * 30_000,
        "\u0301" * 200_000,
        "$" * 200_000,
        "1," * 100_000,
        "{\\textbf{" * 20_000,
        " \n" * 100_000,
    ],
    ids=["word", "sentences", "parentheses", "marks", "dollars", "numbers", "latex", "spaces"],
)
def test_a_long_text_takes_seconds(abstract: str):
    """200,000 characters of anything: what is quadratic here would take minutes."""
    cuts = range(0, len(abstract), 5_000)
    text = PaperText("", abstract, tuple((cut, min(cut + 5_000, len(abstract))) for cut in cuts))
    started = time.process_time()

    for quote in ("BERT", "Bert-Large", "aaaa aaaa", "we use the bert modell", "1,1"):
        align(quote, text, 3)
    mentions(["BERT", "masked autoencoders"], text)
    acronym_pairs(text)

    assert 10 > time.process_time() - started
