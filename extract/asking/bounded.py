"""A body that may not grow beyond a limit while it is decoded.

A server may send 300 kB that unpack to 300 MB; a client that reads first and looks later has
them all in memory. Here a body is unpacked piece by piece, and the piece that goes over the
limit ends the call. Works as a response hook too, so that proxies and transports stay the
client's.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from httpx2 import Response

ENCODINGS = "gzip, deflate"
PIECE = 65_536
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class BodyTooLarge(Exception):
    """The decoded body is over the limit."""


class BodyUnreadable(Exception):
    """The body's encoding is unknown, or its bytes are not in it."""


def bounding_hook(max_bytes: int, library: str = "httpx2") -> Callable[[Response], Awaitable[None]]:
    """Return a response hook that replaces the body's stream by a bounded, decoded one.

    *library* is the one whose responses they are: httpx, below some SDKs, has the same classes.
    """
    stream: Any = import_module(library).AsyncByteStream

    class Bounded(stream):  # type: ignore[misc]  # known when the library is
        def __init__(self, inner: Any, encoding: str) -> None:
            self._inner = inner
            self._encoding = encoding

        def __aiter__(self) -> AsyncIterator[bytes]:
            return bounded(self._inner, self._encoding, max_bytes)

        async def aclose(self) -> None:
            await self._inner.aclose()

    async def bound(response: Response) -> None:
        encoding = response.headers.pop("content-encoding", "identity")
        response.stream = Bounded(response.stream, encoding)

    return bound


async def bounded(raw: AsyncIterable[bytes], encoding: str, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the decoded pieces of *raw*; raise before the one that is over the limit.

    *encoding* is what the header says.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", "deflate"):
        raise BodyUnreadable(f"the body is encoded as {encoding!r}, which was not asked for")
    left = max_bytes
    decoder = None if encoding == "identity" else zlib.decompressobj(_GZIP_OR_ZLIB)
    async for chunk in raw:
        for piece in [chunk] if decoder is None else _pieces(decoder, chunk):
            left -= len(piece)
            if left < 0:
                raise BodyTooLarge(f"the answer is over {max_bytes:,} bytes")
            yield piece
    if decoder is not None and not decoder.eof:
        raise BodyUnreadable("the compressed body ends too soon")


def _pieces(decoder: zlib._Decompress, chunk: bytes) -> Iterator[bytes]:
    """Unpack *chunk* a bounded piece at a time."""
    try:
        while chunk:
            yield decoder.decompress(chunk, PIECE)
            chunk = decoder.unconsumed_tail
    except zlib.error as error:
        raise BodyUnreadable(f"the compressed body is damaged: {error}") from None
