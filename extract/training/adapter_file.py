"""A trained adapter as the GGUF file that llama.cpp loads beside its quantised base.

GGUF llama models keep the rows of the query and key projections in another order than the
checkpoints that peft trains: per head, the two halves that rotate together lie side by side.
An adapter has to follow, or it corrects the wrong rows and the model writes rubbish. How many
heads there are is read from the base, never assumed. Qwen2 and Gemma 3 keep their order.

Each architecture was compared with llama.cpp before it was let in
(`tests/test_training_adapter_file.py`); others are refused. Not here: how the weights were
learnt (`lora`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.errors import InputError, ModelError
from extract.local import quants

PERMUTED = {"llama": True, "qwen2": False, "gemma3": False}
"""The architectures that adapters are written for: are the rows of q and k permuted per head?"""

MAX_BYTES = 40_000_000
NO_TRAIN = "Install what training needs: pip install 'paperfacts[train]'"

_PEFT_NAME = re.compile(
    r"(?:base_model\.model\.)?model\.layers\.(?P<layer>\d+)\.(?P<module>[a-z_.]+)"
    r"\.lora_(?P<half>[AB])(?:\.default)?\.weight"
)
_GGUF_MODULE = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@dataclass(frozen=True, slots=True)
class BaseShape:
    """What an adapter's file must know of its base: heads, and the size of every tensor.

    `sizes` maps a tensor's name to its inputs and outputs.
    """

    heads: int
    key_heads: int
    sizes: Mapping[str, tuple[int, int]]
    architecture: str = "llama"


def read_base_shape(base: Path) -> BaseShape:
    """Read what there is to know of a GGUF file; `ModelError` for an unknown architecture."""
    gguf = _gguf()
    try:
        reader = gguf.GGUFReader(str(base))
    except (OSError, ValueError) as error:
        raise ModelError(f"the base model {base} cannot be read: {error}") from error
    architecture = _value(reader, "general.architecture")
    if architecture not in PERMUTED:
        raise ModelError(
            f"{base} has the architecture {architecture!r}; adapters are written for "
            f"{', '.join(PERMUTED)} only",
            hint="Train on smollm2-135m, or another model of one of these architectures.",
        )
    heads = int(_value(reader, f"{architecture}.attention.head_count"))
    key_heads = int(_value(reader, f"{architecture}.attention.head_count_kv") or heads)
    sizes = {
        tensor.name: (int(tensor.shape[0]), int(tensor.shape[1]))
        for tensor in reader.tensors
        if len(tensor.shape) == 2
    }
    return BaseShape(heads, key_heads, sizes, architecture)


def check_adapter_size(base: BaseShape, rank: int, *, eight_bits: bool = False) -> None:
    """Raise `InputError` where an adapter of *rank* would be too large: before it is trained."""
    block = quants.BLOCK
    if eight_bits and rank % block:
        raise InputError(
            f"eight_bits with rank {rank}: {block} values share a scale",
            hint=f"Train with a rank that is a multiple of {block}, or without eight_bits.",
        )
    values = sum(
        rank * (inputs + outputs)
        for name, (inputs, outputs) in base.sizes.items()
        if any(f".{module}." in name for module in _GGUF_MODULE.values())
    )
    size = quants.BY_NAME["Q8_0"].row_bytes(values) if eight_bits else 2 * values
    if size > MAX_BYTES:
        fitting = rank * MAX_BYTES // size
        fitting -= fitting % block if eight_bits else 0
        raise InputError(
            f"an adapter of rank {rank} for this base has {size:,} bytes; more than "
            f"{MAX_BYTES:,} are not written",
            hint=f"Train with rank {fitting} at most.",
        )


def write_adapter(
    state: Mapping[str, Any],
    path: Path,
    *,
    rank: int,
    alpha: float,
    base: BaseShape,
    eight_bits: bool = False,
) -> Path:
    """Write a peft state (tensor by peft name) to *path* as a GGUF adapter.

    In half precision, or with *eight_bits* in Q8_0. Raises `InputError` where the state does not
    fit *base*. The same state gives the same bytes.
    """
    tensors = gguf_tensors(state, rank=rank, base=base)
    return write_tensors(
        tensors, path, alpha=alpha, architecture=base.architecture, eight_bits=eight_bits
    )


def write_tensors(
    tensors: Mapping[str, Any],
    path: Path,
    *,
    alpha: float,
    architecture: str,
    eight_bits: bool = False,
) -> Path:
    """Write arrays by GGUF name to *path*, whole or not at all."""
    gguf = _gguf()
    q8_0 = quants.BY_NAME["Q8_0"]
    temporary = path.with_name(path.name + ".part")
    writer = gguf.GGUFWriter(str(temporary), architecture)
    try:
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(alpha))
        for name, tensor in tensors.items():
            if eight_bits:
                rows = quants.write(q8_0, tensor)
                writer.add_tensor(name, rows, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
            else:
                writer.add_tensor(name, tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
    if temporary.stat().st_size > MAX_BYTES:
        size = temporary.stat().st_size
        temporary.unlink()
        raise InputError(
            f"the adapter has {size:,} bytes; more than {MAX_BYTES:,} are not written",
            hint="Train with a smaller rank.",
        )
    temporary.replace(path)
    return path


def gguf_tensors(state: Mapping[str, Any], *, rank: int, base: BaseShape) -> dict[str, Any]:
    """Return the state's tensors as half-precision arrays under the names that llama.cpp reads."""
    import numpy

    tensors: dict[str, Any] = {}
    for peft_name, tensor in state.items():
        module, half = gguf_name(peft_name)
        array = numpy.asarray(tensor.detach().cpu() if hasattr(tensor, "detach") else tensor)
        _check_size(peft_name, array.shape, half, rank, base.sizes.get(module))
        if half == "b" and PERMUTED[base.architecture]:
            if ".attn_q." in module:
                array = permuted(array, base.heads)
            elif ".attn_k." in module:
                array = permuted(array, base.key_heads)
        narrow = array.astype(numpy.float16)
        if not numpy.isfinite(narrow).all():
            raise InputError(f"{peft_name} holds values that half precision cannot hold")
        tensors[f"{module}.lora_{half}"] = numpy.ascontiguousarray(narrow)
    halves = [name.rpartition(".lora_")[0] for name in tensors]
    if alone := [module for module in halves if halves.count(module) != 2]:
        raise InputError(f"the adapter state has only one half for {alone[0]}")
    if not tensors:
        raise InputError("the adapter state is empty")
    return dict(sorted(tensors.items()))


