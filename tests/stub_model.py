"""A model on a real socket that answers from the paper's own sentences.

It speaks `POST /chat/completions` and `POST /responses` of the OpenAI protocol. What it says of a
paper follows from the numbered sentences of the user's message alone, so the same paper gets the
same answer in every run. Papers that hold one of the words of `wrong` are answered wrongly instead.

    with StubModel(wrong={"Tidewater": "refusal"}) as server:
        find_model("stub", task, base_url=server.url)
        server.calls            # the titles that were asked about, in order
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

Wrong = Literal["refusal", "invalid", "500"]

_SENTENCE = re.compile(r"^\[(\d+)\] (.*)$", re.M)
_NUMBER = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?%?(?![\w-])")
_ON = re.compile(r"\bon ([A-Z][\w-]*[A-Z\d][\w-]*)")


class StubModel:
    """The server, in a thread for as long as the block lasts."""

    def __init__(
        self, *, wrong: Mapping[str, Wrong] | None = None, hold_after: int | None = None
    ) -> None:
        self.wrong = dict(wrong or {})
        self.hold_after = hold_after
        """So many calls are answered; those after them wait for `go`."""
        self.calls: list[str] = []
        self.held = threading.Event()
        self.go = threading.Event()
        self._counting = threading.Lock()
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

    @property
    def url(self) -> str:
        """The base URL of the server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return the status and the document for one request."""
        # A re-ask has a second user message; the paper stands in the first.
        user = next(m["content"] for m in body["messages"] if m["role"] == "user")
        sentences = [(int(number), text) for number, text in _SENTENCE.findall(user)]
        with self._counting:
            self.calls.append(sentences[0][1])
            waits = self.hold_after is not None and len(self.calls) > self.hold_after
        if waits:
            self.held.set()
            self.go.wait()
        match next((how for word, how in self.wrong.items() if word in user), None):
            case "500":
                return 500, {"error": {"message": "down", "type": "server_error"}}
            case "refusal":
                return 200, _completion(None, refusal="I cannot help with that.")
            case "invalid":
                return 200, _completion('{"methods":"none"}')
        is_trial = "conditions" in json.dumps(body.get("response_format", {}))
        said = trial_answer(sentences) if is_trial else facts_answer(sentences)
        return 200, _completion(json.dumps(said, ensure_ascii=False))

    def respond(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return the same answer as the Responses endpoint says it: as a call of the function."""
        status, chat = self.answer({**body, "messages": body["input"]})
        if status != 200:
            return status, chat
        said = chat["choices"][0]["message"]
        name = next((tool["name"] for tool in body.get("tools", ())), "")
        call = {"type": "function_call", "name": name, "arguments": said["content"]}
        if refusal := said.get("refusal"):
            parts = [{"type": "refusal", "refusal": refusal}]
            call = {"type": "message", "role": "assistant", "content": parts}
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        thought = {"type": "reasoning", "summary": []}
        return 200, {
            "id": "resp-1",
            "object": "response",
            "status": "completed",
            "output": [thought, call],
            "usage": usage,
        }


def facts_answer(sentences: list[tuple[int, str]]) -> dict[str, Any]:
    """Return the facts that the stub finds: simple patterns, all copied from the text."""
    title = sentences[0][1]
    name, colon, _ = title.partition(":")
    methods = [{"name": name, "role": "proposed", "sentence": 0}] if colon else []
    datasets = {found: n for n, text in sentences for found in _ON.findall(text)}
    return {
        "methods": methods,
        "datasets": [
            {"name": found, "role": "used", "sentence": n} for found, n in datasets.items()
        ],
        "results": [
            {"value": value, "kind": "size", "sentence": n}
            for n, text in sentences
            for value in _NUMBER.findall(text)
        ],
        "claims": [
            {"sentence": n, "type": "contribution"}
            for n, text in sentences
            if n and text.startswith("We ")
        ],
    }


def trial_answer(sentences: list[tuple[int, str]]) -> dict[str, Any]:
    """Return the rows of `fixtures/tasks/trials`: the numbers of people, and an outcome."""
    return {
        "conditions": [],
        "interventions": [],
        "samples": [
            {"size": value, "role": "analysed", "sentence": n}
            for n, text in sentences
            for value in _NUMBER.findall(text)
        ],
        "outcomes": [{"direction": "same", "sentence": sentences[-1][0]}],
    }


def _completion(content: str | None, **message: Any) -> dict[str, Any]:
    return {
        "id": "stub-1",
        "object": "chat.completion",
        "created": 0,
        "model": "stub",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def _handler(model: StubModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, document = 404, {}
            if self.path.endswith("/chat/completions"):
                status, document = model.answer(body)
            elif self.path.endswith("/responses"):
                status, document = model.respond(body)
            content = json.dumps(document).encode()
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("retry-after-ms", "1")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                self.close_connection = True  # the client was killed; that is the test

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
