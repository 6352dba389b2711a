"""Where things lie in a GGUF file: the metadata as it is, and each tensor's place.

The metadata is kept as bytes, so that a file can be written anew without understanding all of
it; of its values only single numbers and words are read. Nothing of a tensor is read here.

The files are ours or have been compared with a hash. What is cut or malformed all the same is a
`ModelError`. Big-endian files are not read.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from extract.errors import ModelError
from extract.local.gguf import MAGIC, check_gguf

DEFAULT_ALIGNMENT = 32

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_SCALARS[12] = "d"
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: its sizes, the one along memory first, and where its bytes begin.

    `type` is ggml's number; how many bytes there are follows from it (`quants`).
    """

    name: str
    sizes: tuple[int, ...]
    type: int
    begin: int

    @property
    def columns(self) -> int:
        """How many values lie in one row."""
        return self.sizes[0]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return math.prod(self.sizes[1:])


@dataclass(frozen=True, slots=True)
class Layout:
    """A GGUF file without its tensors' values."""

    version: int
    metadata: bytes
    metadata_count: int
    values: Mapping[str, int | float | str]
    tensors: tuple[Tensor, ...]

    @property
    def alignment(self) -> int:
        """The number that every tensor's place is a multiple of."""
        return int(self.values.get("general.alignment", DEFAULT_ALIGNMENT))


def read_layout(path: Path) -> Layout:
    """Return the layout of the GGUF file *path*; `ModelError` where it has none."""
    check_gguf(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            return _Reader(content).layout()
        except (struct.error, KeyError, UnicodeDecodeError) as error:
            raise ModelError(
                f"{path} is cut or malformed ({error})",
                hint="Remove the file; if it was fetched, it is fetched again.",
            ) from error


def header(layout: Layout, types: Mapping[str, int], places: Mapping[str, int]) -> bytes:
    """Return the head of a file like *layout*, its tensors of other *types* at other *places*.

    Places count from the first byte after the head, which is padded to the alignment.
    """
    head = [MAGIC, struct.pack("<IQQ", layout.version, len(layout.tensors), layout.metadata_count)]
    head.append(layout.metadata)
    for tensor in layout.tensors:
        name = tensor.name.encode()
        head.append(struct.pack("<Q", len(name)) + name)
        head.append(struct.pack(f"<I{len(tensor.sizes)}Q", len(tensor.sizes), *tensor.sizes))
        head.append(struct.pack("<IQ", types[tensor.name], places[tensor.name]))
    joined = b"".join(head)
    return joined + bytes(-len(joined) % layout.alignment)


class _Reader:
    """Reads the head of a file from its first byte on."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content = content
        self.at = len(MAGIC)

    def layout(self) -> Layout:
        version, tensor_count, metadata_count = self.take("<IQQ")
        begin = self.at
        values: dict[str, int | float | str] = {}
        for _ in range(metadata_count):
            key = self.string()
            value = self.value(self.take("<I")[0])
            if value is not None:
                values[key] = value
        metadata = self.content[begin : self.at]
        found = [self.tensor() for _ in range(tensor_count)]
        alignment = int(values.get("general.alignment", DEFAULT_ALIGNMENT))
        first = self.at + -self.at % alignment
        tensors = tuple(Tensor(name, sizes, kind, first + at) for name, sizes, kind, at in found)
        return Layout(version, metadata, metadata_count, values, tensors)

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self.string()
        sizes = self.take(f"<{self.take('<I')[0]}Q")
        kind, place = self.take("<IQ")
        return name, sizes, kind, place

    def value(self, kind: int) -> int | float | str | None:
        """Return one value; None for a list, which is passed over."""
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            number: int | float = self.take(f"<{_SCALARS[kind]}")[0]
            return number
        inner, count = self.take("<IQ")
        if inner in _SCALARS:
            self.at += struct.calcsize(f"<{_SCALARS[inner]}") * count
        else:
            for _ in range(count):
                self.value(inner)
        return None

    def string(self) -> str:
        length = self.take("<Q")[0]
        text = self.content[self.at : self.at + length]
        if len(text) != length:
            raise struct.error("it ends within a name")
        self.at += length
        return text.decode()

    def take(self, form: str) -> tuple[int, ...]:
        """Return the numbers of *form* that come next."""
        numbers = struct.unpack_from(form, self.content, self.at)
        self.at += struct.calcsize(form)
        return numbers
