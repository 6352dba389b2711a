"""What other libraries raise, as our own faults: the one place that knows their exceptions.

SDKs of other providers are made by the generator that made openai's: their classes have the
same names and attributes, and are known here by them. A test lists the classes of openai and
httpx2, so that a new one is noticed.

A fault's cause is a `LibraryError` in words. The library's own object is let go: it holds the
request's headers, key included, and its text may repeat the key.
"""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Iterator
from typing import Any

from extract.asking.endpoint import Endpoint
from extract.asking.errors import KeyRejected, Unreachable
from extract.asking.fault import Fault, LibraryError
from extract.asking.statuses import fault_of_status
from extract.asking.words import shown_words

#: What a class means, by its name; the nearest class of an exception's ancestry decides.
MEANINGS = {
    # openai and SDKs like it
    "APIStatusError": "status",
    "OAuthError": "key",
    "SubjectTokenProviderError": "key",
    "AuthenticationError": "status",
    "APITimeoutError": "timeout",
    "APIConnectionError": "connection",
    "APIResponseValidationError": "envelope",
    "LengthFinishReasonError": "truncated",
    "ContentFilterFinishReasonError": "filtered",
    "APIError": "connection",
    "OpenAIError": "setup",
    # httpx2, and httpx below older SDKs
    "TimeoutException": "timeout",
    "PoolTimeout": "crowded",
    "ConnectError": "unreachable",
    "ConnectTimeout": "unreachable",
    "ProxyError": "unreachable",
    "UnsupportedProtocol": "setup",
    "InvalidURL": "setup",
    "LocalProtocolError": "setup",
    "TooManyRedirects": "setup",
    "DecodingError": "envelope",
    "NetworkError": "connection",
    "ProtocolError": "connection",
    "TransportError": "connection",
    "RequestError": "connection",
    "HTTPStatusError": "status",
    "HTTPError": "connection",
    "StreamError": "connection",
    # Cohere's and others of its generator
    "ApiError": "status",
    # instructor, for the SDKs that only it can call
    "ConfigurationError": "setup",
    "IncompleteOutputException": "truncated",
    # ours, and Python's
    "BodyTooLarge": "too_large",
    "BodyUnreadable": "envelope",
    "TimeoutError": "timeout",
    "OSError": "connection",
}


def mapped(error: BaseException, endpoint: Endpoint) -> Fault:
    """Return the fault that *error* means; an exception that means nothing is raised again.

    The fault is to be raised outside of the `except` block, or Python keeps *error* as its
    context.
    """
    links = list(_chain(error))
    meaning, link = _meaning(links)
    key = endpoint.secret()
    if meaning is None:
        raise error
    if meaning == "status":
        links = [link]
        fault = fault_of_status(*_status_parts(link), endpoint)
    else:
        fault = _fault(meaning, _words(links, key), endpoint)
    if any(_is_out_of_files(each) for each in links):
        fault.wants_fewer, fault.stops = True, None
        fault.message = "too many open files: fewer calls at a time from here on"
        fault.is_the_providers = False
    fault.__cause__ = LibraryError(_words(links, key))
    return fault


def late(endpoint: Endpoint, limit_s: float) -> Fault:
    """Return the fault of a call that our own time limit ended."""
    message = f"{endpoint.place} gave no answer within {limit_s:.0f} s"
    return Fault("timeout", message, tries=2, is_the_providers=True, is_transient=True)


def _fault(meaning: str, words: str, endpoint: Endpoint) -> Fault:
    """Return the fault of an exception that no provider's answer stands behind."""
    place = endpoint.place
    if meaning == "timeout":
        message = f"{place} gave no answer in time"
        return Fault("timeout", message, tries=2, is_the_providers=True, is_transient=True)
    if meaning == "crowded":
        message = "no connection was free in time"
        return Fault(
            "transport", message, tries=5, wants_fewer=True, is_transient=True, was_sent=False
        )
    if meaning == "unreachable":
        return Fault(
            "transport",
            f"{place} cannot be reached: {words}",
            tries=5,
            stops=Unreachable(
                f"{place} cannot be reached: {words}",
                hint="Check the base URL, and whether the server is running.",
            ),
            stops_only_first=True,
            is_the_providers=True,
            is_transient=True,
            was_sent=False,
        )
    if meaning in ("setup", "key"):
        return _unusable(words, endpoint, is_key=meaning == "key" or "_KEY" in words)
    if meaning == "too_large":
        return Fault("too_large", f"the answer of {place} was refused: {words}")
    if meaning == "truncated":
        return Fault("truncated", "the answer was cut at the token limit", tries=2)
    if meaning == "filtered":
        return Fault("filtered", "the provider's content filter stopped the answer")
    if meaning == "envelope":
        return Fault("bad_envelope", f"the answer cannot be read: {words}", tries=2)
    message = f"the connection to {place} broke: {words}"
    return Fault("transport", message, tries=5, is_the_providers=True, is_transient=True)


def _unusable(words: str, endpoint: Endpoint, *, is_key: bool) -> Fault:
    """Return the fault of an endpoint that cannot be called as it is written down."""
    kind = KeyRejected if is_key else Unreachable
    stops = kind(
        f"{endpoint.place} cannot be called: {words}",
        hint=f"Check the model's name, the base URL and {endpoint.key_variable}.",
    )
    return Fault("bad_request", str(stops), stops=stops, was_sent=False)


def _meaning(links: list[BaseException]) -> tuple[str | None, BaseException]:
    """Return the most telling meaning in a chain: a status first, then the innermost cause.

    `APIConnectionError` says little; what it was raised from says whether anybody was there.
    """
    found = [(m, link) for link in links if (m := _meaning_of(link)) is not None]
    for meaning, link in found:
        if meaning == "status":
            return meaning, link
    telling = [each for each in found if each[0] != "connection"] or found
    return telling[-1] if telling else (None, links[0])


def _meaning_of(error: BaseException) -> str | None:
    """Return what the nearest known class of *error* means."""
    for ancestor in type(error).__mro__:
        if ancestor.__name__ == "APIError" and isinstance(getattr(error, "code", None), int):
            return "status"  # Google's, whose classes have the names of openai's
        if ancestor.__name__ in MEANINGS:
            return MEANINGS[ancestor.__name__]
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield *error* and what it was raised from, outermost first."""
    link: BaseException | None = error
    for _ in range(12):
        if link is None:
            return
        yield link
        link = link.__cause__ or link.__context__


def _status_parts(error: BaseException) -> tuple[int, bytes, dict[str, str]]:
    """Return status, body and headers of the answer behind *error*."""
    response: Any = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", 0)
    status = status or getattr(error, "code", 0)
    found = getattr(response, "headers", None) or getattr(error, "headers", None) or {}
    headers = {str(k).lower(): str(v) for k, v in dict(found).items()}
    # Cohere's and Google's errors have the document itself; Google's answer may be no httpx one.
    said: Any = getattr(error, "body", None) or getattr(error, "details", None) or str(error)
    try:
        body = response.content if response is not None else None
    except Exception:  # noqa: BLE001  # a body that could not be read raises a class of its library's
        body = str(error).encode("utf-8", "replace")
    if not isinstance(body, bytes):
        body = json.dumps(said, default=str).encode()
    return int(status or 0), body, headers


def _is_out_of_files(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


def _words(links: list[BaseException], key: str) -> str:
    """Return what happened in the words of the innermost cause that has any."""
    for link in reversed(links):
        if str(link) and not isinstance(link, asyncio.CancelledError):
            return shown_words(f"{type(link).__name__}: {link}", key)
    return type(links[-1]).__name__
