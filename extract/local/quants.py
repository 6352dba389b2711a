"""The number formats of ggml that merged weights are read from and written in.

    F32, F16      plain numbers
    Q8_0          32 values: a scale, and a byte each
    Q4_0, Q4_1    32 values: a scale (and a smallest value), and half a byte each

A row of values is a row of blocks, `uint8` bytes here. Every block depends on its own 32 values
only, so a tensor can be converted in pieces. The formats with blocks of 256 are left out: the
rows of the small models that are merged are not multiples of that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

BLOCK = 32
# Where the scale of a block of half bytes may lie, as shares of its plain value.
SHARES = (1.0, 0.98, 0.96, 0.94, 0.92, 0.9, 0.87, 1.03, 1.06)
_INVERSE_LIMIT = np.float32(1e-30)


@dataclass(frozen=True, slots=True)
class Quant:
    """One format: ggml's number for it, the size of a block, and how to read and write it."""

    name: str
    type: int
    block: int
    block_bytes: int
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]

    def row_bytes(self, columns: int) -> int:
        """Return the bytes of a row of *columns* values; 0 where no row has that length."""
        return 0 if columns % self.block else columns // self.block * self.block_bytes


def read(quant: Quant, rows: Any) -> Any:
    """Return rows of bytes as rows of 32-bit floats."""
    values = quant.read(rows.reshape(-1, quant.block_bytes))
    return values.astype(np.float32, copy=False).reshape(len(rows), -1)


def write(quant: Quant, values: Any) -> Any:
    """Return rows of values as rows of bytes."""
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
    Quant("Q8_0", 8, BLOCK, 34, _read_q8_0, _write_q8_0),
)
BY_NAME = {quant.name: quant for quant in _ALL}
BY_TYPE = {quant.type: quant for quant in _ALL}
