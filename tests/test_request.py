"""What makes two requests the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from extract.request import Request, Sampling, request_key

REQUEST = Request(
    task="facts",
    task_version="facts-1",
    prompt_version="json-1",
    wire="json",
    model="openai/gpt-5-mini",
    model_id="",
    sampling=Sampling(),
    messages=({"role": "user", "content": "[0] A"},),
    answer_schema={"method": {}, "value": {}},
)
CHANGES: dict[str, Any] = {
    "task": "trials",
    "task_version": "facts-2",
    "prompt_version": "json-2",
    "wire": "compact",
    "model": "local/smollm2-135m",
    "model_id": "sha256:1",
    "messages": ({"role": "user", "content": "[0] B"},),
    "answer_schema": {"method": {}},
    "grammar": "start: NAME",
}
SAMPLING: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "seed": 1,
    "max_tokens": 100,
    "extra": (("reasoning_effort", "low"),),
}


@pytest.mark.parametrize("field", CHANGES)
def test_each_field_takes_part_in_the_key(field: str) -> None:
    """Another value of any field is another request."""
    assert request_key(REQUEST) != request_key(replace(REQUEST, **{field: CHANGES[field]}))


@pytest.mark.parametrize("field", SAMPLING)
def test_each_part_of_the_sampling_takes_part_in_the_key(field: str) -> None:
    """An answer that is drawn otherwise is another answer."""
    sampling = replace(REQUEST.sampling, **{field: SAMPLING[field]})

    assert request_key(REQUEST) != request_key(replace(REQUEST, sampling=sampling))


def test_every_field_is_tried_here() -> None:
    """A field that is added to a request is added to this test."""
    tried = {*CHANGES, "sampling", "parts"}

    assert set(Request.__dataclass_fields__) == tried
    assert set(Sampling.__dataclass_fields__) == set(SAMPLING)


def test_the_order_of_fields_takes_part_in_the_key() -> None:
    """A schema with its fields in another order is another request."""
    value_first = replace(REQUEST, answer_schema={"value": {}, "method": {}})

    assert request_key(REQUEST) != request_key(value_first)


def test_parts_are_for_people() -> None:
    """What the request was made from does not change its key."""
    assert request_key(REQUEST) == request_key(replace(REQUEST, parts={"title": "A"}))


def test_the_key_carries_its_recipe() -> None:
    """The prefix changes when the ingredients do."""
    prefix, digest = request_key(REQUEST).split("-")

    assert ("k1", 32) == (prefix, len(digest))


def test_a_lone_surrogate_has_a_key() -> None:
    """A text that no encoder takes can still be asked about and kept."""
    broken = replace(REQUEST, messages=({"role": "user", "content": "\ud800"},))

    assert request_key(REQUEST) != request_key(broken)
