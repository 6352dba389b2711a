"""Every number of a paper is extracted, a piece of something else, or named as unaccounted."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.audit import AuditReport, QuantitySpan, audit_paper
from extract.numbers import classify_numbers

TITLE = "Driftnet-2: Half the Memory at 4x the Speed"
ABSTRACT = (
    "Since 2021, GPT-3 has led the field [12]. (1) Driftnet-2 reaches 91.4% on Harbour-10. "
    "It needs 1.9-3.4 GB where others need 12 GB. Code: https://example.org/v2/driftnet."
)
SENTENCES = [(0, 41), (42, 86), (87, 131), (132, 170)]


def spans_of(text: str, *, in_title: bool) -> list[QuantitySpan]:
    """The spans of all stated quantities of a text."""
    return [
        QuantitySpan(in_title, m.quantity.start, m.quantity.end)
        for m in classify_numbers(text)
        if m.role == "quantity"
    ]


def audit(*values: str) -> AuditReport:
    """The audit of the example where the facts hold *values*."""
    held = []
    for value in values:
        in_title = value in TITLE
        start = (TITLE if in_title else ABSTRACT).index(value)
        held.append(QuantitySpan(in_title, start, start + len(value)))
    return audit_paper(TITLE, ABSTRACT, held, sentences=SENTENCES)


def test_without_facts_every_stated_quantity_is_unaccounted() -> None:
    """Names, years, citations, list marks and URLs are told apart."""
    expected = [
        ("name", "2"),
        ("unaccounted", "4x"),
        ("year", "2021"),
        ("name", "3"),
        ("citation", "12"),
        ("list_mark", "1"),
        ("name", "2"),
        ("unaccounted", "91.4%"),
        ("name", "10"),
        ("unaccounted", "1.9-3.4 GB"),
        ("unaccounted", "12 GB"),
        ("url", "2"),
    ]

    assert expected == [(n.outcome, n.value) for n in audit().numbers]


def test_what_facts_hold_is_extracted() -> None:
    """A fact that leaves the unit out still holds the number."""
    report = audit("4x", "91.4", "1.9-3.4 GB")

    assert ["12 GB"] == [n.value for n in report.unaccounted]
    assert (11 / 12, 3 / 4) == (report.share_accounted, report.share_extracted)


def test_a_range_with_one_end_extracted_is_unaccounted() -> None:
    """All digits of a number count, not the first ones."""
    assert "1.9-3.4 GB" in [n.value for n in audit("1.9").unaccounted]
    assert "1.9-3.4 GB" not in [n.value for n in audit("1.9", "3.4").unaccounted]


def test_an_unaccounted_number_comes_with_its_sentence() -> None:
    """Its number, its offsets and the text around it."""
    number = audit("4x", "91.4%", "1.9-3.4 GB").unaccounted[0]

    assert (3, ABSTRACT[87:131]) == (number.sentence, number.sentence_text)
    assert "12 GB" == ABSTRACT[number.start : number.end]


def test_a_number_of_the_title_is_in_sentence_0() -> None:
    """A span in the abstract says nothing about the same place in the title."""
    start = TITLE.index("4x")
    elsewhere = [QuantitySpan(False, start, start + 2)]

    report = audit_paper(TITLE, ABSTRACT, elsewhere, sentences=SENTENCES)

    assert (0, "4x", TITLE) == (
        report.unaccounted[0].sentence,
        report.unaccounted[0].value,
        report.unaccounted[0].sentence_text,
    )


def test_a_paper_without_numbers_is_accounted_for() -> None:
    """Nothing is missing where nothing is stated."""
    report = audit_paper("Beacons", "", [], sentences=[])

    assert (1.0, 1.0, ()) == (report.share_accounted, report.share_extracted, report.numbers)


def test_a_known_name_takes_its_number_along() -> None:
    """What the facts call a name is no quantity that they lack."""
    text = "We train on 101 Harbours."

    report = audit_paper("", text, [], sentences=[(0, 25)], names=["101 Harbours"])

    assert {"name": 1} == report.counts


PIECES = (
    "reaches 91.4% accuracy",
    "is 3.2x faster",
    "with 40M parameters",
    "on 1,200 images",
    "from 74.3 to 78.1",
    "a gain of 2.20\\%",
    "GPT-4",
    "in 2021",
    "on CIFAR-10",
    "[12]",
    "(e.g. Radford et al., 2021)",
    "(1)",
    "costs $5",
    "within 1.9-3.4 ms",
    "$x^2$",
    "https://a.org/2",
    "is 95.1±0.3",
    "½ of it",
    "nothing",
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.data())
def test_the_audit_names_exactly_the_numbers_whose_facts_were_deleted(
    pieces: list[str], data: st.DataObject
) -> None:
    """Of all stated quantities, those that are left out of the facts are the unaccounted ones."""
    text = ", ".join(pieces)
    every = spans_of(text, in_title=False)
    kept = [span for span in every if data.draw(st.booleans())]

    report = audit_paper("", text, kept, sentences=[(0, len(text))])

    deleted = [(span.start, span.end) for span in every if span not in kept]
    assert deleted == [(n.start, n.end) for n in report.unaccounted]


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("0123456789 .,-%x()[]GPT$^²½\\"), max_size=60))
def test_each_digit_is_in_exactly_one_number(text: str) -> None:
    """No digit of the text is lost or counted twice."""
    report = audit_paper("", text, [], sentences=[(0, len(text))])

    covered = Counter(at for n in report.numbers for at in range(n.start, n.end))

    assert all(covered[at] == 1 for at, c in enumerate(text) if c.isdigit())
    assert all(count == 1 for count in covered.values())


@pytest.mark.parametrize("span", [(-5, 2), (40, 90), (7, 3)])
def test_a_span_outside_the_text_holds_nothing_there(span: tuple[int, int]) -> None:
    """Offsets of another text neither raise nor count."""
    report = audit_paper("", "It has 12 parts.", [QuantitySpan(False, *span)], sentences=[(0, 16)])

    assert ["12"] == [n.value for n in report.unaccounted]
