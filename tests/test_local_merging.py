"""Base and adapter in one file: what is in it is what the two compute together."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from extract.errors import ModelError
from extract.local import quants
from extract.local.layout import read_layout
from extract.local.merging import merge
from tests.gguf_kit import (
    F16,
    F32,
    Q4_1,
    Q4_K,
    Q5_0,
    Q6_K,
    Q8_0,
    adapter_metadata,
    base_metadata,
    half,
    q4_1,
    q4_k_value,
    q5_0_value,
    q6_k_value,
    q8_0,
    tiny_pair,
    write_gguf,
)

ALL_Q8 = {"*": "Q8_0"}


def merged(folder: Path, base: Path, adapter: Path, **options: object) -> tuple[Path, bytes]:
    """Return the merged file and its bytes."""
    written = io.BytesIO()
    merge(base, adapter, written, **{"scale": 1.0, "types": ALL_Q8} | options)  # type: ignore[arg-type]
    path = folder / "merged.gguf"
    path.write_bytes(written.getvalue())
    return path, written.getvalue()


def tensor_bytes(path: Path, name: str) -> bytes:
    """Return the bytes of one tensor."""
    tensor = next(each for each in read_layout(path).tensors if each.name == name)
    size = quants.BY_TYPE[tensor.type].row_bytes(tensor.columns) * tensor.rows
    return path.read_bytes()[tensor.begin : tensor.begin + size]


def test_a_merged_matrix_is_dequantised_added_to_and_requantised(tmp_path: Path):
    """The bytes are those of W + alpha / rank * B A, worked out number by number."""
    base, adapter, expected = tiny_pair(tmp_path)

    path, _ = merged(tmp_path, base, adapter)

    assert expected == tensor_bytes(path, "blk.0.attn_q.weight")


def test_an_adapter_of_eight_bits_is_added_as_it_is_read(tmp_path: Path):
    """Its halves count as what they hold after rounding."""
    base, _, _ = tiny_pair(tmp_path)
    rng, q8 = np.random.default_rng(7), quants.BY_NAME["Q8_0"]
    a, b = (quants.write(q8, rng.normal(size=size)) for size in ((32, 64), (8, 32)))
    name = "blk.0.attn_q.weight"
    halves = {
        f"{name}.lora_a": (Q8_0, (64, 32), a.tobytes()),
        f"{name}.lora_b": (Q8_0, (32, 8), b.tobytes()),
    }
    adapter = write_gguf(tmp_path / "eight.gguf", adapter_metadata(16.0), halves)

    path, _ = merged(tmp_path, base, adapter, types={"*": "F32"})

    _, values = q4_1(np.random.default_rng(0), rows=8, columns=64)
    added = 0.5 * (quants.read(q8, b).astype(float) @ quants.read(q8, a).astype(float))
    found = np.frombuffer(tensor_bytes(path, name), np.float32).reshape(8, 64)
    assert np.allclose(values + added, found, rtol=0, atol=1e-6)


def test_what_the_adapter_does_not_change_is_copied(tmp_path: Path):
    """Vectors, matrices in the wanted format, and all metadata stay as they are."""
    base, adapter, _ = tiny_pair(tmp_path)

    path, _ = merged(tmp_path, base, adapter)

    before, after = read_layout(base), read_layout(path)
    assert before.metadata == after.metadata
    assert [(t.name, t.sizes) for t in before.tensors] == [(t.name, t.sizes) for t in after.tensors]
    assert [Q8_0, F32, Q8_0] == [tensor.type for tensor in after.tensors]
    for name in ("token_embd.weight", "blk.0.attn_norm.weight"):
        assert tensor_bytes(base, name) == tensor_bytes(path, name)


def test_the_same_files_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither a second time nor smaller pieces change a byte."""
    base, adapter, _ = tiny_pair(tmp_path)
    _, first = merged(tmp_path, base, adapter)
    _, second = merged(tmp_path, base, adapter)
    monkeypatch.setattr("extract.local.merging.PIECE_VALUES", 64)
    _, in_pieces = merged(tmp_path, base, adapter)

    assert first == second == in_pieces


