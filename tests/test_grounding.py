"""Every fact is tied to its words, or kept with the reason why it is not."""

from __future__ import annotations

from typing import Any

import pytest

from extract.evidence import PaperText
from extract.grounding import Grounded, ground
from extract.misplaced import is_number
from extract.tasks import load_task

TASK = load_task()


def grounded(
    abstract: str, *, title: str = "A title", examples: frozenset[str] = frozenset(), **answer: Any
) -> Grounded:
    """Return the grounding of *answer* in a paper."""
    return ground(TASK, answer, PaperText.of(title, abstract), examples)


def method(name: str, sentence: int = 1, **more: Any) -> dict[str, Any]:
    """Return a method as a model answers it."""
    return {"name": name, "role": "other", "aliases": [], "sentence": sentence} | more


def result(value: str, sentence: int = 1, **more: Any) -> dict[str, Any]:
    """Return a number as a model answers it."""
    return {"value": value, "kind": "score", "sentence": sentence} | more


def test_an_acronym_and_its_long_form_are_one_record() -> None:
    """The record has the acronym for a name, the long form for an alias, and both roles' best."""
    found = grounded(
        "We propose masked autoencoders (MAE). MAE is fast.",
        methods=[method("masked autoencoders"), method("MAE", 2, role="proposed")],
    )

    [fact] = found.facts
    assert "MAE" == fact.columns["name"]
    assert ["masked autoencoders"] == fact.columns["aliases"]
    assert "proposed" == fact.columns["role"]


def test_a_name_is_mentioned_wherever_it_stands() -> None:
    """Every place of a name is a mention, with its sentence and its characters."""
    found = grounded("Alpha is new. We like Alpha.", title="Alpha", methods=[method("Alpha")])

    assert [(0, 0, 5), (1, 0, 5), (2, 22, 27)] == [
        (m.sentence, m.span_start, m.span_end) for m in found.mentions
    ]


def test_the_second_equal_number_is_the_second_in_the_sentence() -> None:
    """Two rows that say 50 point at two places."""
    found = grounded("It has 50 layers and 50 heads.", results=[result("50"), result("50")])

    assert [(7, 9), (21, 23)] == [(fact.span_start, fact.span_end) for fact in found.facts]


def test_what_is_not_in_the_text_is_kept_with_a_reason() -> None:
    """A made-up name is a row without a place, and counted."""
    found = grounded("Nothing here.", methods=[method("Zephyrnet")])

    [fact] = found.facts
    assert ("missing", None, None) == (fact.alignment, fact.span_start, fact.evidence)
    assert fact.reason
    assert 1 == found.missing


def test_a_value_copied_from_the_prompts_example_says_so() -> None:
    """The reason of a missing value that stands in an example is `example`."""
    found = grounded(
        "Nothing here.", examples=frozenset({"TidalNet"}), methods=[method("TidalNet")]
    )

    assert ["example"] == [fact.reason for fact in found.facts]


def test_an_examples_value_that_the_text_states_is_no_leak() -> None:
    """A paper may be about what the prompt's example is about."""
    found = grounded(
        "We use TidalNet.", examples=frozenset({"TidalNet"}), methods=[method("TidalNet")]
    )

    assert [("exact", None)] == [(fact.alignment, fact.reason) for fact in found.facts]


def test_a_reference_is_resolved_by_an_alias() -> None:
    """A result that names the long form refers to the record of the acronym."""
    found = grounded(
        "We propose masked autoencoders (MAE). It gets 84.1%.",
        methods=[method("MAE", aliases=["masked autoencoders"])],
        results=[result("84.1%", 2, method="masked autoencoders")],
    )

    [fact] = [fact for fact in found.facts if fact.kind == "results"]
    assert "MAE" == fact.columns["method"]
    assert ("methods", 0) == fact.refs["method"]


def test_a_reference_to_no_record_keeps_its_words() -> None:
    """The name stays as the model wrote it, and refers to nothing."""
    found = grounded("It gets 84.1%.", results=[result("84.1%", method="BERT")])

    [fact] = found.facts
    assert ("BERT", None) == (fact.columns["method"], fact.refs["method"])


def dataset(name: str, sentence: int = 1) -> dict[str, Any]:
    """Return a dataset as a model answers it."""
    return {"name": name, "role": "used", "aliases": [], "sentence": sentence}


