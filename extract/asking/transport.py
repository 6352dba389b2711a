"""How bytes travel: aiohttp below the HTTP client, which costs a fifth of its own transport.

Calling a server that answers at once, the client's own transport takes more time than the rest
of a call together. What a caller sees is the same: its requests, responses and exceptions.

Not here: proxies. Where one is set in the environment the client's own transport is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

if TYPE_CHECKING:
    import httpx2

PIECE = 65_536


def quick_transport(connections: int, *, is_secure: bool) -> httpx2.AsyncBaseTransport | None:
    """Return a transport of aiohttp; None where only the client's own will do."""
    if getproxies():
        return None
    try:
        import aiohttp
    except ImportError:
        return None
    import httpx2

    # Made now and not in the first call, whose time it would take.
    trusted = httpx2.create_ssl_context() if is_secure else False

    class Body(httpx2.AsyncByteStream):
        def __init__(self, answer: aiohttp.ClientResponse) -> None:
            self._answer = answer

        async def __aiter__(self) -> AsyncIterator[bytes]:
            with _as_httpx2():
                async for piece in self._answer.content.iter_chunked(PIECE):
                    yield piece

        async def aclose(self) -> None:
            if self._answer.content.at_eof():
                self._answer.release()
            else:
                self._answer.close()

    class Quick(httpx2.AsyncBaseTransport):
        def __init__(self) -> None:
            self._session: aiohttp.ClientSession | None = None

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if self._session is None:
                self._session = _session(connections, trusted)
            limits = request.extensions.get("timeout", {})
            with _as_httpx2():
                answer = await self._session.request(
                    request.method,
                    str(request.url),
                    headers=request.headers.multi_items(),
                    data=await request.aread(),
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(
                        total=None,
                        connect=limits.get("pool"),
                        sock_connect=limits.get("connect"),
                        sock_read=limits.get("read"),
                    ),
                )
            return httpx2.Response(answer.status, headers=answer.raw_headers, stream=Body(answer))

        async def aclose(self) -> None:
            if self._session is not None:
                await self._session.close()

    return Quick()


def _session(connections: int, trusted: Any) -> Any:
    """Return the session: no cookies, nothing unpacked, the trust store of the HTTP client."""
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=trusted or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    )


@contextmanager
def _as_httpx2() -> Iterator[None]:
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
