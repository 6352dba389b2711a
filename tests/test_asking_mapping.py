"""Other libraries' exceptions, as our own faults."""

from __future__ import annotations

import errno
import inspect
from types import ModuleType
from typing import Any

import httpx2
import openai
import pytest
from pydantic import SecretStr

from extract.asking import Endpoint
from extract.asking.mapping import MEANINGS, _meaning_of, mapped
from extract.asking.statuses import fault_of_status, retry_after_s

ENDPOINT = Endpoint("openai", "m", "http://host/v1", SecretStr("sk-canary-5f1d0c7e9b42"))

OPENAI = [
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "ContentFilterFinishReasonError",
    "InternalServerError",
    "LengthFinishReasonError",
    "NotFoundError",
    "OAuthError",
    "OpenAIError",
    "PermissionDeniedError",
    "RateLimitError",
    "UnprocessableEntityError",
    "WebSocketQueueFullError",
    "WebSocketConnectionClosedError",
]
HTTPX2 = [
    "CloseError",
    "ConnectError",
    "ConnectTimeout",
    "DecodingError",
    "HTTPError",
    "HTTPStatusError",
    "InvalidURL",
    "LocalProtocolError",
    "NetworkError",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "RequestError",
    "RequestNotRead",
    "ResponseNotRead",
    "StreamClosed",
    "StreamConsumed",
    "StreamError",
    "TimeoutException",
    "TooManyRedirects",
    "TransportError",
    "SSEError",
    "UnsupportedProtocol",
    "WriteError",
    "WriteTimeout",
]
NEVER_OF_A_CALL = {"InvalidWebhookSignatureError", "CookieConflict"}


def exceptions_of(module: ModuleType) -> dict[str, type[BaseException]]:
    """Return the exception classes that *module* exports."""
    exported = {name: getattr(module, name) for name in module.__all__}
    return {
        name: value
        for name, value in exported.items()
        if inspect.isclass(value)
        and issubclass(value, Exception)
        and not issubclass(value, Warning)
        and not name.startswith("_")
    }


@pytest.mark.parametrize(("module", "known"), [(openai, OPENAI), (httpx2, HTTPX2)])
def test_every_exception_of_a_library_is_known(module: ModuleType, known: list[str]):
    """A new one fails here: look at it, and say in `MEANINGS` what it means."""
    found = set(exceptions_of(module)) - NEVER_OF_A_CALL

    assert sorted(known) == sorted(found)


@pytest.mark.parametrize("module", [openai, httpx2])
def test_every_exception_of_a_library_means_something(module: ModuleType):
    """The nearest known ancestor says what."""
    classes = exceptions_of(module)
    without = [
        name
        for name, cls in classes.items()
        if name not in NEVER_OF_A_CALL and _meaning_of(cls.__new__(cls)) is None
    ]

    assert [] == without


def test_an_exception_that_nobody_knows_stays_what_it_is():
    """A bug is not a fault of the transport."""
    with pytest.raises(ZeroDivisionError):
        mapped(ZeroDivisionError("bug"), ENDPOINT)


def test_the_innermost_cause_says_what_happened():
    """`APIConnectionError` says `Connection error.`; what it was raised from says more."""
    request = httpx2.Request("POST", "http://host/v1")
    outer = openai.APIConnectionError(request=request)
    outer.__cause__ = httpx2.ConnectError("[Errno 111] refused")
    fault = mapped(outer, ENDPOINT)

    assert "openai at host cannot be reached: ConnectError: [Errno 111] refused" == fault.message
    assert fault.stops_only_first


def test_no_more_open_files_is_told_from_an_unreachable_server():
    """By the error number at the end of the chain."""
    outer = httpx2.ConnectError("failed")
    outer.__cause__ = OSError(errno.EMFILE, "Too many open files")
    fault = mapped(outer, ENDPOINT)

    assert (True, None, "transport") == (fault.wants_fewer, fault.stops, fault.failure_class)


def test_no_object_of_a_library_is_kept():
    """It holds the request's headers; the words are kept, without the key."""
    request = httpx2.Request("POST", "http://host", headers={"authorization": "Bearer x"})
    response = httpx2.Response(
        401, request=request, json={"error": {"message": "bad key sk-canary-5f1d0c7e9b42"}}
    )
    fault = mapped(openai.AuthenticationError("bad", response=response, body=None), ENDPOINT)

    assert "AuthenticationError: bad" == str(fault.__cause__)
    assert fault.__context__ is None
    assert "rejected the key (401): bad key [key]" in str(fault.stops)


def test_the_meanings_are_all_in_use():
    """A word that no fault is made for would be a fault of the transport by accident."""
    assert {
        "status", "key", "timeout", "connection", "envelope", "truncated", "filtered",
        "crowded", "unreachable", "setup", "too_large",
    } == set(MEANINGS.values())  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "failure_class", "tries"),
    [
        (408, b"{}", "server_error", 5),
        (409, b"{}", "server_error", 5),
        (529, b'{"type":"error","error":{"type":"overloaded_error"}}', "server_error", 5),
        (413, b"payload too large", "too_long", 1),
        (400, b'{"error":{"message":"prompt is too long: 9 tokens"}}', "too_long", 1),
        (400, b'{"error":{"code":"content_filter","message":"x"}}', "filtered", 1),
        (403, b'{"error":{"message":"Input was flagged by moderation"}}', "filtered", 1),
        (400, b'{"error":{"message":"odd"}}', "bad_request", 1),
        (418, b"[]", "bad_request", 1),
        (500, b"\xff\xfe", "server_error", 5),
    ],
)
def test_a_status_and_its_words_say_whose_fault_it_is(
    status: int, body: bytes, failure_class: str, tries: int
):
    """Providers say the same thing in many ways."""
    fault = fault_of_status(status, body, {}, ENDPOINT)

    assert (failure_class, tries, None) == (fault.failure_class, fault.tries, fault.stops)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        (
            {
                "retry-after": "Mon, 23 Nov 2026 10:00:07 GMT",
                "date": "Mon, 23 Nov 2026 10:00:00 GMT",
            },
            7.0,
        ),
        ({"retry-after": "Mon, 23 Nov 2020 10:00:00 GMT"}, 0.0),
    ],
)
def test_a_wait_is_read_in_every_form_that_it_comes_in(
    headers: dict[str, Any], wait_s: float | None
):
    """Garbage is no wait."""
    assert wait_s == retry_after_s(headers)