def test_formats_go_by_a_part_of_the_name(tmp_path: Path):
    """What is named gets its own format, every other matrix the one of `*`."""
    base, adapter, _ = tiny_pair(tmp_path)

    path, _ = merged(tmp_path, base, adapter, types={"attn_": "Q4_0", "*": "Q8_0"})

    names = {t.name: quants.BY_TYPE[t.type].name for t in read_layout(path).tensors}
    assert names == {
        "token_embd.weight": "Q8_0",
        "blk.0.attn_norm.weight": "F32",
        "blk.0.attn_q.weight": "Q4_0",
    }


def test_scale_nought_is_the_base_alone(tmp_path: Path):
    """The scale of the registry multiplies what the adapter adds."""
    base, adapter, _ = tiny_pair(tmp_path)

    path, _ = merged(tmp_path, base, adapter, scale=0.0, types={"*": "F32"})

    values = np.frombuffer(tensor_bytes(path, "blk.0.attn_q.weight"), np.float32)
    _, expected = q4_1(np.random.default_rng(0), rows=8, columns=64)
    assert expected.ravel().tolist() == values.tolist()


@pytest.mark.parametrize(
    ("name", "a_sizes", "b_sizes"),
    [
        ("blk.0.attn_q.weight", (32, 2), (2, 8)),
        ("blk.0.attn_q.weight", (64, 2), (2, 4)),
        ("blk.0.attn_q.weight", (64, 2), (4, 8)),
        ("blk.9.attn_q.weight", (64, 2), (2, 8)),
    ],
)
def test_an_adapter_for_another_base_is_refused(
    tmp_path: Path, name: str, a_sizes: tuple[int, int], b_sizes: tuple[int, int]
):
    """A wrong shape or an unknown matrix is an error that names it, never a file."""
    base, _, _ = tiny_pair(tmp_path)
    halves = {
        f"{name}.lora_{half}": (F16, sizes, bytes(2 * sizes[0] * sizes[1]))
        for half, sizes in (("a", a_sizes), ("b", b_sizes))
    }
    adapter = write_gguf(tmp_path / "other.gguf", adapter_metadata(4.0), halves)

    with pytest.raises(ModelError, match=f"does not fit its base at '{name}'"):
        merged(tmp_path, base, adapter)


def test_a_base_in_a_format_that_is_not_read_is_refused(tmp_path: Path):
    """It is named by ggml's number."""
    _, adapter, _ = tiny_pair(tmp_path)
    packed, _ = q4_1(np.random.default_rng(0), rows=8, columns=64)
    tensors = {
        "blk.0.attn_k.weight": (10, (256, 1), bytes(84)),
        "blk.0.attn_q.weight": (Q4_1, (64, 8), packed),
    }
    base = write_gguf(tmp_path / "k.gguf", base_metadata(), tensors)

    with pytest.raises(ModelError, match=r"blk\.0\.attn_k\.weight is of ggml's type 10, and only"):
        merged(tmp_path, base, adapter)


def kept_pair(folder: Path) -> tuple[Path, Path]:
    """Write a base whose table is in Q5_0, and an adapter for another of its matrices."""
    _, adapter, _ = tiny_pair(folder)
    packed, _ = q4_1(np.random.default_rng(0), rows=8, columns=64)
    tensors = {
        "token_embd.weight": (Q5_0, (64, 4), np.random.default_rng(1).bytes(22 * 8)),
        "blk.0.attn_q.weight": (Q4_1, (64, 8), packed),
    }
    return write_gguf(folder / "five.gguf", base_metadata(), tensors), adapter


def test_a_matrix_may_be_kept_in_a_format_that_is_only_read(tmp_path: Path):
    """Nothing is added to the table of the vocabulary, so it need not grow."""
    base, adapter = kept_pair(tmp_path)

    path, _ = merged(tmp_path, base, adapter, types={"token_embd": "kept", "*": "Q8_0"})

    assert [Q5_0, Q8_0] == [tensor.type for tensor in read_layout(path).tensors]
    assert tensor_bytes(base, "token_embd.weight") == tensor_bytes(path, "token_embd.weight")


