"""Tiny GGUF files for tests, written with `struct` alone: what reads them is under test."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

F32, F16, Q4_0, Q4_1, Q5_0, Q8_0, Q4_K, Q6_K = 0, 1, 2, 3, 6, 8, 12, 14
Value = tuple[int, bytes]


def text(words: str) -> bytes:
    """Return a GGUF string."""
    return struct.pack("<Q", len(words.encode())) + words.encode()


def base_metadata() -> dict[str, Value]:
    """Return metadata with every shape of value: number, word, list of words, list of numbers."""
    tokens = struct.pack("<IQ", 8, 2) + text("a") + text("ß")
    return {
        "general.architecture": (8, text("llama")),
        "llama.block_count": (4, struct.pack("<I", 1)),
        "tokenizer.ggml.tokens": (9, tokens),
        "tokenizer.ggml.scores": (9, struct.pack("<IQ3f", 6, 3, 1, 2, 3)),
        "tokenizer.ggml.add_bos_token": (7, b"\0"),
    }


def adapter_metadata(alpha: float) -> dict[str, Value]:
    """Return the metadata of an adapter."""
    return {
        "general.type": (8, text("adapter")),
        "adapter.lora.alpha": (6, struct.pack("<f", alpha)),
    }


def write_gguf(
    path: Path, metadata: dict[str, Value], tensors: dict[str, tuple[int, Sequence[int], bytes]]
) -> Path:
    """Write a file with *tensors*: type, sizes (along memory first) and bytes by name."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, (kind, value) in metadata.items():
        head += text(key) + struct.pack("<I", kind) + value
    body = b""
    for name, (kind, sizes, content) in tensors.items():
        head += text(name) + struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes)
        head += struct.pack("<IQ", kind, len(body))
        body += content + bytes(-len(content) % 32)
    path.write_bytes(head + bytes(-len(head) % 32) + body)
    return path


def q4_1(rng: Any, rows: int, columns: int) -> tuple[bytes, Any]:
    """Return the bytes of a random Q4_1 matrix and its values, block by block."""
    content, values = b"", []
    for _ in range(rows * columns // 32):
        scale, least = np.float16(rng.uniform(0.01, 0.1)), np.float16(rng.uniform(-1, 0))
        steps = rng.integers(0, 16, 32)
        packed = bytes(
            int(low) | int(high) << 4 for low, high in zip(*np.split(steps, 2), strict=True)
        )
        content += scale.tobytes() + least.tobytes() + packed
        values.append(np.float32(scale) * steps.astype(np.float32) + np.float32(least))
    return content, np.array(values).reshape(rows, columns)


def q8_0(values: Any) -> bytes:
    """Return the bytes that ggml's reference writes for *values*, one number after the other."""
    content = b""
    for block in np.asarray(values, np.float32).reshape(-1, 32):
        scale = np.float32(max(abs(block)) / np.float32(127))
        inverse = np.float32(1) / scale if scale else np.float32(0)
        scaled = [np.float32(value * inverse) for value in block]
        steps = [int(each + (0.5 if each >= 0 else -0.5)) for each in scaled]
        content += np.float16(scale).tobytes() + struct.pack("32b", *steps)
    return content


def half(content: bytes, at: int) -> Any:
    """Return the half-precision number at byte *at*, in single precision."""
    return np.float32(np.frombuffer(content, np.float16, 1, at)[0])


def q5_0_value(block: bytes, i: int) -> Any:
    """Return value *i* of a block of 22 bytes."""
    packed = block[6 + i % 16]
    low = packed & 15 if i < 16 else packed >> 4
    fifth = int.from_bytes(block[2:6], "little") >> i & 1
    return half(block, 0) * np.float32((low | fifth << 4) - 16)


def q4_k_value(block: bytes, i: int) -> Any:
    """Return value *i* of a block of 144 bytes."""
    group, shares = i // 32, block[4:16]
    if group < 4:
        scale, least = shares[group] & 63, shares[group + 4] & 63
    else:
        scale = shares[group + 4] & 15 | shares[group - 4] >> 6 << 4
        least = shares[group + 4] >> 4 | shares[group] >> 6 << 4
    packed = block[16 + i // 64 * 32 + i % 32]
    step = packed >> 4 if group % 2 else packed & 15
    scaled = half(block, 0) * np.float32(scale) * np.float32(step)
    return scaled - half(block, 2) * np.float32(least)


def q6_k_value(block: bytes, i: int) -> Any:
    """Return value *i* of a block of 210 bytes."""
    part, place = divmod(i, 128)
    packed = block[part * 64 + place % 64]
    low = packed >> 4 if place >= 64 else packed & 15
    high = block[128 + part * 32 + place % 32] >> (place // 32 * 2) & 3
    scale = int.from_bytes(block[192 + i // 16 : 193 + i // 16], "little", signed=True)
    return half(block, 208) * np.float32(scale) * np.float32((low | high << 4) - 32)


def tiny_pair(folder: Path, seed: int = 0) -> tuple[Path, Path, bytes]:
    """Write a base and an adapter for one matrix; return them and the merged matrix in Q8_0.

    The base holds a vector, a matrix in Q4_1 that is changed and one in Q8_0 that is not.
    """
    rng = np.random.default_rng(seed)
    packed, values = q4_1(rng, rows=8, columns=64)
    table = q8_0(rng.normal(size=(4, 64)))
    base = write_gguf(
        folder / "base.gguf",
        base_metadata(),
        {
            "token_embd.weight": (Q8_0, (64, 4), table),
            "blk.0.attn_norm.weight": (F32, (64,), np.ones(64, np.float32).tobytes()),
            "blk.0.attn_q.weight": (Q4_1, (64, 8), packed),
        },
    )
    a = rng.normal(size=(2, 64)).astype(np.float16)
    b = rng.normal(size=(8, 2)).astype(np.float16)
    adapter = write_gguf(
        folder / "adapter.gguf",
        adapter_metadata(alpha=4.0),
        {
            "blk.0.attn_q.weight.lora_a": (F16, (64, 2), a.tobytes()),
            "blk.0.attn_q.weight.lora_b": (F16, (2, 8), b.tobytes()),
        },
    )
    # alpha 4 over rank 2 is a strength of 2.
    merged = values + 2.0 * (b.astype(np.float64) @ a.astype(np.float64))
    return base, adapter, q8_0(merged)
