"""The client of an endpoint: one per run, without retries, redirects or unbounded answers.

Whatever speaks OpenAI's protocol is called with the SDK's client directly. For the others
instructor builds the client, from their own SDK.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from extract.asking.bounded import ENCODINGS, bounding_hook
from extract.asking.endpoint import Endpoint, Limits
from extract.asking.errors import KeyRejected
from extract.asking.sending import HearHeaders, Sender
from extract.asking.transport import Wire, open_wire, transport_over
from extract.errors import InputError

if TYPE_CHECKING:
    import httpx2

CONNECT_TIMEOUT_S = 10.0
NO_KEY = "none-needed"


@dataclass(frozen=True, repr=False)
class Line:
    """A client that is connected to an endpoint.

    `sender` is what questions are sent with, to the client's address and with its key. A wrapped
    client is another SDK's, inside instructor's: it is asked through instructor.
    """

    endpoint: Endpoint
    client: Any
    sender: Sender | None = None
    is_wrapped: bool = False

    async def close(self) -> None:
        """Close the connections."""
        inner = getattr(self.client, "client", None) if self.is_wrapped else self.client
        inner = getattr(inner, "aio", inner)  # Google's has its asynchronous half there
        close = getattr(inner, "aclose", None) or getattr(inner, "close", None)
        if close is not None and isawaitable(closing := close()):
            await closing


def open_line(endpoint: Endpoint, limits: Limits, heard: HearHeaders | None = None) -> Line:
    """Return the line to *endpoint*; a `KeyRejected` where it needs a key and has none.

    *heard* is called with the headers of every answer, before its body is read.
    """
    # Without a handler Python prints their errors, papers included, to stderr.
    for name in ("instructor", "openai", "httpx2"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    if not endpoint.is_openai_protocol:
        return _line_by_instructor(endpoint, limits, heard)
    from openai import AsyncOpenAI

    if endpoint.api_key is None and endpoint.base_url is None and endpoint.kind.key_variables:
        raise KeyRejected(
            f"there is no key for {endpoint.place}",
            hint=f"Set {endpoint.key_variable}, or name a server with --base-url.",
        )
    is_secure = (endpoint.url or "").startswith("https:")
    wire = open_wire(max(1, limits.concurrency), is_secure=is_secure)
    http = _http_client(endpoint, limits, heard, wire)
    client = AsyncOpenAI(
        # Never None: the SDK would take OPENAI_API_KEY and send it to any base URL.
        api_key=endpoint.secret() or NO_KEY,
        base_url=endpoint.url,
        max_retries=0,
        timeout=_timeout(limits),
        http_client=http,
    )
    return Line(endpoint, client, Sender(http, wire, limits.max_response_bytes, heard))


def _line_by_instructor(endpoint: Endpoint, limits: Limits, heard: HearHeaders | None) -> Line:
    """Let instructor build the client, from the provider's own SDK."""
    import instructor

    key: dict[str, Any] = {"api_key": endpoint.secret()} if endpoint.api_key else {}
    name = f"{endpoint.provider}/{endpoint.model}"
    client = instructor.from_provider(name, async_client=True, mode=wrapped_mode(endpoint), **key)
    _tame(getattr(client, "client", None), endpoint, limits, heard)
    return Line(endpoint, client, is_wrapped=True)


def wrapped_mode(endpoint: Endpoint) -> Any:
    """Return instructor's mode for a provider that it speaks to."""
    from instructor import Mode

    mode = endpoint.answer_mode
    if mode not in endpoint.kind.modes:
        raise InputError(
            f"{endpoint.place} does not take the mode {mode}",
            hint=f"It takes: {', '.join(endpoint.kind.modes)}.",
        )
    if mode == "tools":
        return Mode.TOOLS
    # Google's structured output is instructor's JSON there.
    return Mode.JSON if endpoint.kind.module == "google.genai" else Mode.JSON_SCHEMA


