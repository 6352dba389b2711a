"""A base and its LoRA adapter as one GGUF file, in number formats that llama.cpp is fast with.

An adapter that is applied at run time costs two more products for every matrix, and the format
of a published base need not be one that llama.cpp has fast code for. So both go into one file:
W + scale * alpha / rank * B A, written in the formats that the registry names.

GGUF keeps the rows of the query and key matrices of llama models in an order of its own; an
adapter in GGUF has them in the same order, so they are added as they lie.

Tensors are read, changed and written a piece at a time, so memory does not grow with the model.
Sums are of doubles, so that the order in which a machine adds does not show: the same
files give the same bytes. Metadata is copied as it is, so `general.file_type` stays the base's.

Not here: where the file is kept and when it is made anew (`prepared`).
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from extract.errors import ModelError
from extract.local import quants
from extract.local.layout import Layout, Tensor, header, read_layout

PIECE_VALUES = 1 << 20
EVERY_OTHER = "*"
KEPT = "kept"
"""Stands for the format that a matrix has in the base."""
REINSTALL = "Install paperfacts again; if it recurs, report it with the name of the model."

Told = Callable[[int, int], None]


class _Delta(NamedTuple):
    """What an adapter adds to one matrix: `strength * b @ a`."""

    a: Tensor
    b: Tensor
    strength: float


def merge(
    base: Path,
    adapter: Path,
    target: BinaryIO,
    *,
    scale: float,
    types: Mapping[str, str],
    told: Told = lambda done, total: None,
) -> None:
    """Write *base* with *adapter* added to *target*.

    *types* names the format of the matrices by how a part of their name begins (`ffn_`, `output.`);
    `*` is every other one, and `kept` the format that there is. Vectors keep theirs, and so does
    what is in the wanted one already and is not changed. *told* is called with the bytes written
    and the bytes there will be.
    """
    layout = read_layout(base)
    deltas = _deltas(adapter, scale, layout)
    formats = {t.name: _format(t, types, base, t.name in deltas) for t in layout.tensors}
    sizes = {t.name: formats[t.name].row_bytes(t.columns) * t.rows for t in layout.tensors}
    places, end = {}, 0
    for name, size in sizes.items():
        places[name] = end
        end += size + -size % layout.alignment
    head = header(layout, {name: each.type for name, each in formats.items()}, places)
    target.write(head)
    with _mapped(base) as content, _mapped(adapter) as halves:
        for tensor in layout.tensors:
            pieces = _pieces(content, tensor, formats[tensor.name])
            if delta := deltas.get(tensor.name):
                pieces = _changed(content, tensor, formats[tensor.name], halves, delta)
            target.writelines(pieces)
            target.write(bytes(-sizes[tensor.name] % layout.alignment))
            told(target.tell(), len(head) + end)


def _pieces(content: mmap.mmap, tensor: Tensor, wanted: quants.Quant) -> Iterator[bytes]:
    """Yield the bytes of a tensor that no adapter changes, in its new format."""
    for _, rows in _read(content, tensor):
        found = quants.BY_TYPE[tensor.type]
        same = wanted is found
        yield rows.tobytes() if same else quants.write(wanted, quants.read(found, rows)).tobytes()


def _changed(
    content: mmap.mmap, tensor: Tensor, wanted: quants.Quant, halves: mmap.mmap, delta: _Delta
) -> Iterator[bytes]:
    """Yield the bytes of a tensor with what the adapter adds, in its new format."""
    a, b = _doubles(halves, delta.a), _doubles(halves, delta.b)
    for first, rows in _read(content, tensor):
        values = quants.read(quants.BY_TYPE[tensor.type], rows)
        added = delta.strength * (b[first : first + len(rows)] @ a)
        yield quants.write(wanted, (values + added).astype(np.float32)).tobytes()


def _read(content: mmap.mmap, tensor: Tensor) -> Iterator[tuple[int, Any]]:
    """Yield the rows of a tensor as bytes, some at a time, with the number of the first."""
    row_bytes = quants.BY_TYPE[tensor.type].row_bytes(tensor.columns)
    at_once = max(1, PIECE_VALUES // tensor.columns)
    for first in range(0, tensor.rows, at_once):
        begin = tensor.begin + first * row_bytes
        piece = content[begin : begin + min(at_once, tensor.rows - first) * row_bytes]
        yield first, np.frombuffer(piece, np.uint8).reshape(-1, row_bytes)


def _format(tensor: Tensor, types: Mapping[str, str], base: Path, is_changed: bool) -> quants.Quant:
    """Return the format that *tensor* is to be written in."""
    found = quants.BY_TYPE.get(tensor.type)
    if found is None or not found.row_bytes(tensor.columns):
        raise ModelError(
            f"{base} cannot be merged: {tensor.name} is of ggml's type {tensor.type}, "
            f"and only {', '.join(quants.BY_NAME)} are read",
            hint="A base in another format is used with its adapter, unmerged.",
        )
    if len(tensor.sizes) < 2:
        return found
    parts = f".{tensor.name}"
    named = next((name for part, name in types.items() if f".{part}" in parts), types[EVERY_OTHER])
    wanted = found if named == KEPT else quants.BY_NAME[named]
    if wanted.write is None and (is_changed or wanted is not found):
        raise ModelError(
            f"{base} cannot be merged: {tensor.name} would be changed in {wanted.name}, which is "
            "only read",
            hint="Name another format for it in the registry.",
        )
    if not wanted.row_bytes(tensor.columns):
        raise ModelError(
            f"{base} cannot be merged: {tensor.name} has rows of {tensor.columns}, which "
            f"{wanted.name} does not hold",
            hint="Name another format for it in the registry.",
        )
    return wanted


def _deltas(adapter: Path, scale: float, base: Layout) -> dict[str, _Delta]:
    """Return what *adapter* adds, by the name of the matrix; `ModelError` if it does not fit."""
    layout = read_layout(adapter)
    halves = {tensor.name: tensor for tensor in layout.tensors}
    alpha = float(layout.values.get("adapter.lora.alpha", 0))
    matrices = {tensor.name: tensor for tensor in base.tensors}
    deltas = {}
    for name in dict.fromkeys(half.rpartition(".lora_")[0] for half in halves):
        a, b, matrix = (
            halves.get(f"{name}.lora_a"),
            halves.get(f"{name}.lora_b"),
            matrices.get(name),
        )
        if a is None or b is None or matrix is None or not _fits(a, b, matrix):
            raise ModelError(f"{adapter} does not fit its base at {name!r}", hint=REINSTALL)
        # As llama.cpp has it: an adapter that names no alpha is as strong as its scale.
        deltas[name] = _Delta(a, b, scale * alpha / a.rows if alpha else scale)
    return deltas


def _fits(a: Tensor, b: Tensor, matrix: Tensor) -> bool:
    """Say whether `b @ a` has the shape of *matrix*, and the halves can be read."""
    shape = (a.columns, b.rows, a.rows)
    found = [quants.BY_TYPE.get(half.type) for half in (a, b)]
    is_read = all(
        quant is not None and quant.row_bytes(half.columns)
        for quant, half in zip(found, (a, b), strict=True)
    )
    return shape == (*matrix.sizes, b.columns) and is_read


def _doubles(content: mmap.mmap, tensor: Tensor) -> Any:
    """Return a small tensor whole, as rows of doubles."""
    found = quants.BY_TYPE[tensor.type]
    pieces = [quants.read(found, rows) for _, rows in _read(content, tensor)]
    return np.concatenate(pieces).astype(np.float64)


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    """Give the bytes of *path* without reading them yet."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content
