"""The adapter's file: names, sizes and the order of rows are those of llama.cpp's base."""

from __future__ import annotations

import importlib.util
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from extract.errors import InputError, ModelError
from extract.local.registry import local_model
from extract.local.server import LocalServer
from extract.local.settings import Adapter, ServerSettings
from extract.local.weights import ensure_weights

np = pytest.importorskip("numpy")
pytest.importorskip("gguf", reason="gguf comes with the extra `train`")

from extract.training.adapter_file import (  # noqa: E402  # after the skip
    BaseShape,
    gguf_name,
    gguf_tensors,
    permuted,
    read_base_shape,
    write_adapter,
)

TINY = BaseShape(
    heads=2,
    key_heads=1,
    sizes={
        "blk.0.attn_q.weight": (8, 8),
        "blk.0.attn_k.weight": (8, 4),
        "blk.0.attn_v.weight": (8, 4),
    },
)
LAYER = "base_model.model.model.layers.0.self_attn"


def halves(module: str, inputs: int, outputs: int, rank: int = 2) -> dict[str, Any]:
    """A state for one module whose lora_B counts its rows."""
    rows = np.arange(outputs, dtype=np.float32)[:, None].repeat(rank, axis=1)
    return {
        f"{LAYER}.{module}.lora_A.default.weight": np.ones((rank, inputs), dtype=np.float32),
        f"{LAYER}.{module}.lora_B.default.weight": rows,
    }


def test_a_peft_name_leads_to_the_tensor_that_it_changes():
    """Layer, module and half are found in peft's name."""
    name = "base_model.model.model.layers.17.mlp.down_proj.lora_B.default.weight"

    assert gguf_name(name) == ("blk.17.ffn_down.weight", "b")


def test_a_tensor_without_a_place_is_refused():
    """What llama.cpp would not apply is not written in silence."""
    with pytest.raises(InputError, match="lm_head"):
        gguf_name("base_model.model.lm_head.lora_A.default.weight")


def test_the_halves_of_each_head_are_interleaved():
    """Rows 0 1 2 3 of a head become 0 2 1 3; heads stay in their order."""
    rows = np.arange(8)[:, None]

    assert permuted(rows, heads=2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_queries_and_keys_are_permuted_by_their_own_heads_and_values_are_not():
    """The second half of an adapter carries the rows; the first is left alone."""
    state = halves("q_proj", 8, 8) | halves("k_proj", 8, 4) | halves("v_proj", 8, 4)

    tensors = gguf_tensors(state, rank=2, base=TINY)

    first = {name: tensor[:, 0].tolist() for name, tensor in tensors.items()}
    assert first["blk.0.attn_q.weight.lora_b"] == [0, 2, 1, 3, 4, 6, 5, 7]
    assert first["blk.0.attn_k.weight.lora_b"] == [0, 2, 1, 3]
    assert first["blk.0.attn_v.weight.lora_b"] == [0, 1, 2, 3]
    assert first["blk.0.attn_q.weight.lora_a"] == [1, 1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.update(halves("q_proj", 6, 8)), "shape"),
        (lambda s: s.update(halves("o_proj", 8, 8)), "no tensor"),
        (lambda s: s.popitem(), "only one half"),
        (lambda s: s.clear(), "empty"),
        (lambda s: next(iter(s.values())).fill(1e6), "half precision"),
    ],
)
def test_a_state_that_does_not_fit_the_base_is_refused(change: Any, words: str):
    """A wrong adapter is an error, never a file."""
    state = halves("q_proj", 8, 8)
    change(state)

    with (
        np.errstate(over="ignore"),
        pytest.raises(InputError, match=words),
    ):
        gguf_tensors(state, rank=2, base=TINY)


@pytest.mark.train
def test_the_file_reads_back_as_an_adapter(tmp_path: Path):
    """Type, alpha and tensors stand in it, and the same state gives the same bytes."""
    gguf = pytest.importorskip("gguf", reason="gguf comes with the extra `train`")
    state = halves("k_proj", 8, 4)

    path = write_adapter(state, tmp_path / "a.gguf", rank=2, alpha=4, base=TINY)
    again = write_adapter(state, tmp_path / "b.gguf", rank=2, alpha=4, base=TINY)

    reader = gguf.GGUFReader(str(path))
    kept = {
        key: reader.get_field(key).contents()
        for key in ("general.type", "adapter.type", "adapter.lora.alpha")
    }
    assert kept == {"general.type": "adapter", "adapter.type": "lora", "adapter.lora.alpha": 4.0}
    assert [(t.name, t.shape.tolist()) for t in reader.tensors] == [
        ("blk.0.attn_k.weight.lora_a", [8, 2]),
        ("blk.0.attn_k.weight.lora_b", [2, 4]),
    ]
    assert path.read_bytes() == again.read_bytes()


TEXT = "We evaluate BERT on SQuAD 2.0 and reach 93.1 F1. The method that we propose is called"
TOP = 20


def top_logprobs(weights: Path, adapter: Path, ids: list[int]) -> dict[int, float]:
    """What llama.cpp holds to be the likeliest next tokens after *ids*."""
    settings = ServerSettings(context_per_slot=256, slots=1, adapters=(Adapter(adapter),))
    with LocalServer(weights, settings=settings) as server:
        body = {"prompt": ids, "n_predict": 1, "temperature": 0, "n_probs": TOP}
        request = urllib.request.Request(
            f"{server.base_url.removesuffix('/v1')}/completion",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {server.api_key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            first = json.load(response)["completion_probabilities"][0]
    return {each["id"]: each["logprob"] for each in first["top_logprobs"]}


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.train
def test_llama_cpp_computes_what_peft_computes(tmp_path: Path):
    """The same adapter gives the same next token; with unpermuted rows it does not."""
    for name in ("torch", "transformers", "peft", "gguf", "xllamacpp"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    try:
        weights = ensure_weights(local_model("smollm2-135m"))
    except ModelError as error:
        pytest.skip(f"the weights cannot be had: {error}")
    import peft
    import torch

    from extract.training.lora import load_base

    tokenizer, base = load_base(weights)
    torch.nn.Module.float(base)  # transformers' own float() refuses what was once quantised
    settings = peft.LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "k_proj"])
    model = peft.get_peft_model(base, settings, autocast_adapter_dtype=False).eval()
    torch.manual_seed(0)
    state = {name: p for name, p in model.named_parameters() if "lora_" in name}
    with torch.no_grad():
        for name, parameter in state.items():
            if "lora_B" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
        ids = tokenizer(TEXT)["input_ids"]
        logits = model(input_ids=torch.tensor([ids])).logits[0, -1].float()
    expected = logits.log_softmax(-1)
    state = {name: parameter.detach().float() for name, parameter in state.items()}
    shape = read_base_shape(weights)
    unpermuted = BaseShape(shape.heads * 32, shape.key_heads * 32, shape.sizes)

    def distance(written_for: BaseShape, name: str) -> float:
        path = write_adapter(state, tmp_path / name, rank=8, alpha=16, base=written_for)
        found = top_logprobs(weights, path, ids)
        return float(np.mean([abs(lp - float(expected[i])) for i, lp in found.items()]))

    right, wrong = distance(shape, "right.gguf"), distance(unpermuted, "wrong.gguf")

    assert right < 0.25
    assert wrong > 3 * right
