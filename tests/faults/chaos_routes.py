"""The ways in which a provider can be wrong, one function each, named by `ROUTES`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.faults.chaos_server import (
    GOOD,
    Route,
    Visit,
    bomb,
    completion,
    envelope,
    tool_call,
)


def said(content: str | None, finish: str = "stop", **message: Any) -> Route:
    """Return a route that always answers with this content."""

    async def route(visit: Visit) -> None:
        await visit.chat(content, finish, **message)

    return route


def first(times: int, wrong: Route, then: Route) -> Route:
    """Return a route that is wrong so many times, and right afterwards."""

    async def route(visit: Visit) -> None:
        await (wrong if visit.count <= times else then)(visit)

    return route


def sent(status: int, body: bytes, *headers: str, content_type: str = "application/json") -> Route:
    """Return a route that always sends these bytes."""

    async def route(visit: Visit) -> None:
        await visit.send(status, body, headers=headers, content_type=content_type)

    return route


def refused(status: int, message: str, code: str, *headers: str) -> Route:
    """Return a route that always answers with this error."""

    async def route(visit: Visit) -> None:
        await visit.error(status, message, code, *headers)

    return route


ok = said(GOOD)


async def cut_unless_roomy(visit: Visit) -> None:
    """Cut the answer unless there is room for 128 tokens."""
    if visit.body.get("max_tokens", 0) >= 128:
        await visit.chat()
    else:
        await visit.chat('{"method":"abc","n', "length")


async def hang(visit: Visit) -> None:
    await asyncio.sleep(30)


async def trickle(visit: Visit) -> None:
    """Send one byte at a time, faster than any read limit notices."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 300\r\n\r\n"
    for byte in head + b" " * 300:
        visit.writer.write(bytes([byte]))
        await visit.writer.drain()
        await asyncio.sleep(0.02)


async def reset_at_once(visit: Visit) -> None:
    visit.writer.transport.abort()


async def reset_within_the_body(visit: Visit) -> None:
    await visit.send(200, completion()[:60], length=len(completion()))
    visit.writer.transport.abort()


async def end_too_soon(visit: Visit) -> None:
    await visit.send(200, completion()[:40], length=len(completion()))


async def redirect(visit: Visit) -> None:
    await visit.send(307, b"", headers=(f"location: {visit.server.url('landed')}",))


async def send_bomb(visit: Visit) -> None:
    await visit.send(200, bomb(), headers=("content-encoding: gzip",))


async def echo_the_key(visit: Visit) -> None:
    """Reject the key and repeat it, as some proxies do."""
    key = visit.headers.get("authorization", "").removeprefix("bearer ")
    await visit.error(401, f"Incorrect API key provided: {key}", "invalid_api_key")


async def page_with_the_key(visit: Visit) -> None:
    """Show the key on a web page, as a debugging proxy does."""
    page = f"<html><body>Sent: {visit.headers.get('authorization')}</body></html>"
    await visit.send(200, page.encode(), content_type="text/html")


async def error_with_the_key(visit: Visit) -> None:
    """Repeat the key in an error that fails one paper."""
    await visit.error(500, f"upstream said no to {visit.headers.get('authorization')}", "oops")


async def one_tool_call(visit: Visit) -> None:
    await visit.chat(None, "tool_calls", tool_calls=[tool_call(1)])


async def wrong_tool_call_first(visit: Visit) -> None:
    arguments = '{"methd":"a"}' if visit.count == 1 else GOOD
    await visit.chat(None, "tool_calls", tool_calls=[tool_call(1, arguments)])


async def responses(visit: Visit) -> None:
    """Answer as the Responses endpoint does, wrongly the first time if so named."""
    is_wrong = "wrong" in visit.path.split("/")[1] and visit.count == 1
    call = {
        "type": "function_call",
        "id": "fc-1",
        "call_id": "call-1",
        "name": "Finding",
        "arguments": '{"methd":"a"}' if is_wrong else GOOD,
        "status": "completed",
    }
    await visit.send(200, json.dumps(responses_envelope([call])).encode())


