"""How bytes travel: aiohttp below the HTTP client, which costs a fifth of its own transport.

Calling a server that answers at once, the client's own transport takes more time than the rest
of a call together. What a caller sees is the same: its requests, responses and exceptions.

Not here: proxies. Where one is set in the environment the client's own transport is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

if TYPE_CHECKING:
    import aiohttp
    import httpx2
    from yarl import URL

PIECE = 65_536


class Wire:
    """Connections of aiohttp, as many as calls run together; its session is made by the first."""

    def __init__(self, connections: int, trusted: Any) -> None:
        self._connections, self._trusted = connections, trusted
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self,
        method: str,
        url: str | URL,
        headers: Iterable[tuple[str, str]] | Mapping[str, str],
        body: bytes,
        limits: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """Send a request and return the answer once its headers are there."""
        if self._session is None:
            self._session = _session(self._connections, self._trusted)
        return await self._session.request(
            method, url, headers=headers, data=body, allow_redirects=False, timeout=limits
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def open_wire(connections: int, *, is_secure: bool) -> Wire | None:
    """Return connections of aiohttp; None where only the client's own transport will do."""
    if getproxies():
        return None
    try:
        import aiohttp  # noqa: F401  # known to be there from here on
    except ImportError:
        return None
    import httpx2

    # Made now and not in the first call, whose time it would take.
    return Wire(connections, httpx2.create_ssl_context() if is_secure else False)


def transport_over(wire: Wire) -> httpx2.AsyncBaseTransport:
    """Return the HTTP client's transport over *wire*, which it closes."""
    import httpx2

    class Body(httpx2.AsyncByteStream):
        def __init__(self, answer: aiohttp.ClientResponse) -> None:
            self._answer = answer

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in pieces(self._answer):
                yield piece

        async def aclose(self) -> None:
            release(self._answer)

    class OverWire(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            limits = wire_limits(request.extensions.get("timeout", {}))
            headers = request.headers.multi_items()
            body = await request.aread()
            with as_httpx2():
                answer = await wire.send(request.method, str(request.url), headers, body, limits)
            return httpx2.Response(answer.status, headers=answer.raw_headers, stream=Body(answer))

        async def aclose(self) -> None:
            await wire.close()

    return OverWire()


async def pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the body as it comes in."""
    with as_httpx2():
        async for piece in answer.content.iter_chunked(PIECE):
            yield piece


def release(answer: aiohttp.ClientResponse) -> None:
    """Let the connection go: to the next call where the whole body was read, else for good."""
    if answer.content.at_eof():
        answer.release()
    else:
        answer.close()


def wire_limits(limits: Mapping[str, float | None]) -> aiohttp.ClientTimeout:
    """Return the HTTP client's time limits in the words of aiohttp."""
    import aiohttp

    return aiohttp.ClientTimeout(
        total=None,
        connect=limits.get("pool"),
        sock_connect=limits.get("connect"),
        sock_read=limits.get("read"),
    )


def _session(connections: int, trusted: Any) -> aiohttp.ClientSession:
    """Return the session: no cookies, nothing unpacked, the trust store of the HTTP client."""
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=trusted or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    )


@contextmanager
def as_httpx2() -> Iterator[None]:
    """Raise what aiohttp raises as the HTTP client's own, which is known further up."""
    import aiohttp
    import httpx2

    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx2.ConnectTimeout(str(error)) from error
    except TimeoutError as error:
        raise httpx2.ReadTimeout(str(error)) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx2.ConnectError(str(error)) from error
    except aiohttp.ClientOSError as error:
        raise httpx2.ReadError(str(error)) from error
    except aiohttp.InvalidURL as error:
        raise httpx2.UnsupportedProtocol(str(error)) from error
    except aiohttp.ClientError as error:
        raise httpx2.RemoteProtocolError(str(error)) from error