def gguf_name(peft_name: str) -> tuple[str, str]:
    """Return the GGUF name of the tensor that a peft tensor changes, and its half, a or b."""
    match = _PEFT_NAME.fullmatch(peft_name)
    if match is None or match["module"] not in _GGUF_MODULE:
        raise InputError(f"no place in a GGUF adapter for the tensor {peft_name!r}")
    return f"blk.{match['layer']}.{_GGUF_MODULE[match['module']]}.weight", match["half"].lower()


def permuted(rows: Any, heads: int) -> Any:
    """Return *rows* in the order of a GGUF llama model: within a head, the halves interleaved.

    Head by head, rows 0 1 2 3 become 0 2 1 3. The columns are not touched, so the product of
    the halves is permuted as the base's own rows are.
    """
    count, columns = rows.shape
    return (
        rows.reshape(heads, 2, count // heads // 2, columns).swapaxes(1, 2).reshape(count, columns)
    )


def _check_size(
    name: str, shape: tuple[int, ...], half: str, rank: int, size: tuple[int, int] | None
) -> None:
    """Refuse a tensor that the base has no place for."""
    if size is None:
        raise InputError(f"the base model has no tensor for {name}")
    wanted = (rank, size[0]) if half == "a" else (size[1], rank)
    if tuple(shape) != wanted:
        raise InputError(f"{name} has the shape {tuple(shape)}; the base needs {wanted}")


def _value(reader: Any, key: str) -> Any:
    """Return one value of a GGUF file's metadata, None where it is not there."""
    field = reader.get_field(key)
    return None if field is None else field.contents()


def _gguf() -> Any:
    """Return the gguf package."""
    try:
        import gguf
    except ImportError as error:
        raise InputError(f"{error.name} is not installed", hint=NO_TRAIN) from error
    return gguf