def responses_envelope(output: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return the document of the Responses endpoint around *output*."""
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_tokens_details": {"cached_tokens": 4},
    }
    return {
        "id": "resp-1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": "completed",
        "output": [{"type": "reasoning", "id": "rs-1", "summary": []}, *output],
        "usage": usage,
        **fields,
    }


async def responses_cut(visit: Visit) -> None:
    message = {"type": "message", "content": [{"type": "output_text", "text": '{"meth'}]}
    document = responses_envelope(
        [message], status="incomplete", incomplete_details={"reason": "max_output_tokens"}
    )
    await visit.send(200, json.dumps(document).encode())


slow_down = refused(429, "slow down", "rate_limit_exceeded")
bad_gateway = sent(502, b"<html><body>Bad Gateway</body></html>", content_type="text/html")
web_page = sent(
    200,
    b"<html><head><title>x</title></head><body>Log in to the WiFi</body></html>",
    content_type="text/html",
)

ROUTES: dict[str, Route] = {
    "ok": ok,
    "cut": said('{"method":"abc","n', "length"),
    "cut-unless-roomy": cut_unless_roomy,
    "filter": said("", "content_filter"),
    "refusal": said(None, refusal="I can't help with that"),
    "slow-down-once": first(
        1, refused(429, "slow down", "rate_limit_exceeded", "retry-after: 1"), ok
    ),
    "slow-down-thrice": first(3, slow_down, ok),
    "slow-down-always": slow_down,
    "wait-27-hours": refused(429, "slow down", "rate_limit_exceeded", "retry-after: 100000"),
    "wait-soon": first(1, refused(429, "x", "rate_limit_exceeded", "retry-after: soon"), ok),
    "wait-until": first(
        1,
        refused(
            429,
            "x",
            "rate_limit_exceeded",
            "date: Mon, 23 Nov 2026 10:00:00 GMT",
            "retry-after: Mon, 23 Nov 2026 10:00:07 GMT",
        ),
        ok,
    ),
    "quota": refused(429, "You exceeded your current quota", "insufficient_quota"),
    "pay": refused(402, "Payment required", "payment_required"),
    "bad-gateway": bad_gateway,
    "bad-gateway-twice": first(2, bad_gateway, ok),
    "key-echo": echo_the_key,
    "key-page": page_with_the_key,
    "key-error": error_with_the_key,
    "forbidden": refused(403, "No access to this model", "forbidden"),
    "no-model": refused(404, "The model does not exist", "model_not_found"),
    "too-long": refused(400, "maximum context length is 8192 tokens", "context_length_exceeded"),
    "llama-too-long": sent(
        400,
        b'{"error":{"code":400,"message":"request (9000 tokens) exceeds the available context'
        b' size (4096 tokens)","type":"exceed_context_size_error"}}',
    ),
    "no-schema": refused(400, "Invalid schema for response_format", "invalid_json_schema"),
    "hang": hang,
    "hang-once": first(1, hang, ok),
    "trickle": trickle,
    "reset": reset_at_once,
    "reset-once": first(1, reset_at_once, ok),
    "reset-within-once": first(1, reset_within_the_body, ok),
    "short-once": first(1, end_too_soon, ok),
    "web-page": web_page,
    "web-page-once": first(1, web_page, ok),
    "error-200": sent(200, b'{"error":{"message":"Provider returned error","code":502}}'),
    "error-200-limit": first(
        1, sent(200, b'{"error":{"message":"Rate limit exceeded","code":429}}'), ok
    ),
    "error-200-key": sent(200, b'{"error":{"message":"x","code":"invalid_api_key"}}'),
    "no-choices": sent(200, json.dumps(envelope([])).encode()),
    "null-choices": sent(200, json.dumps(envelope(None)).encode()),
    "null-content": said(None),
    "null-content-once": first(1, said(None), ok),
    "broken-envelope-once": first(1, sent(200, b'{"id":"x","choices":[{"index":0,'), ok),
    "broken-envelope": sent(200, b'{"id":"x","choices":[{"index":0,'),
    "prose": said(f"Sure! Here is the JSON:\n```json\n{GOOD}\n```\nHope it helps"),
    "fence": said(f"```\n{GOOD}\n```"),
    "two-objects": said(f"First: {GOOD} Second: {GOOD}"),
    "wrong-schema": said('{"methd":"a","n":"many"}'),
    "wrong-then-ok": first(1, said('{"methd":"a"}'), ok),
    "tool": one_tool_call,
    "tools-twice": said(None, "tool_calls", tool_calls=[tool_call(1), tool_call(2)]),
    "wrong-tool-first": wrong_tool_call_first,
    "responses": responses,
    "responses-wrong-first": responses,
    "responses-cut": responses_cut,
    "same-keys": said('{"method":"a","method":"b","n":1}'),
    "nan": said('{"method":"a","n":NaN}'),
    "big-integer": said('{"method":"a","n":' + "9" * 5000 + "}"),
    "deep": said("[" * 100_000),
    "half-pair": said('{"method":"a\\ud800b","n":1}'),
    "half-pair-plain": sent(200, completion('{"method":"a\ud800b","n":1}')),
    "nul": said('{"method":"a\\u0000b","n":1}'),
    "raw-control": said('{"method":"a\x01\nb","n":1}'),
    "bomb": send_bomb,
    "redirect": redirect,
    "landed": ok,
}
