"""What an HTTP status and a provider's error body mean for one paper and for the run.

Errors also come with status 200, with the real code in the body, and a quota that is used up
comes as "too many requests", which waiting does not help. The body's words decide those.
"""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

from extract.asking.endpoint import Endpoint
from extract.asking.errors import (
    KeyRejected,
    ModelNotFound,
    QuotaExhausted,
    RedirectRefused,
    SchemaRefused,
)
from extract.asking.fault import RATE_LIMIT_TRIES, Fault
from extract.asking.words import error_of, shown_words
from extract.errors import ModelError

_QUOTA = re.compile(
    r"insufficient[_ ](quota|balance|credits?|funds)|billing|exceeded your current quota"
    r"|credit balance|payment required|out of credits",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context[_ ](length|size|window)|maximum context|too many (input )?tokens"
    r"|(prompt|input|request) (is|was) too (long|large)|exceeds? the (available )?context"
    r"|string_above_max_length|reduce the length",
    re.IGNORECASE,
)
_SCHEMA = re.compile(
    r"schema|response_format|tool_choice|\btools?\b|function\b|text\.format|structured output",
    re.IGNORECASE,
)
_FLAGGED = re.compile(
    r"content[_ ]?(filter|policy|management)|moderation|flagged|safety", re.IGNORECASE
)
_NO_MODEL = re.compile(
    r"model[_ ]not[_ ]found|model .{0,80}(does not exist|not found)", re.IGNORECASE
)
_KEY = re.compile(
    r"invalid[_ ]api[_ ]key|incorrect api key|authentication|unauthorized", re.IGNORECASE
)
_TOO_FAST = re.compile(r"rate[_ ]limit|too many requests|overloaded_?error", re.IGNORECASE)
_TRANSIENT = frozenset({408, 409, 425})


def fault_of_status(status: int, body: bytes, headers: dict[str, str], endpoint: Endpoint) -> Fault:
    """Return the fault of an answer that is no 2xx."""
    error, text = error_of(body)
    fault = _fault(status, error, text, headers, endpoint)
    fault.http_status = status
    fault.request_id = headers.get("x-request-id") or headers.get("request-id")
    return fault


def fault_in_body(document: dict[str, Any], endpoint: Endpoint) -> Fault | None:
    """Return the fault of an error that came with status 200; None where there is no error."""
    error = document.get("error")
    if not error:
        return None
    error = error if isinstance(error, dict) else {"message": str(error)}
    text = str(error.get("message") or error.get("code") or "an error without words")
    fault = _fault(_code(error, text), error, text, {}, endpoint)
    fault.http_status = 200
    return fault


def _fault(
    status: int, error: dict[str, Any], text: str, headers: dict[str, str], endpoint: Endpoint
) -> Fault:
    words = shown_words(text, endpoint.secret()) or "no reason given"
    every_word = f"{error.get('code')} {error.get('type')} {text}"
    if status == 402 or (status in (403, 429) and _QUOTA.search(every_word)):
        return _stopping(_quota(endpoint, words))
    if status == 429:
        return _rate_limited(words, headers, endpoint)
    if status >= 500 or status in _TRANSIENT:
        message = f"{endpoint.place} answered {status}: {words}"
        return Fault(
            "server_error",
            message,
            tries=5,
            retry_after_s=retry_after_s(headers),
            is_the_providers=True,
            is_transient=True,
        )
    if status in (400, 403, 413, 422) and _FLAGGED.search(every_word):
        return Fault("filtered", f"the provider refused the paper's text: {words}")
    if status == 413 or (status in (400, 422) and _TOO_LONG.search(every_word)):
        return Fault("too_long", f"the paper is too long for the model: {words}")
    if stops := _reason_to_stop(status, every_word, words, headers, endpoint):
        return _stopping(stops)
    message = f"{endpoint.place} refused the request with {status}: {words}"
    return Fault("bad_request", message, is_the_providers=True)


def _reason_to_stop(
    status: int, every_word: str, words: str, headers: dict[str, str], endpoint: Endpoint
) -> ModelError | None:
    """Return the error of an answer that every other paper would get too."""
    if status in (401, 403):
        return KeyRejected(
            f"{endpoint.place} rejected the key ({status}): {words}",
            hint=f"Set {endpoint.key_variable} to a key that may use {endpoint.model}.",
        )
    if status == 404 or (status == 400 and _NO_MODEL.search(every_word)):
        return ModelNotFound(
            f"{endpoint.place} does not know the model {endpoint.model!r} ({status}): {words}",
            hint="Check the model's name and the base URL (most end in /v1).",
        )
    if status in (400, 422) and _SCHEMA.search(every_word):
        return SchemaRefused(
            f"{endpoint.place} does not take the schema of the answer ({status}): {words}",
            hint="Choose another mode (tools, json_schema, responses) or another model.",
        )
    if 300 <= status < 400:
        target = shown_words(headers.get("location", "nowhere").split("?")[0], endpoint.secret())
        return RedirectRefused(
            f"{endpoint.place} redirects ({status}) to {target}; that was not followed",
            hint="Use the final address as the base URL, if you trust it with papers and key.",
        )
    return None


def _rate_limited(words: str, headers: dict[str, str], endpoint: Endpoint) -> Fault:
    return Fault(
        "rate_limited",
        f"{endpoint.place} asks to slow down: {words}",
        tries=RATE_LIMIT_TRIES,
        retry_after_s=retry_after_s(headers),
        is_the_providers=True,
        is_transient=True,
    )


def _quota(endpoint: Endpoint, words: str) -> QuotaExhausted:
    return QuotaExhausted(
        f"the quota or the money at {endpoint.place} is used up: {words}",
        hint="Check plan and billing with the provider, then run again: what was answered is kept.",
    )


def _stopping(stops: ModelError) -> Fault:
    return Fault("bad_request", str(stops), stops=stops)


def _code(error: dict[str, Any], text: str) -> int:
    """Return the status that an error in a 200 would have come with."""
    every_word = f"{error.get('code')} {error.get('type')} {text}"
    for name in ("code", "status", "status_code", "http_status"):
        value = str(error.get(name))
        if value.isdigit() and 400 <= int(value) <= 599:
            return int(value)
    for pattern, status in ((_QUOTA, 402), (_TOO_FAST, 429), (_KEY, 401), (_NO_MODEL, 404)):
        if pattern.search(every_word):
            return status
    return 400 if "invalid_request" in every_word or _TOO_LONG.search(every_word) else 502


def retry_after_s(headers: dict[str, str]) -> float | None:
    """Return the wait that an answer asks for; None where it asks for none we understand."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            wait = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        return wait if 0 <= wait < float("inf") else None
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    try:  # by the server's own clock where it says what time it has
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        now = time.time()
    return max(0.0, until.timestamp() - now)