def test_a_name_of_another_list_is_no_reference() -> None:
    """What the methods list holds and the datasets list does not is no dataset."""
    found = grounded(
        "TidalNet gets 84.1% on Harbour.",
        methods=[method("TidalNet")],
        datasets=[dataset("Harbour")],
        results=[result("84.1%", dataset="TidalNet", method="TidalNet")],
    )

    [fact] = [fact for fact in found.facts if fact.kind == "results"]
    assert (None, None) == (fact.columns["dataset"], fact.refs["dataset"])
    assert ("TidalNet", ("methods", 0)) == (fact.columns["method"], fact.refs["method"])


def test_a_name_of_both_lists_is_a_reference_to_its_own() -> None:
    """A benchmark that is called like its method is a dataset all the same."""
    found = grounded(
        "Harbour gets 84.1% on Harbour.",
        methods=[method("Harbour")],
        datasets=[dataset("Harbour")],
        results=[result("84.1%", dataset="Harbour")],
    )

    [fact] = [fact for fact in found.facts if fact.kind == "results"]
    assert ("Harbour", ("datasets", 0)) == (fact.columns["dataset"], fact.refs["dataset"])


def test_a_claim_of_a_sentence_that_is_not_there_is_missing() -> None:
    """The reason names the number."""
    found = grounded("We win.", claims=[{"sentence": 7, "type": "result"}])

    assert [("missing", "there is no sentence 7")] == [
        (fact.alignment, fact.reason) for fact in found.facts
    ]


def test_a_sentence_is_claimed_once() -> None:
    """The second claim of a sentence says nothing new."""
    claim = {"sentence": 1, "type": "result"}
    found = grounded("We win.", claims=[claim, claim])

    assert ["We win."] == [fact.columns["text"] for fact in found.facts]


def test_a_name_that_folding_joins_to_another_is_mentioned_where_it_stands() -> None:
    """`D$^2$GS` is one word when folded, and `GS` stands in it all the same."""
    found = grounded("We present D$^2$GS today.", methods=[method("GS")])

    assert [("GS", 16, 18)] == [(m.surface, m.span_start, m.span_end) for m in found.mentions]


def test_a_number_in_a_list_of_names_is_no_name() -> None:
    """`1e-4` stands in the text, names nothing, and is not referred to."""
    found = grounded(
        "GPT-3 and 3DGS learn at 1e-4 or 90%, and reach 84.1%.",
        methods=[method(name) for name in ("GPT-3", "1e-4", "90%", "3DGS")],
        results=[result("84.1%", method="90%")],
    )

    by_name = {fact.columns.get("name"): fact for fact in found.facts}
    no_name = ("missing", "a number, not a name", None)
    assert [("exact", None), no_name[:2], no_name[:2], ("exact", None)] == [
        (by_name[name].alignment, by_name[name].reason) for name in ("GPT-3", "1e-4", "90%", "3DGS")
    ]
    assert {"GPT-3", "3DGS"} == {mention.surface for mention in found.mentions}
    assert ("90%", None) == (by_name[None].columns["method"], by_name[None].refs["method"])


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("1e-4", True),
        ("90\\%", True),
        (r"$1\times 10^{-4}$", True),
        ("GPT-3", False),
        ("300W", False),
        ("2D-UNet", False),
        (r"$\pi_{0.5}$", False),
        (r"$\alpha$-3", False),
        ("C++", False),
    ],
)
def test_a_name_with_letters_is_no_number(name: str, number: bool) -> None:
    """Exponents and markup are no letters of a name; Greek ones are."""
    assert number == is_number(name)


def test_a_name_cut_from_a_longer_one_refers_to_that_one() -> None:
    """A result of `GNN`, which the text has only in `SR-GNN`, is one of `SR-GNN`."""
    found = grounded(
        "We propose SR-GNN. It gets 84.1%.",
        methods=[method("GNN", role="proposed"), method("SR-GNN")],
        results=[result("84.1%", 2, method="GNN")],
    )

    [named, measured] = found.facts
    assert ("SR-GNN", [], "proposed") == tuple(
        named.columns[column] for column in ("name", "aliases", "role")
    )
    assert ("SR-GNN", ("methods", 0)) == (measured.columns["method"], measured.refs["method"])
