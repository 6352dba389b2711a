"""One body out, one answer back: over aiohttp itself where it carries the HTTP client's calls.

The client's request and response objects cost twice what the call does, and nobody looks at
them. The address and the headers are still the client's: they are taken from one request of its
making, for each path once.

Not here: what an answer means (`call`), and whose transport there is (`transport`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extract.asking.bounded import bounded
from extract.asking.transport import Wire, as_httpx2, pieces, release, wire_limits

if TYPE_CHECKING:
    import httpx2
    from aiohttp import ClientTimeout
    from multidict import CIMultiDict
    from yarl import URL

HearHeaders = Callable[[Mapping[str, str]], None]

JSON = {"accept": "application/json", "content-type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back, its body decoded; the headers are found by name in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Address:
    """Where a path is, and what every request to it says."""

    url: URL
    headers: CIMultiDict[str]
    limits: ClientTimeout


class Sender:
    """Sends bodies to one endpoint, bounded as its client's answers are.

    *http* is the endpoint's client, *wire* what carries it; None where its own transport does.
    """

    def __init__(
        self, http: httpx2.AsyncClient, wire: Wire | None, max_bytes: int, hear: HearHeaders | None
    ) -> None:
        self._http, self._wire = http, wire
        self._max_bytes, self._hear = max_bytes, hear
        self._addresses: dict[str, Address] = {}

    async def post(self, path: str, body: bytes) -> Answer:
        """Send *body* and return the answer, whatever its status."""
        if self._wire is None:
            response = await self._http.post(path, content=body, headers=JSON)
            return Answer(response.status_code, response.headers, response.content)
        to = self._addresses.get(path) or self._address(path)
        with as_httpx2():
            answer = await self._wire.send("POST", to.url, to.headers, body, to.limits)
        try:
            if self._hear is not None:
                self._hear(answer.headers)
            encoding = answer.headers.get("content-encoding", "identity")
            parts = [p async for p in bounded(pieces(answer), encoding, self._max_bytes)]
        finally:
            release(answer)
        return Answer(answer.status, answer.headers, b"".join(parts))

    def _address(self, path: str) -> Address:
        """Return what the client would send to *path*, without the length of a body."""
        from multidict import CIMultiDict
        from yarl import URL

        request = self._http.build_request("POST", path, content=b"{}", headers=JSON)
        headers = CIMultiDict(request.headers.multi_items())
        del headers["content-length"]
        limits = wire_limits(request.extensions["timeout"])
        with as_httpx2():
            self._addresses[path] = Address(URL(str(request.url)), headers, limits)
        return self._addresses[path]