@pytest.mark.parametrize("types", [{"*": "Q5_0"}, {"token_embd": "Q6_K", "*": "Q8_0"}])
def test_a_format_that_is_only_read_is_not_written(tmp_path: Path, types: dict[str, str]):
    """Neither for a matrix that the adapter changes nor for one in another format."""
    base, adapter = kept_pair(tmp_path)

    with pytest.raises(ModelError, match=r"would be changed in Q\d_[0K], which is only read"):
        merged(tmp_path, base, adapter, types=types)


def test_a_cut_file_is_an_error_that_names_it(tmp_path: Path):
    """Not a traceback of the reader."""
    base, adapter, _ = tiny_pair(tmp_path)
    base.write_bytes(base.read_bytes()[:150])

    with pytest.raises(ModelError, match=r"base\.gguf is cut or malformed"):
        merged(tmp_path, base, adapter)


def test_eight_bits_round_as_ggml_does():
    """The reference, number by number, gives the same bytes; a block of noughts is one."""
    values = np.random.default_rng(1).normal(size=(5, 96)).astype(np.float32)
    values[2, 32:64] = 0

    assert q8_0(values) == quants.write(quants.BY_NAME["Q8_0"], values).tobytes()


@pytest.mark.parametrize(("name", "worst"), [("F32", 0), ("F16", 1e-3), ("Q8_0", 0.02)])
def test_what_was_written_reads_back(name: str, worst: float):
    """Each format keeps the values within its own step."""
    quant = quants.BY_NAME[name]
    values = np.random.default_rng(2).uniform(-2, 2, size=(3, 64)).astype(np.float32)

    again = quants.read(quant, quants.write(quant, values))

    assert float(np.abs(again - values).max()) <= worst


def test_four_bits_err_less_than_with_the_plain_scale():
    """A scale is searched for in every block, so that the squared error falls."""
    values = np.random.default_rng(3).normal(size=(64, 64)).astype(np.float32)
    blocks = values.reshape(-1, 32)
    furthest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scale = (furthest / -8).astype(np.float16).astype(np.float32)
    plain = scale * np.clip(np.trunc(blocks / scale + 8.5), 0, 15) - 8 * scale

    quant = quants.BY_NAME["Q4_0"]
    searched = quants.read(quant, quants.write(quant, values))

    plain_error = float(np.square(plain - blocks).sum())
    assert float(np.square(searched - values).sum()) < 0.95 * plain_error


def test_a_matrix_in_q4_1_reads_as_ggml_reads_it():
    """Scale times half a byte, plus the smallest value; low halves first."""
    content, expected = q4_1(np.random.default_rng(4), rows=3, columns=64)
    rows = np.frombuffer(content, np.uint8).reshape(3, -1)

    assert expected.tolist() == quants.read(quants.BY_TYPE[Q4_1], rows).tolist()


@pytest.mark.parametrize(
    ("kind", "value", "halves"),
    [(Q5_0, q5_0_value, [0]), (Q4_K, q4_k_value, [0, 2]), (Q6_K, q6_k_value, [208])],
)
def test_formats_that_are_only_read_read_as_ggml_reads_them(
    kind: int, value: Callable[[bytes, int], Any], halves: list[int]
):
    """Each value of random blocks, worked out alone by ggml's definition."""
    quant, rng = quants.BY_TYPE[kind], np.random.default_rng(5)
    rows = rng.integers(0, 256, (3, 2 * quant.block_bytes), np.uint8)
    blocks = rows.reshape(-1, quant.block_bytes)
    for at in halves:
        scales = rng.uniform(-0.1, 0.1, (len(blocks), 1)).astype(np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8)
    expected = [[value(b.tobytes(), i) for i in range(quant.block)] for b in blocks]

    read = quants.read(quant, rows)

    assert (3, 2 * quant.block) == read.shape
    assert np.array(expected).ravel().tolist() == read.ravel().tolist()
    assert half(blocks[0].tobytes(), halves[0]) != 0
