"""The compact form: written and read back, and refused where it is left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extract.papers import Paper
from extract.shown import show
from extract.task import Task, TaskError, describe
from extract.tasks import load_task
from extract.taskyaml import read_schema
from extract.wire import CompactWire, WireError

FACTS = CompactWire(load_task())
SHOWN = show(
    Paper(
        "x",
        "DDAE",
        "We propose DDAE. It reaches 95.9\\% accuracy on CIFAR-10, and takes 48 hours. "
        "MAE is slower.",
    )
)
ANSWER: dict[str, list[dict[str, Any]]] = {
    "methods": [
        {"name": "DDAE", "role": "proposed", "sentence": 1},
        {"name": "MAE", "role": "other", "sentence": 3},
    ],
    "datasets": [{"name": "CIFAR-10", "role": "used", "sentence": 2}],
    "results": [
        {
            "value": "95.9\\%",
            "kind": "score",
            "metric": "accuracy",
            "dataset": "CIFAR-10",
            "method": "DDAE",
            "sentence": 2,
        }
    ],
    "claims": [{"sentence": 1, "type": "contribution"}, {"sentence": 2, "type": "result"}],
}
WRITTEN = (
    '{"m":[["DDAE","p"],["MAE","o"]],"d":[["CIFAR-10","u"]],'
    '"r":[["95.9%","s","accuracy","CIFAR-10","DDAE"],["48 hours","n"]],"c":"1c2r3n"}'
)


def wire_of(fields: str, per: str = "") -> CompactWire:
    """Return the wire of a task with one list, `things`."""
    schema = f"records: {{things: {{{per}fields: {fields}}}}}"
    return CompactWire(task_of(schema))


def task_of(schema: str) -> Task:
    """Return the task of a YAML text."""
    return describe("sample", read_schema(Path("schema.yaml"), schema)[1])


def test_an_answer_is_written_in_the_compact_form() -> None:
    """Letters for lists and choices, a walk for numbers and sentences."""
    assert WRITTEN == FACTS.encode(ANSWER, SHOWN)


def test_what_is_written_is_read_back() -> None:
    """The stored characters of every name return, backslash and all."""
    assert ANSWER == FACTS.decode(WRITTEN, SHOWN)


def test_an_empty_answer_is_written_and_read() -> None:
    """Every number and sentence is still walked through."""
    empty: dict[str, list[dict[str, Any]]] = {k: [] for k in ANSWER}
    written = FACTS.encode(empty, SHOWN)

    assert '{"m":[],"d":[],"r":[["95.9%","n"],["48 hours","n"]],"c":"1n2n3n"}' == written
    assert empty == FACTS.decode(written, SHOWN)


def test_names_are_written_in_the_order_of_the_text() -> None:
    """A model reads on as it writes."""
    backwards = ANSWER | {"methods": ANSWER["methods"][::-1]}

    assert WRITTEN == FACTS.encode(backwards, SHOWN)


def test_a_row_that_comes_twice_is_read_once() -> None:
    """A grammar without memory cannot forbid it."""
    twice = WRITTEN.replace('["MAE","o"]', '["MAE","o"],["MAE","o"]')

    assert ANSWER == FACTS.decode(twice, SHOWN)


def test_two_equal_numbers_of_a_sentence_keep_their_rows() -> None:
    """The walk goes by place, not by value."""
    shown = show(Paper("x", "A", "We gain 5% on B and 5% on C."))
    rows = [{"value": "5%", "kind": "delta", "dataset": name, "sentence": 1} for name in ("B", "C")]
    written = FACTS.encode({"results": rows}, shown)

    assert [["5%", "d", "", "B"], ["5%", "d", "", "C"]] == json.loads(written)["r"]
    assert rows == FACTS.decode(written, shown)["results"]


def test_a_walk_without_a_choice_says_yes_or_no() -> None:
    """`y` and `n` stand where a choice would."""
    wire = wire_of(
        "{value: quantity, unit: {type: verbatim, optional: true}, sentence: sentence}",
        "per: quantity, ",
    )
    rows = [{"value": "48 hours", "unit": "hours", "sentence": 2}]
    written = wire.encode({"things": rows}, SHOWN)

    assert '{"t":[["95.9%","n"],["48 hours","y","hours"]]}' == written
    assert {"things": rows} == wire.decode(written, SHOWN)


def test_a_walk_without_a_choice_needs_its_flag() -> None:
    """A row that says neither is no answer."""
    wire = wire_of("{value: quantity, sentence: sentence}", "per: quantity, ")

    with pytest.raises(WireError, match="says neither y nor n of '95.9%'"):
        wire.decode('{"t":[["95.9%"],["48 hours","n"]]}', SHOWN)


def test_a_record_without_a_name_begins_with_its_sentence() -> None:
    """Nothing else would say where it stands."""
    wire = wire_of("{note: text, sentence: sentence}")
    rows = [{"sentence": 1, "note": "new"}, {"sentence": 3, "note": "old"}]
    written = wire.encode({"things": rows[::-1]}, SHOWN)

    assert '{"t":[["1","new"],["3","old"]]}' == written
    assert {"things": rows} == wire.decode(written, SHOWN)


def test_flags_and_numbers_are_written_as_the_grammar_has_them() -> None:
    """`true`, not Python's `True`; no exponents."""
    wire = wire_of("{name: verbatim, is_new: flag, weight: number, sentence: sentence}")
    row = {"name": "MAE", "is_new": True, "weight": 0.00005, "sentence": 3}
    written = wire.encode({"things": [row]}, SHOWN)

    assert '{"t":[["MAE","true","0.00005"]]}' == written
    validated = wire.task.answer.model_validate(wire.decode(written, SHOWN)).model_dump()
    assert {"things": [row]} == validated


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "expected an object, got list"),
        ("{}", "the list 'm' is missing"),
        (WRITTEN.replace('[["CIFAR-10","u"]]', '"x"'), "'d' is not a list of rows"),
        (WRITTEN.replace('["CIFAR-10","u"]', "[]"), "'d' is not a list of rows"),
        (WRITTEN.replace('"u"', '["u"]'), "a row of 'd' has another list in it"),
        (WRITTEN.replace('"u"', '"u","x"'), "a row of 'd' has 3 entries"),
        (WRITTEN.replace(',["48 hours","n"]', ""), "'r' has 1 rows for 2 numbers"),
        (WRITTEN.replace("48 hours", "49 hours"), "'r' has '49 hours' in place of '48 hours'"),
        (WRITTEN.replace("1c2r3n", "1c3n"), "'c' has no label for sentence 2"),
        (WRITTEN.replace("1c2r3n", "1c2x3n"), "'c' has the unknown label 'x'"),
        (WRITTEN.replace("1c2r3n", "1c2r3n4n"), "'c' goes on after its last sentence: '4n'"),
        (WRITTEN.replace('"1c2r3n"', "7"), "'c' is not a string of labels"),
    ],
)
def test_an_answer_that_leaves_the_form_is_refused(content: str, message: str) -> None:
    """The message says where it leaves it."""
    with pytest.raises(WireError) as caught:
        FACTS.decode(content, SHOWN)

    assert message in str(caught.value)


def test_a_citation_of_no_sentence_is_refused() -> None:
    """A sentence number must exist."""
    wire = wire_of("{note: text, sentence: sentence}")

    with pytest.raises(WireError, match="cites sentence '9', which is not there"):
        wire.decode('{"t":[["9","new"]]}', SHOWN)


def test_more_options_than_letters_are_refused() -> None:
    """The message says how many there may be."""
    options = ", ".join(f"o{n}" for n in range(26))

    with pytest.raises(TaskError, match="no letter left for 'o25'"):
        wire_of(
            f"{{name: verbatim, kind: {{type: choice, choices: [{options}]}}, sentence: sentence}}"
        )


def test_a_required_field_that_the_form_leaves_out_is_refused() -> None:
    """Else every answer would fail its schema."""
    with pytest.raises(TaskError, match=r"things\.note is required"):
        wire_of(
            "{kind: {type: choice, choices: [a, b]}, note: text, sentence: sentence}",
            "per: sentence, ",
        )
