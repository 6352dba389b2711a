"""The adapter's file: names, sizes and the order of rows are those of llama.cpp's base."""

from __future__ import annotations

import importlib.util
import json
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extract.errors import InputError, ModelError
from extract.local.registry import local_model
from extract.local.server import LocalServer
from extract.local.settings import Adapter, ServerSettings
from extract.local.weights import find_weights

np = pytest.importorskip("numpy")
pytest.importorskip("gguf", reason="gguf comes with the extra `train`")

from extract.training.adapter_file import (  # noqa: E402  # after the skip
    BaseShape,
    check_adapter_size,
    gguf_name,
    gguf_tensors,
    permuted,
    read_base_shape,
    write_adapter,
    write_tensors,
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


@pytest.mark.parametrize("architecture", ["qwen2", "gemma3"])
def test_other_architectures_keep_their_order(architecture: str):
    """Only llama's rows of queries and keys lie in another order than the checkpoint's."""
    state = halves("q_proj", 8, 8) | halves("k_proj", 8, 4)

    tensors = gguf_tensors(state, rank=2, base=replace(TINY, architecture=architecture))

    assert tensors["blk.0.attn_q.weight.lora_b"][:, 0].tolist() == list(range(8))
    assert tensors["blk.0.attn_k.weight.lora_b"][:, 0].tolist() == list(range(4))


def base_file(path: Path, architecture: str) -> Path:
    """A GGUF file with the metadata of a base and one matrix."""
    gguf = pytest.importorskip("gguf", reason="gguf comes with the extra `train`")
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_tensor("blk.0.attn_q.weight", np.zeros((6, 8), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.train
@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gemma3"])
def test_the_shape_of_a_base_is_read_from_its_file(architecture: str, tmp_path: Path):
    """Heads stand under the name of the architecture."""
    base = read_base_shape(base_file(tmp_path / "base.gguf", architecture))

    assert (base.architecture, base.heads, base.key_heads) == (architecture, 4, 2)
    assert base.sizes == {"blk.0.attn_q.weight": (8, 6)}


@pytest.mark.train
def test_another_architecture_is_refused(tmp_path: Path):
    """No adapter is written for a base whose order of rows was never compared."""
    with pytest.raises(ModelError, match=r"'phi3'.*llama, qwen2, gemma3 only"):
        read_base_shape(base_file(tmp_path / "base.gguf", "phi3"))


def test_an_adapter_that_would_be_too_large_is_told_before_it_is_trained():
    """With the rank that fits: hours of training are not thrown away at the end."""
    large = replace(TINY, sizes={"blk.0.ffn_up.weight": (8_000, 2_000), "output.weight": (8, 9)})

    check_adapter_size(large, rank=2_000)
    with pytest.raises(InputError, match="80,000,000 bytes") as raised:
        check_adapter_size(large, rank=4_000)

    assert raised.value.hint == "Train with rank 2000 at most."


def test_eight_bits_leave_room_for_a_larger_adapter():
    """Of a rank that makes whole blocks of 32."""
    large = replace(TINY, sizes={"blk.0.ffn_up.weight": (8_000, 2_000)})

    check_adapter_size(large, rank=3_200, eight_bits=True)
    with pytest.raises(InputError, match="42,500,000 bytes") as raised:
        check_adapter_size(large, rank=4_000, eight_bits=True)
    assert raised.value.hint == "Train with rank 3744 at most."
    with pytest.raises(InputError, match="eight_bits with rank 48"):
        check_adapter_size(large, rank=48, eight_bits=True)


@pytest.mark.train
def test_an_adapter_of_eight_bits_reads_back(tmp_path: Path):
    """As gguf reads the format, each value within half a step of its block."""
    gguf = pytest.importorskip("gguf", reason="gguf comes with the extra `train`")
    base = replace(TINY, sizes={"blk.0.attn_v.weight": (64, 4)})
    state = halves("v_proj", 64, 4, rank=32)

    path = write_adapter(state, tmp_path / "a.gguf", rank=32, alpha=4, base=base, eight_bits=True)

    first, second = gguf.GGUFReader(str(path)).tensors
    assert ([64, 32], [32, 4]) == (first.shape.tolist(), second.shape.tolist())
    rows = gguf.quants.dequantize(second.data, second.tensor_type)
    assert np.abs(rows - np.arange(4)[:, None]).max() <= 3 / 254


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
@pytest.mark.parametrize(
    ("name", "strength"),
    [("smollm2-135m", 0.3), ("qwen2.5-coder-0.5b", 0.05), ("gemma-3-270m", 0.05)],
)
def test_llama_cpp_computes_what_peft_computes(tmp_path: Path, name: str, strength: float):
    """The same adapter gives the same next token; with rows in another order it does not.

    Every linear layer is corrected, queries and keys the most: enough to be seen beside the
    rounding of llama.cpp, and not so much that the model breaks and every rounding counts.
    """
    for needed in ("torch", "transformers", "peft", "gguf", "xllamacpp"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    weights = find_weights(local_model(name))
    if weights is None:
        pytest.skip(f"the weights of {name} are not here")
    import peft
    import torch

    from extract.training.lora import load_base

    tokenizer, base = load_base(weights)
    torch.nn.Module.float(base)  # transformers' own float() refuses what was once quantised
    settings = peft.LoraConfig(r=8, lora_alpha=16, target_modules="all-linear")
    model = peft.get_peft_model(base, settings, autocast_adapter_dtype=False).eval()
    torch.manual_seed(0)
    state = {tensor: p for tensor, p in model.named_parameters() if "lora_" in tensor}
    with torch.no_grad():
        for tensor, parameter in state.items():
            if "lora_B" in tensor:
                is_order_seen = "q_proj" in tensor or "k_proj" in tensor
                own = strength if is_order_seen else 0.003
                parameter.copy_(torch.randn_like(parameter) * own)
        ids = tokenizer(TEXT)["input_ids"]
        logits = model(input_ids=torch.tensor([ids])).logits[0, -1].float()
        with model.disable_adapter():
            plain = model(input_ids=torch.tensor([ids])).logits[0, -1].float()
    expected = logits.log_softmax(-1)
    state = {tensor: parameter.detach().float() for tensor, parameter in state.items()}
    shape = read_base_shape(weights)
    # The other order: that of llama for those that keep theirs, and none for llama itself.
    other = replace(shape, architecture="qwen2" if shape.architecture == "llama" else "llama")

    def distance(written_for: BaseShape, file: str) -> float:
        tensors = gguf_tensors(state, rank=8, base=written_for)
        path = write_tensors(tensors, tmp_path / file, alpha=16, architecture=shape.architecture)
        found = top_logprobs(weights, path, ids)
        return float(np.mean([abs(lp - float(expected[i])) for i, lp in found.items()]))

    right, wrong = distance(shape, "right.gguf"), distance(other, "wrong.gguf")

    top = logits.topk(TOP).indices
    changed = float((plain.log_softmax(-1)[top] - expected[top]).abs().mean())
    print(f"{name}: {right:.3f} as written, {wrong:.3f} otherwise, {changed:.3f} changed")
    assert right < 0.25
    assert wrong > 3 * right
    assert changed > 3 * right
