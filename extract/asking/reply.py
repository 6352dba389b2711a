"""What a call returned, read from the bytes of its envelope.

The envelope is read here and not by the SDK, which makes `AttributeError` of a web page and
objects full of None of an error. A reply has one answer with text in it; everything else is a
`Fault`. Not here: whether the answer's text is any good (`answer_text`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from extract.asking.endpoint import Endpoint
from extract.asking.errors import NotAnApi
from extract.asking.fault import Fault
from extract.asking.words import error_of, shown_words
from extract.completion import EXCERPT_CHARS, FailureClass, TokenLogprob, token_logprob

_REFUSED_FINISHES: dict[str, tuple[FailureClass, str]] = {
    "length": ("truncated", "the answer was cut at the token limit"),
    "max_output_tokens": ("truncated", "the answer was cut at the token limit"),
    "content_filter": ("filtered", "the provider's content filter stopped the answer"),
}


@dataclass(frozen=True)
class Reply:
    """One answer: its text, and the document it came in.

    `problem` is what is wrong with it before its text is even read. A wrapped reply has no
    document: it came through another provider's SDK.
    """

    content: str
    finish_reason: str | None
    document: dict[str, Any]
    request_id: str | None
    http_status: int = 200
    token_logprobs: tuple[TokenLogprob, ...] | None = None
    problem: str = ""
    is_wrapped: bool = False


@dataclass(frozen=True)
class Received:
    """The bytes of a 2xx answer, before they are read."""

    body: bytes
    content_type: str
    http_status: int
    request_id: str | None
    endpoint: Endpoint


def document_of(received: Received) -> dict[str, Any]:
    """Return the JSON object that was received; a `Fault` for a web page or broken JSON."""
    head = received.body[:200].lstrip().lower()
    if "html" in received.content_type or head.startswith((b"<!doctype", b"<html")):
        words = shown_words(error_of(received.body)[1], received.endpoint.secret())
        place = received.endpoint.place
        raise Fault(
            "bad_envelope",
            f"{place} answered a web page: {words}",
            tries=2,
            stops=NotAnApi(
                f"the base URL of {place} answers HTML instead of an API's JSON: {words}",
                hint="Check the base URL (most end in /v1), and whether a login page or proxy "
                "stands in between.",
            ),
            http_status=received.http_status,
            is_transient=True,
        )
    try:
        document = json.loads(received.body)
    except (ValueError, RecursionError) as error:
        raise _broken(received, f"the answer is broken JSON: {error}") from None
    if not isinstance(document, dict):
        raise _broken(received, f"the answer is no object but {type(document).__name__}")
    return document


def _broken(received: Received, message: str) -> Fault:
    """Return the fault of an envelope that was damaged on the way."""
    fault = _fault(received, "transport", message, tries=5)
    fault.is_the_providers = True
    return fault


def read_chat(received: Received, document: dict[str, Any]) -> Reply:
    """Read the answer of a chat completion."""
    choices = document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        raise _fault(received, "empty_response", "the answer has no choices", tries=2)
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    finish = _string(choice.get("finish_reason"))
    calls = _objects(message.get("tool_calls"))
    texts = [_arguments(call.get("function")) for call in calls] or [_text(message.get("content"))]
    _check_finish(received, finish, texts[0], message.get("refusal"))
    _check_text(received, texts, finish)
    return Reply(
        content="\n".join(texts),
        problem=_problem(texts),
        finish_reason=finish,
        document=document,
        request_id=received.request_id or _string(document.get("id")),
        http_status=received.http_status,
        token_logprobs=_token_logprobs(choice.get("logprobs")),
    )


def read_responses(received: Received, document: dict[str, Any]) -> Reply:
    """Read the answer of OpenAI's Responses endpoint."""
    output = _objects(document.get("output"))
    calls = [_arguments(item) for item in output if item.get("type") == "function_call"]
    parts = [
        part
        for item in output
        if item.get("type") == "message"
        for part in _objects(item.get("content"))
    ]
    texts = calls or ["".join(_text(p.get("text")) for p in parts)]
    refusal = "".join(_text(part.get("refusal")) for part in parts)
    details = document.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    finish = _string(reason) or _string(document.get("status"))
    _check_finish(received, finish, texts[0], refusal)
    _check_text(received, texts, finish)
    return Reply(
        content="\n".join(texts),
        problem=_problem(texts),
        finish_reason=finish,
        document=document,
        request_id=received.request_id or _string(document.get("id")),
        http_status=received.http_status,
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; none where the provider sent something else there."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _check_finish(received: Received, finish: Any, text: str, refusal: Any) -> None:
    """Raise the `Fault` of an answer that was ended before it was one."""
    if isinstance(refusal, str) and refusal:
        message = f"the model refused: {shown_words(refusal)}"
        raise _fault(received, "refused", message, finish=finish, excerpt=refusal)
    if finish in _REFUSED_FINISHES:
        failure_class, message = _REFUSED_FINISHES[finish]
        tries = 2 if failure_class == "truncated" else 1
        raise _fault(received, failure_class, message, tries=tries, finish=finish, excerpt=text)
    if finish in ("error", "failed"):
        message = "the provider ended the answer with an error"
        fault = _fault(received, "server_error", message, tries=5, finish=finish, excerpt=text)
        fault.is_the_providers = True
        raise fault


def _check_text(received: Received, texts: list[str], finish: Any) -> None:
    """Raise the `Fault` of an answer without text."""
    if not "".join(texts).strip():
        raise _fault(received, "empty_response", "the answer is empty", tries=2, finish=finish)


def _problem(texts: list[str]) -> str:
    """Say what is wrong with several tool calls at once: taking the first would drop the rest."""
    if len(texts) == 1:
        return ""
    return f"the function was called {len(texts)} times at once; call it once with everything"


def _fault(
    received: Received,
    failure_class: FailureClass,
    message: str,
    *,
    tries: int = 1,
    finish: Any = None,
    excerpt: str | None = None,
) -> Fault:
    """Return a fault that knows which call it is about."""
    return Fault(
        failure_class,
        message,
        tries=tries,
        http_status=received.http_status,
        finish_reason=finish if isinstance(finish, str) else None,
        request_id=received.request_id,
        excerpt=excerpt[:EXCERPT_CHARS] if excerpt else None,
        is_the_providers=failure_class == "empty_response",
        is_transient=failure_class in ("transport", "server_error", "empty_response"),
    )


def _arguments(function: Any) -> str:
    """Return the arguments of a tool call as text; some servers send them parsed."""
    arguments = function.get("arguments") if isinstance(function, dict) else None
    return json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments)


def _text(value: Any) -> str:
    """Return a text, also one that is sent in parts; empty where there is none."""
    if isinstance(value, list):
        return "".join(_text(p.get("text")) for p in value if isinstance(p, dict))
    return value if isinstance(value, str) else ""


def _token_logprobs(logprobs: Any) -> tuple[TokenLogprob, ...] | None:
    """Read the tokens of an answer; a shape that is not the protocol's is none."""
    try:
        return tuple(token_logprob(token) for token in logprobs["content"]) or None
    except (TypeError, KeyError, ValueError):
        return None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None
