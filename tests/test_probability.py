"""The probability of a record is read from the tokens that decide it."""

from __future__ import annotations

import math

import pytest

from extract.completion import token_logprob
from extract.grounding import ground
from extract.papers import Paper
from extract.probability import probabilities
from extract.shown import ShownPaper, show
from extract.tasks import load_task
from extract.todo import Todo
from extract.wire import CompactWire

PAPER = Paper(
    paper_id="p1",
    title="Größer: a study",
    abstract="We propose Größe (GRÖ). It reaches 91.5% on Tern-5. Wind is old.",
)
CONTENT = (
    '{"m":[["GRÖ","p"],["Größe","p"],["GRÖ","p"]],"d":[["Tern-5","u"]],'
    '"r":[["91.5%","s","","Tern-5"]],"c":"1c2r3n"}'
)
#: The pieces of CONTENT that have a probability of their own; all between is certain.
PIECES = {
    '["': 0.9,  # the opening of the first row
    "GRÖ": 0.8,
    '"],[': 0.5,  # a second row, and a third
    "Größe": 0.4,
    "Tern-5": 0.7,
}


def wire() -> CompactWire:
    """Return the wire of the built-in task."""
    return CompactWire(load_task("facts"))


def tokens(content: str, label_odds: dict[str, dict[str, float]]) -> list[list[object]]:
    """Cut *content* into tokens: the pieces above, single letters of the walks, and the rest."""
    made: list[list[object]] = []
    rest = content
    while rest:
        piece = next((p for p in PIECES if rest.startswith(p)), rest[0])
        odds = label_odds.get(f"{content[len(content) - len(rest) - 1]}{piece}", {})
        chosen = odds.get(piece, PIECES.get(piece, 1.0))
        others = [
            {"token": t, "logprob": math.log(p), "bytes": None}
            for t, p in odds.items()
            if t != piece
        ]
        made.append(
            token_logprob({"token": piece, "logprob": math.log(chosen), "top_logprobs": others})
        )
        rest = rest[len(piece) :]
    return made


def shown() -> ShownPaper:
    """Return the paper as a model sees it."""
    return show(PAPER)


def test_a_label_is_weighed_against_none_over_all_labels() -> None:
    odds = {"1c": {"c": 0.3, "n": 0.4, "r": 0.3}, "2r": {"r": 0.9, "n": 0.1}}
    found = probabilities(wire(), CONTENT, shown(), tokens(CONTENT, odds))
    assert found["claims"] == pytest.approx([0.6, 0.9], abs=1e-3)


def test_a_number_is_weighed_against_none() -> None:
    odds = {'"s': {"s": 0.6, "d": 0.1, "n": 0.3}}
    found = probabilities(wire(), CONTENT, shown(), tokens(CONTENT, odds))
    assert found["results"] == pytest.approx([0.7], abs=1e-3)


def test_a_row_is_its_opening_times_its_name_and_repeats_count_once() -> None:
    found = probabilities(wire(), CONTENT, shown(), tokens(CONTENT, {}))
    assert found["methods"] == pytest.approx([0.9 * 0.8, 0.5 * 0.4], rel=1e-3)
    assert found["datasets"] == pytest.approx([0.9 * 0.7], rel=1e-3)


def test_there_is_one_for_every_record_that_is_decoded() -> None:
    answer = wire().decode(CONTENT, shown())
    found = probabilities(wire(), CONTENT, shown(), tokens(CONTENT, {}))
    assert {k: len(v) for k, v in found.items()} == {k: len(v) for k, v in answer.items()}


@pytest.mark.parametrize("wrong", [None, [], tokens(CONTENT, {})[1:]])
def test_tokens_that_do_not_spell_the_answer_say_nothing(wrong: list[list[object]] | None) -> None:
    assert probabilities(wire(), CONTENT, shown(), wrong) == {}


def test_names_that_are_one_thing_keep_the_surest() -> None:
    task = load_task("facts")
    text = Todo(PAPER, "", shown(), None, "").text  # type: ignore[arg-type]
    answer = wire().decode(CONTENT, shown())
    grounded = ground(task, answer, text, frozenset(), {"methods": [0.2, 0.6]})
    methods = [fact for fact in grounded.facts if fact.kind == "methods"]
    assert [(f.columns["name"], f.probability) for f in methods] == [("GRÖ", 0.6)]
    assert all(fact.probability is None for fact in grounded.facts if fact.kind != "methods")


def test_a_list_of_another_length_says_nothing() -> None:
    task = load_task("facts")
    text = Todo(PAPER, "", shown(), None, "").text  # type: ignore[arg-type]
    grounded = ground(task, wire().decode(CONTENT, shown()), text, frozenset(), {"claims": [0.5]})
    assert all(fact.probability is None for fact in grounded.facts)


def test_bytes_that_are_no_character_survive() -> None:
    half = token_logprob({"token": "\ufffd", "bytes": [0xC3], "logprob": -0.5})
    assert half == ["\xc3", -0.5, {}]
