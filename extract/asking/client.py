"""The client of an endpoint: one per run, without retries, redirects or unbounded answers.

Whatever speaks OpenAI's protocol is called with the SDK's client directly. For other names
instructor builds the client: it knows their addresses and variables. Where that turns out to be
an OpenAI client too, it is called the same way.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extract.asking.bounded import ENCODINGS, bounding_hook
from extract.asking.endpoint import OPENAI_URL, Endpoint, Limits
from extract.asking.errors import KeyRejected

if TYPE_CHECKING:
    import httpx2

CONNECT_TIMEOUT_S = 10.0
NO_KEY = "none-needed"


@dataclass(frozen=True, repr=False)
class Line:
    """A client that is connected to an endpoint.

    A wrapped client is another SDK's, inside instructor's: it is asked through instructor.
    """

    endpoint: Endpoint
    client: Any
    is_wrapped: bool = False

    async def close(self) -> None:
        """Close the connections."""
        inner = getattr(self.client, "client", None) if self.is_wrapped else self.client
        if close := getattr(inner, "close", None):
            await close()


def open_line(endpoint: Endpoint, limits: Limits) -> Line:
    """Return the line to *endpoint*; a `KeyRejected` where it needs a key and has none."""
    # Without a handler Python prints their errors, papers included, to stderr.
    for name in ("instructor", "openai", "httpx2"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    if not endpoint.is_openai_protocol:
        return _line_by_instructor(endpoint, limits)
    from openai import AsyncOpenAI

    if endpoint.api_key is None and endpoint.base_url is None:
        raise KeyRejected(
            f"there is no key for {endpoint.place}",
            hint=f"Set {endpoint.key_variable}, or name a server with --base-url.",
        )
    client = AsyncOpenAI(
        # Never None: the SDK would take OPENAI_API_KEY and send it to any base URL.
        api_key=endpoint.secret() or NO_KEY,
        base_url=endpoint.base_url or OPENAI_URL,
        max_retries=0,
        timeout=_timeout(limits),
        http_client=_http_client(endpoint, limits),
    )
    return Line(endpoint, client)


def _line_by_instructor(endpoint: Endpoint, limits: Limits) -> Line:
    """Let instructor build the client; unwrapped where it is OpenAI's."""
    import instructor
    from openai import AsyncOpenAI

    key: dict[str, Any] = {"api_key": endpoint.secret()} if endpoint.api_key else {}
    name = f"{endpoint.provider}/{endpoint.model}"
    wrapped = instructor.from_provider(name, async_client=True, **key)
    inner: Any = getattr(wrapped, "client", None)
    if not isinstance(inner, AsyncOpenAI):
        _tame(inner, endpoint, limits)
        return Line(endpoint, wrapped, is_wrapped=True)
    options: dict[str, Any] = {"base_url": endpoint.base_url} if endpoint.base_url else {}
    client = inner.with_options(
        max_retries=0,
        timeout=_timeout(limits),
        http_client=_http_client(endpoint, limits),
        **options,
    )
    return Line(endpoint, client)


def _tame(client: Any, endpoint: Endpoint, limits: Limits) -> None:
    """Take from another SDK's client what ours does not have either.

    SDKs made by the generator of openai's share its attributes; instructor's builders do not
    pass them on. Others keep their ways: the outer time limit holds for them too.
    """
    import httpx2

    for name, value in (("max_retries", 0), ("base_url", endpoint.base_url)):
        if value is not None and hasattr(client, name):
            setattr(client, name, value)
    http = getattr(client, "_client", None)
    if isinstance(http, httpx2.AsyncClient):
        http.follow_redirects = False
        http.headers["accept-encoding"] = ENCODINGS
        http.event_hooks = {"response": [bounding_hook(limits.max_response_bytes)]}


def _http_client(endpoint: Endpoint, limits: Limits) -> httpx2.AsyncClient:
    """Return the HTTP client: bounded bodies, no redirects, no more connections than calls."""
    import httpx2

    return httpx2.AsyncClient(
        follow_redirects=False,
        timeout=_timeout(limits),
        limits=httpx2.Limits(max_connections=max(1, limits.concurrency)),
        headers={"accept-encoding": ENCODINGS},
        event_hooks={"response": [bounding_hook(limits.max_response_bytes)]},
        trust_env=not endpoint.is_loopback,
    )


def _timeout(limits: Limits) -> httpx2.Timeout:
    import httpx2

    # A little longer than our own limit on the whole call, which is to be the one that ends it.
    wait_s = limits.call_timeout_s + 1
    return httpx2.Timeout(wait_s, connect=min(wait_s, CONNECT_TIMEOUT_S))
