"""The number formats of ggml that merged weights are read from and written in.

    F32, F16      plain numbers
    Q8_0          32 values: a scale, and a byte each
    Q4_0, Q4_1    32 values: a scale (and a smallest value), and half a byte each

Only read:

    Q5_0          32 values: a scale, their fifth bits, and half a byte each
    Q4_K          256 values in eights of 32, with scales and smallest values of six bits
    Q6_K          256 values in sixteens of 16, with scales of a byte; four bits and two of each

A row of values is a row of blocks, `uint8` bytes here. Every block depends on its own values
only, so a tensor can be converted in pieces. How they lie is defined by ggml (ggml-common.h).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

BLOCK = 32
SUPER_BLOCK = 256
# Where the scale of a block of half bytes may lie, as shares of its plain value.
SHARES = (1.0, 0.98, 0.96, 0.94, 0.92, 0.9, 0.87, 1.03, 1.06)
_INVERSE_LIMIT = np.float32(1e-30)


@dataclass(frozen=True, slots=True)
class Quant:
    """One format: ggml's number for it, the size of a block, and how to read and write it.

    `write` is None where the format is only read.
    """

    name: str
    type: int
    block: int
    block_bytes: int
    read: Callable[[Any], Any]
    write: Callable[[Any], Any] | None = None

    def row_bytes(self, columns: int) -> int:
        """Return the bytes of a row of *columns* values; 0 where no row has that length."""
        return 0 if columns % self.block else columns // self.block * self.block_bytes


def read(quant: Quant, rows: Any) -> Any:
    """Return rows of bytes as rows of 32-bit floats."""
    values = quant.read(rows.reshape(-1, quant.block_bytes))
    return values.astype(np.float32, copy=False).reshape(len(rows), -1)


def write(quant: Quant, values: Any) -> Any:
    """Return rows of values as rows of bytes; *quant* is one that is written."""
    assert quant.write is not None
    blocks = np.ascontiguousarray(values, np.float32).reshape(-1, quant.block)
    return quant.write(blocks).reshape(len(values), -1)


def _read_q8_0(blocks: Any) -> Any:
    return _half(blocks, 0) * blocks[:, 2:].view(np.int8)


def _write_q8_0(values: Any) -> Any:
    scale = np.abs(values).max(axis=1, keepdims=True) / np.float32(127)
    return np.hstack([_half_bytes(scale), _rounded(values * _inverse(scale)).view(np.uint8)])


def _read_q4_0(blocks: Any) -> Any:
    return _half(blocks, 0) * (_nibbles(blocks[:, 2:]).astype(np.float32) - np.float32(8))


def _write_q4_0(values: Any) -> Any:
    """Write with the scale that errs least, out of a few near the plain one.

    The plain scale lets the value furthest from nought be exact: it takes the end of the range
    that reaches further, -8. A somewhat smaller one often errs less on the 31 others.
    """
    furthest = np.take_along_axis(values, np.abs(values).argmax(axis=1)[:, None], axis=1)
    plain = furthest / np.float32(-8)
    best_scale, best_steps = plain, np.zeros(values.shape, np.float32)
    best_error: Any = np.full((len(values), 1), np.inf, np.float32)
    for share in SHARES:
        steps = np.clip(np.rint(values * _inverse(plain * np.float32(share))), -8, 7)
        # Of these steps, the scale that errs least (least squares).
        square = np.square(steps).sum(axis=1, keepdims=True)
        scale = (values * steps).sum(axis=1, keepdims=True) * _inverse(square)
        scale = scale.astype(np.float16).astype(np.float32)
        error = np.square(values - scale * steps).sum(axis=1, keepdims=True)
        better = error < best_error
        best_error = np.where(better, error, best_error)
        best_scale = np.where(better, scale, best_scale)
        best_steps = np.where(better, steps, best_steps)
    return np.hstack([_half_bytes(best_scale), _packed(best_steps + 8)])


def _read_q4_1(blocks: Any) -> Any:
    return _half(blocks, 0) * _nibbles(blocks[:, 4:]) + _half(blocks, 2)


def _write_q4_1(values: Any) -> Any:
    least = values.min(axis=1, keepdims=True)
    scale = (values.max(axis=1, keepdims=True) - least) / np.float32(15)
    steps = np.minimum((values - least) * _inverse(scale) + np.float32(0.5), 15)
    return np.hstack([_half_bytes(scale), _half_bytes(least), _packed(np.trunc(steps))])


def _read_q5_0(blocks: Any) -> Any:
    bits = np.unpackbits(blocks[:, 2:6], axis=1, bitorder="little")
    steps = _nibbles(blocks[:, 6:]) | bits << 4
    return _half(blocks, 0) * (steps.astype(np.float32) - np.float32(16))


def _read_q4_k(blocks: Any) -> Any:
    """Of each 64 values, the first 32 are the low halves of 32 bytes and the others the high."""
    shares = blocks[:, 4:16].reshape(-1, 3, 4)
    first, second, rest = shares[:, 0], shares[:, 1], shares[:, 2]
    # Of eight numbers of six bits, the last four have their upper two in the bytes of the first.
    scales = np.hstack([first & 63, rest & 15 | first >> 6 << 4])
    least = np.hstack([second & 63, rest >> 4 | second >> 6 << 4])
    scale = _half(blocks, 0) * scales
    offset = _half(blocks, 2) * least
    packed = blocks[:, 16:].reshape(-1, 4, 1, 32)
    steps = np.concatenate([packed & 15, packed >> 4], axis=2).reshape(-1, 8, 32)
    return (scale[:, :, None] * steps - offset[:, :, None]).reshape(-1, SUPER_BLOCK)


def _read_q6_k(blocks: Any) -> Any:
    """Of each 128 values, value i has its low bits in byte i % 64 and its high in byte i % 32."""
    low = blocks[:, :128].reshape(-1, 2, 1, 64)
    low = np.concatenate([low & 15, low >> 4], axis=2).reshape(-1, 2, 4, 32)
    high = blocks[:, 128:192].reshape(-1, 2, 1, 32)
    high = high >> np.array([0, 2, 4, 6], np.uint8)[:, None] & 3
    steps = (low | high << 4).astype(np.float32) - np.float32(32)
    scale = _half(blocks, 208) * blocks[:, 192:208].view(np.int8)
    return (scale[:, :, None] * steps.reshape(-1, 16, 16)).reshape(-1, SUPER_BLOCK)


def _half(blocks: Any, begin: int) -> Any:
    """Return the half-precision number at byte *begin* of every block, as a column."""
    return np.ascontiguousarray(blocks[:, begin : begin + 2]).view(np.float16).astype(np.float32)


def _half_bytes(column: Any) -> Any:
    return column.astype(np.float16).view(np.uint8)


def _nibbles(packed: Any) -> Any:
    """Return the low halves of the bytes, then the high ones."""
    return np.hstack([packed & 15, packed >> 4])


def _packed(steps: Any) -> Any:
    """Return the values of `_nibbles` as bytes again."""
    low, high = np.split(steps.astype(np.uint8), 2, axis=1)
    return low | high << 4


def _inverse(column: Any) -> Any:
    """Return 1 / column, and 0 for 0: a block of noughts stays one."""
    small = np.abs(column) < _INVERSE_LIMIT
    return np.where(small, np.float32(0), np.float32(1) / np.where(small, np.float32(1), column))


def _rounded(values: Any) -> Any:
    """Round to bytes, halves away from nought, as ggml does."""
    return np.trunc(values + np.copysign(np.float32(0.5), values)).astype(np.int8)


def _plain(number: type) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    return (
        lambda blocks: np.ascontiguousarray(blocks).view(number),
        lambda values: values.astype(number).view(np.uint8),
    )


_ALL = (
    Quant("F32", 0, 1, 4, *_plain(np.float32)),
    Quant("F16", 1, 1, 2, *_plain(np.float16)),
    Quant("Q4_0", 2, BLOCK, 18, _read_q4_0, _write_q4_0),
    Quant("Q4_1", 3, BLOCK, 20, _read_q4_1, _write_q4_1),
    Quant("Q5_0", 6, BLOCK, 22, _read_q5_0),
    Quant("Q8_0", 8, BLOCK, 34, _read_q8_0, _write_q8_0),
    Quant("Q4_K", 12, SUPER_BLOCK, 144, _read_q4_k),
    Quant("Q6_K", 14, SUPER_BLOCK, 210, _read_q6_k),
)
BY_NAME = {quant.name: quant for quant in _ALL}
BY_TYPE = {quant.type: quant for quant in _ALL}
