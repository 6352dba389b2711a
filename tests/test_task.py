"""What is read from a schema, and which schemas are refused."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from extract.schemas.markers import (
    Aliases,
    Answer,
    Metric,
    Quantity,
    Record,
    RefMark,
    Sentence,
    Verbatim,
)
from extract.task import RecordKind, TaskError, describe


class Thing(Record):
    """A thing."""

    name: Annotated[Verbatim, Field(description="Its name.")]
    aliases: Aliases = []
    size: Quantity | None = None
    metric: Metric | None = None
    whole: Annotated[str, RefMark("things")] | None = None
    colour: Literal["red", "blue"]
    note: str
    weight: float
    is_new: bool
    sentence: Sentence


class ByQuantity(Record):
    PER: ClassVar[Literal["sentence", "quantity"] | None] = "quantity"


class BySentence(Record):
    PER: ClassVar[Literal["sentence", "quantity"] | None] = "sentence"


def answer(**kinds: Any) -> type[BaseModel]:
    """Return an answer model with these lists."""
    fields: dict[str, Any] = {name: (kind, ...) for name, kind in kinds.items()}
    return create_model("Sample", __base__=Answer, **fields)


def record(base: type[Record] = Record, **fields: Any) -> Any:
    """Return a list of a record with these required fields."""
    required: dict[str, Any] = {name: (kind, ...) for name, kind in fields.items()}
    made = create_model("Row", __base__=base, **required)
    return list[made]  # type: ignore[valid-type]  # made at run time


def things() -> RecordKind:
    """Return the one kind of a task of things."""
    return describe("sample", answer(things=list[Thing])).kind("things")


def test_each_marker_gives_a_type() -> None:
    """The engine knows fields by their types alone."""
    types = "verbatim aliases quantity verbatim ref choice text number flag sentence"

    assert types.split() == [f.type for f in things().fields]


def test_a_field_is_required_unless_it_may_be_none_or_has_a_default() -> None:
    """What is optional may be left out of an answer."""
    required = ["name", "colour", "note", "weight", "is_new", "sentence"]

    assert required == [f.name for f in things().fields if f.required]


def test_a_metric_is_a_verbatim_phrase_that_is_looked_up() -> None:
    """Only the field marked so is."""
    assert ["metric"] == [f.name for f in things().fields if f.is_metric]


def test_descriptions_choices_and_targets_are_kept() -> None:
    """Prompts and checks are made from them."""
    by_name = {f.name: f for f in things().fields}

    assert "Its name." == by_name["name"].description
    assert ("red", "blue") == by_name["colour"].choices
    assert "things" == by_name["whole"].target


def test_the_key_of_a_record_is_its_quantity_or_its_first_name() -> None:
    """The row's span belongs to it."""
    named = describe("s", answer(a=record(name=Verbatim, sentence=Sentence))).kind("a")
    key = things().key

    assert (key and key.name, named.key and named.key.name) == ("size", "name")


def test_the_version_changes_with_the_order_of_fields() -> None:
    """A schema in another order asks another question."""
    one = describe("s", answer(a=record(name=Verbatim, sentence=Sentence)))
    other = describe("s", answer(a=record(sentence=Sentence, name=Verbatim)))

    assert one.version != other.version


def test_a_kind_that_is_not_there_is_a_key_error() -> None:
    """Asking for it is a bug of ours."""
    with pytest.raises(KeyError):
        describe("s", answer(things=list[Thing])).kind("papers")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (answer(), "the answer has no lists"),
        (answer(a=str), "field 'a' of the answer is not a list of records"),
        (answer(a=list[str]), "field 'a' of the answer is not a list of records"),
        (answer(a=record(name=Verbatim)), "cite no sentence"),
        (answer(a=record(x=bytes, sentence=Sentence)), "a.x has a type that the engine"),
        (answer(a=record(reason=str, sentence=Sentence)), "which is a column of every table"),
        (answer(a=record(BySentence, sentence=Sentence)), "are per sentence and have no choice"),
        (answer(a=record(ByQuantity, sentence=Sentence)), "are per quantity and have none"),
        (
            answer(a=record(x=Annotated[str, RefMark("b")], sentence=Sentence)),
            "a.x refers to 'b'",
        ),
    ],
)
def test_a_schema_that_cannot_be_carried_out_is_refused(
    model: type[BaseModel], message: str
) -> None:
    """Before any model is asked, with the place in the message."""
    with pytest.raises(TaskError) as caught:
        describe("sample", model)

    assert str(caught.value).startswith("task sample: ")
    assert message in str(caught.value)