def _tame(client: Any, endpoint: Endpoint, limits: Limits, heard: HearHeaders | None) -> None:
    """Take from another SDK's client what ours does not have either.

    SDKs made by the generator of openai's share its attributes; instructor's builders do not
    pass them on. Google's has no retries of its own, Cohere's has them further inside. Others keep
    their ways: the outer time limit holds for them too.
    """
    import httpx2

    for name, value in (("max_retries", 0), ("base_url", endpoint.base_url)):
        if value is not None and hasattr(client, name):
            setattr(client, name, value)
    wrapper: Any = getattr(client, "_client_wrapper", None)
    if endpoint.base_url is not None and hasattr(wrapper, "_base_url"):
        wrapper._base_url = endpoint.base_url
    sending: Any = getattr(wrapper, "httpx_client", None)
    if hasattr(sending, "base_max_retries"):
        sending.base_max_retries = 0
    google: Any = getattr(getattr(client, "aio", client), "_api_client", None)
    if hasattr(google, "_async_httpx_client"):
        # Its own makes another client for each event loop, from what it was made with itself, and
        # aiohttp is preferred to it where that is installed: nothing set below would reach either.
        google._use_aiohttp = lambda: False
        made_of = _async_client_of(google._async_httpx_client) or httpx2.AsyncClient
        google._async_httpx_client = made_of()
    http = _http_within(client)
    if hasattr(http, "follow_redirects"):
        http.follow_redirects = False
    if (made_of := _async_client_of(http)) is not None:
        http.headers["accept-encoding"] = ENCODINGS
        library = made_of.__module__.partition(".")[0]
        http.event_hooks = {"response": _hooks(limits, heard, library)}


def _async_client_of(client: Any) -> Any:
    """Return the class of httpx2 or httpx that *client* is made of; None for anything else."""
    for each in type(client).__mro__:
        if each.__name__ == "AsyncClient" and each.__module__.startswith("httpx"):
            return each
    return None


def _http_within(client: Any) -> Any:
    """Return the HTTP client of another SDK's client, None where it is in no known place."""
    for path in (
        ("_client",),
        ("aio", "_api_client", "_async_httpx_client"),
        ("_api_client", "_async_httpx_client"),
        ("_client_wrapper", "httpx_client", "httpx_client"),
    ):
        found = client
        for name in path:
            found = getattr(found, name, None)
        if found is not None:
            return found
    return None


def _http_client(
    endpoint: Endpoint, limits: Limits, heard: HearHeaders | None, wire: Wire | None
) -> httpx2.AsyncClient:
    """Return the HTTP client: bounded bodies, no redirects, no more connections than calls."""
    import httpx2

    return httpx2.AsyncClient(
        base_url=endpoint.url or "",
        follow_redirects=False,
        timeout=_timeout(limits),
        limits=httpx2.Limits(max_connections=max(1, limits.concurrency)),
        headers={
            "accept-encoding": ENCODINGS,
            # Never left out: the SDK would take OPENAI_API_KEY and send it to any base URL.
            "authorization": f"Bearer {endpoint.secret() or NO_KEY}",
            "user-agent": "paperfacts",
        },
        event_hooks={"response": _hooks(limits, heard)},
        trust_env=not endpoint.is_loopback,  # proxies
        # Made here: without trust_env the client would not read SSL_CERT_FILE either.
        verify=True if wire else httpx2.create_ssl_context(),
        transport=transport_over(wire) if wire else None,
    )


def _hooks(limits: Limits, heard: HearHeaders | None, library: str = "httpx2") -> list[Any]:
    """Return what looks at every answer: its headers, and the size of its body."""
    bound = bounding_hook(limits.max_response_bytes, library)
    if heard is None:
        return [bound]

    async def tell(response: httpx2.Response) -> None:
        heard(response.headers)

    return [tell, bound]


def _timeout(limits: Limits) -> httpx2.Timeout:
    import httpx2

    # A little longer than our own limit on the whole call, which is to be the one that ends it.
    wait_s = limits.call_timeout_s + 1
    return httpx2.Timeout(wait_s, connect=min(wait_s, CONNECT_TIMEOUT_S))
