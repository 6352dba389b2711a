"""A provider with the Batch API of the OpenAI protocol, on a real socket.

It keeps files and batches, and answers the papers of a batch as `StubModel` would; papers that
hold one of the words of `wrong` end otherwise. A batch runs until the test ends it:

    with BatchServer(wrong={"Tidewater": "expired"}) as server:
        server.end("completed")          every batch that runs
        server.faults["POST /batches"] = ["drop after"]

A fault is met once by the next call of that kind: `drop before` closes the connection before
anything is done, `drop after` when all is done and nothing said, `half` in the midst of the
answer; `hold before` and `hold after` set `held` and wait for `go`; a number is a status.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.stub_model import StubModel

ENDED = ("completed", "failed", "expired", "cancelled")


@dataclass
class StoredFile:
    """A file as it was sent, or as the provider wrote it."""

    name: str
    content: bytes
    purpose: str


@dataclass
class BatchServer:
    """The provider, in a thread for as long as the block lasts."""

    wrong: Mapping[str, str] = field(default_factory=dict)
    lists: bool = True
    """False for a server that does not say which batches there are."""
    keeps_metadata: bool = True
    page: int = 2
    """Batches on one page of the list, whatever is asked for."""
    faults: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    """The Authorization headers that came."""

    def __post_init__(self) -> None:
        self.held, self.go = threading.Event(), threading.Event()
        self.turn = threading.RLock()
        self.asked: Counter[str] = Counter()
        """How often each paper was in a batch, by its title."""
        self._model = StubModel()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.go.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._model._server.server_close()

    @property
    def url(self) -> str:
        """The base URL of the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def running(self) -> list[dict[str, Any]]:
        """The batches that have not ended."""
        return [batch for batch in self.batches.values() if batch["status"] not in ENDED]

    def end(self, status: str = "completed") -> None:
        """End every batch that runs, and write what it answered."""
        for batch in self.running():
            self.write(batch, status)

    def write(self, batch: dict[str, Any], status: str, *, answer: int | None = None) -> None:
        """Bring *batch* to *status*; the first *answer* papers are answered, or all."""
        if status == "failed":
            batch["errors"] = {"data": [{"code": "token_limit", "message": "too much is queued"}]}
            batch["status"] = status
            return
        output, errors = [], []
        rows = [
            json.loads(line)
            for line in self.files[batch["input_file_id"]].content.split(b"\n")[:-1]
        ]
        for number, row in enumerate(rows):
            is_late = answer is not None and number >= answer
            kind, said = self._said(row, status if is_late else "")
            {"output": output, "error": errors, "none": []}[kind].append(
                {"id": f"r{number}", "custom_id": row["custom_id"], **said}
            )
        for name, rows in (("output", output), ("error", errors)):
            if rows:
                text = "".join(json.dumps(row) + "\n" for row in rows)
                batch[f"{name}_file_id"] = self.keep(f"{batch['id']}_{name}.jsonl", text.encode())
        counts = {"total": batch["request_counts"]["total"]}
        batch["request_counts"] = counts | {"completed": len(output), "failed": len(errors)}
        batch["status"] = status

    def _said(self, row: dict[str, Any], late: str) -> tuple[str, dict[str, Any]]:
        """Return which file a row goes to, and what it says."""
        text = json.dumps(row["body"], ensure_ascii=False)
        how = next((how for word, how in self.wrong.items() if word in text), "")
        how = {"completed": "missing", "in_progress": "missing"}.get(late, late or how)
        match how:
            case "missing":
                return "none", {}
            case "expired" | "cancelled":
                words = {"code": f"batch_{how}", "message": f"the batch was {how}"}
                return "error", {"response": None, "error": words}
            case "context":
                error = {"message": "maximum context length", "code": "context_length_exceeded"}
                return "error", _response(400, {"error": error})
            case "500":
                return "error", _response(500, {"error": {"message": "down"}})
            case "quota":
                error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
                return "error", _response(429, {"error": error})
        status, document = self._answer(row["body"], how)
        return "output", _response(status, document)

    def _answer(self, body: dict[str, Any], how: str) -> tuple[int, dict[str, Any]]:
        """Answer as the stub does; cut answers are whole when they had twice the room."""
        words = _user_words(body)
        self._model.wrong = {words: how} if how in ("invalid", "refusal") else {}  # type: ignore[dict-item]
        if "input" in body:
            status, document = self._model.respond(body)
            if how == "truncated" and body["max_output_tokens"] < 8000:
                document["status"] = "incomplete"
                document["incomplete_details"] = {"reason": "max_output_tokens"}
            return status, document
        status, document = self._model.answer(body)
        if how == "truncated" and body["max_tokens"] < 8000:
            document["choices"][0]["finish_reason"] = "length"
        return status, document

    def keep(self, name: str, content: bytes, purpose: str = "batch_output") -> str:
        """Keep a file; return its id."""
        file_id = f"file-{len(self.files) + 1}"
        self.files[file_id] = StoredFile(name, content, purpose)
        return file_id

    # What the routes do.

    def upload(self, body: bytes, content_type: str) -> tuple[int, dict[str, Any]]:
        """POST /files"""
        boundary = b"--" + content_type.partition("boundary=")[2].strip('"').encode()
        parts = {}
        for part in body.split(b"\r\n" + boundary)[:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            names = dict(re.findall(r'(\w+)="([^"]*)"', head.decode()))
            parts[names["name"]] = (names.get("filename", ""), content)
        purpose = parts["purpose"][1].decode()
        name, content = parts["file"]
        file_id = self.keep(name, content, purpose)
        return 200, {"id": file_id, "object": "file", "bytes": len(content), "purpose": purpose}

    def create(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """POST /batches"""
        if body["input_file_id"] not in self.files or body["completion_window"] != "24h":
            return 400, {"error": {"message": "no such file, or another window"}}
        lines = self.files[body["input_file_id"]].content.split(b"\n")[:-1]
        rows = [json.loads(line) for line in lines]
        if {row["url"] for row in rows} != {body["endpoint"]}:
            return 400, {"error": {"message": "the rows are for another endpoint"}}
        for row in rows:
            self.asked[re.findall(r"^\[0\] (.*)$", _user_words(row["body"]), re.M)[0]] += 1
        batch_id = f"batch_{len(self.batches) + 1:03}"
        self.batches[batch_id] = {
            "id": batch_id,
            "object": "batch",
            "endpoint": body["endpoint"],
            "input_file_id": body["input_file_id"],
            "status": "in_progress",
            "metadata": body.get("metadata") if self.keeps_metadata else None,
            "created_at": int(time.time()),
            "request_counts": {"total": len(rows), "completed": 0, "failed": 0},
        }
        return 200, self.batches[batch_id]

    def listed(self, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """GET /batches, the newest first"""
        if not self.lists:
            return 404, {"error": {"message": "not found"}}
        every = list(reversed(self.batches.values()))
        if after := query.get("after"):
            every = every[[b["id"] for b in every].index(after[0]) + 1 :]
        page = every[: self.page]
        return 200, {"object": "list", "data": page, "has_more": len(every) > len(page)}

    def cancelled(self, batch_id: str) -> tuple[int, dict[str, Any]]:
        """POST /batches/ID/cancel"""
        batch = self.batches[batch_id]
        if batch["status"] in ENDED:
            return 409, {"error": {"message": f"cannot cancel a batch that is {batch['status']}"}}
        batch["status"] = "cancelling"
        return 200, batch

    def fault(self, kind: str) -> str:
        """Return the fault that this call meets."""
        with self.turn:
            self.calls[kind] += 1
            waiting = self.faults.get(kind) or [""]
            return waiting.pop(0)

    def hold(self) -> None:
        """Let the test know that a call waits, and wait."""
        self.held.set()
        self.go.wait()


def _user_words(body: dict[str, Any]) -> str:
    """Return the paper in a request of either endpoint."""
    messages = body.get("messages") or body["input"]
    return str(next(m["content"] for m in messages if m["role"] == "user"))


def _response(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"response": {"status_code": status, "request_id": "q", "body": body}, "error": None}


def _handler(server: BatchServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._go("GET")

        def do_POST(self) -> None:
            self._go("POST")

        def _go(self, verb: str) -> None:
            body = self._body()
            server.keys.add(self.headers.get("authorization", ""))
            url = urlsplit(self.path)
            parts = url.path.removeprefix("/v1/").split("/")
            kind = " ".join(
                [verb, "/" + "/".join(p if i != 1 else "ID" for i, p in enumerate(parts))]
            )
            fault = server.fault(kind)
            if fault == "drop before":
                return self._drop()
            if fault == "hold before":
                server.hold()
                return self._drop()
            if fault.isdigit():
                return self._say(int(fault), {"error": {"message": "as the test wants it"}})
            with server.turn:
                status, answer = self._routed(kind, parts, parse_qs(url.query), body)
            if fault == "hold after":
                server.hold()
            if fault in ("drop after", "hold after"):
                return self._drop()
            return self._say(status, answer, half=fault == "half")

        def _routed(
            self, kind: str, parts: list[str], query: dict[str, list[str]], body: bytes
        ) -> tuple[int, Any]:
            name = parts[1] if len(parts) > 1 else ""
            if name and name not in server.batches and name not in server.files:
                return 404, {"error": {"message": f"No such object: {name}"}}
            match kind:
                case "POST /files":
                    return server.upload(body, self.headers["content-type"])
                case "GET /files/ID/content":
                    return 200, server.files[name].content
                case "POST /batches":
                    return server.create(json.loads(body))
                case "GET /batches":
                    return server.listed(query)
                case "GET /batches/ID":
                    return 200, server.batches[name]
                case "POST /batches/ID/cancel":
                    return server.cancelled(name)
            return 404, {"error": {"message": f"there is no {kind}"}}

        def _body(self) -> bytes:
            if "chunked" in self.headers.get("transfer-encoding", ""):
                pieces = []
                while size := int(self.rfile.readline(), 16):
                    pieces.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(pieces)
            return self.rfile.read(int(self.headers.get("content-length", 0)))

        def _say(self, status: int, answer: Any, *, half: bool = False) -> None:
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            is_file = isinstance(answer, bytes)
            self.send_header("content-type", "application/" + ("jsonl" if is_file else "json"))
            self.send_header("retry-after-ms", "1")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content[: len(content) // 2] if half else content)
            except OSError:
                half = True
            if half:
                self._drop()

        def _drop(self) -> None:
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
