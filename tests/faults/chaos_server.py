"""A provider that answers wrongly, on a real socket.

Each route is one way to be wrong, named by the first part of its path, so that a client's base
URL chooses it: `http://127.0.0.1:PORT/hang`. The server runs in a thread of its own: a client
that blocks its event loop is found out, and not waited for.

    with ChaosServer() as server:
        server.url("quota")
        server.hits["quota"]      # calls that came
        server.bodies["quota"]    # what they said
"""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

GOOD = '{"method":"a","n":1}'
ECHO_LIMIT = 10_000
BOMB_BYTES = 100_000_000

Route = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One call: what it said, and how it is answered."""

    def __init__(
        self,
        server: ChaosServer,
        body: dict[str, Any],
        count: int,
        path: str,
        headers: dict[str, str],
        writer: asyncio.StreamWriter,
    ) -> None:
        self.server = server
        self.body = body
        self.count = count
        self.path = path
        self.headers = headers
        self.writer = writer

    async def send(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = "application/json",
        length: int | None = None,
        headers: tuple[str, ...] = (),
    ) -> None:
        """Answer with *body*; *length* is what the answer claims to be long."""
        lines = [
            f"HTTP/1.1 {status} Status",
            f"content-type: {content_type}",
            f"content-length: {len(body) if length is None else length}",
            "x-request-id: req-1",
            "connection: close",
            *headers,
        ]
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await self.writer.drain()

    async def error(self, status: int, message: str, code: str, *headers: str) -> None:
        """Answer with an error as OpenAI writes them."""
        body = {"error": {"message": message, "type": code, "code": code}}
        await self.send(status, json.dumps(body).encode(), headers=headers)

    async def chat(self, content: str | None = GOOD, finish: str = "stop", **message: Any) -> None:
        """Answer with a chat completion."""
        await self.send(200, completion(content, finish, **message))


def completion(content: str | None = GOOD, finish: str = "stop", **message: Any) -> bytes:
    """Return a chat completion as bytes."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, **message},
        "finish_reason": finish,
    }
    return json.dumps(envelope([choice])).encode()


def envelope(choices: Any) -> dict[str, Any]:
    """Return the document around *choices*."""
    return {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": choices,
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4},
        },
    }


def tool_call(number: int, arguments: str = GOOD) -> dict[str, Any]:
    """Return one tool call of an assistant's message."""
    function = {"name": "Finding", "arguments": arguments}
    return {"id": f"call-{number}", "type": "function", "function": function}


class ChaosServer:
    """The server; a context manager. `routes` may be added to before it is entered."""

    def __init__(self, routes: dict[str, Route] | None = None) -> None:
        from tests.faults.chaos_routes import ROUTES

        self.routes: dict[str, Route] = {**ROUTES, **(routes or {})}
        self.hits: Counter[str] = Counter()
        self.bodies: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.paths: defaultdict[str, list[str]] = defaultdict(list)
        self.headers: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
        self.busy = 0
        self.most_busy = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._is_ready = threading.Event()

    def url(self, route: str) -> str:
        """Return the base URL that is answered by *route*."""
        return f"http://127.0.0.1:{self.port}/{route}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_ready.wait(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop answering; nothing happens the second time."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._handle, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one call, count it, and let its route answer."""
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            path = head[0].split()[1]
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
            raw = await reader.readexactly(int(headers.get("content-length", "0")))
            name = path.split("/")[1]
            body = json.loads(raw) if raw else {}
            self.hits[name] += 1
            self.bodies[name].append(body)
            self.paths[name].append(path)
            self.headers[name].append(headers)
            visit = Visit(self, body, self.hits[name], path, headers, writer)
            await self.routes.get(name, _unknown)(visit)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or the server is stopped in the middle of a hang
        finally:
            self.busy -= 1
            with suppress(OSError):
                writer.close()


async def _unknown(visit: Visit) -> None:
    await visit.error(404, "no such route", "not_found")


def bomb() -> bytes:
    """Return a small body that unpacks to a large one."""
    return gzip.compress(b'{"a":"' + b"0" * BOMB_BYTES + b'"}', compresslevel=1)
