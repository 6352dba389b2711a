"""What is sent: the fields of a request in the words of the endpoint that is asked.

instructor knows how each provider wants a schema. That part is the same for every paper of a
task and is made once; making it anew for every call costs more than the call.

Not here: the conversation of a re-ask (`reask`).
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from pydantic import BaseModel

from extract.asking.client import Line
from extract.asking.endpoint import Endpoint
from extract.asking.words import without_surrogates
from extract.errors import InputError
from extract.request import Request

PATHS = {
    "tools": "/chat/completions",
    "json_schema": "/chat/completions",
    "responses": "/responses",
}
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


@dataclass(frozen=True)
class Question:
    """A body that is ready to be sent, and how it asks for its answer."""

    body: dict[str, Any]
    mode: str
    answer_model: type[BaseModel] | None = None

    @property
    def path(self) -> str:
        """The endpoint's path that this mode is asked at."""
        return PATHS[self.mode]

    @property
    def chars(self) -> int:
        """The length of its messages."""
        return sum(len(str(message.get("content", ""))) for message in self.body["messages"])

    @property
    def max_tokens(self) -> int:
        """The most tokens that the answer may have; 0 where the provider decides."""
        return next((self.body[name] for name in LIMITS if name in self.body), 0)

    @cached_property
    def encoded(self) -> bytes:
        """The body as it is sent; a number that JSON does not know is a `ValueError`."""
        return _ENCODER.encode(self.sent_form()).encode()

    def sent_form(self) -> dict[str, Any]:
        """The body as the endpoint reads it: the Responses endpoint says `input`."""
        if self.mode != "responses":
            return self.body
        return {("input" if k == "messages" else k): value for k, value in self.body.items()}

    def with_budget(self, factor: int) -> Question:
        """Return the same question with the limit of its answer multiplied."""
        for name in LIMITS:
            if name in self.body and factor != 1:
                return replace(self, body={**self.body, name: self.body[name] * factor})
        return self


def question_of(request: Request, answer_model: type[BaseModel] | None, line: Line) -> Question:
    """Return *request* as it is put on *line*; a grammar is only taken by the chat endpoint."""
    endpoint = line.endpoint
    mode = "json_schema" if request.grammar is not None else endpoint.answer_mode
    if mode not in PATHS:
        raise InputError(f"unknown mode {mode!r}", hint=f"Modes are: {', '.join(PATHS)}.")
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [_sendable(message) for message in request.messages],
        **_sampling(request, mode, endpoint),
    }
    if request.grammar is not None:
        body["grammar"] = request.grammar
    elif line.is_wrapped:
        pass  # instructor adds the schema itself
    elif answer_model is not None:
        body.update(schema_part(answer_model, mode))
    elif request.answer_schema is not None:
        body.update(_bare_schema_part(request, mode))
    return Question(body, mode, answer_model)


@lru_cache(maxsize=32)
def schema_part(answer_model: type[BaseModel], mode: str) -> dict[str, Any]:
    """Return the fields that ask for an answer of *answer_model*: tools, formats, choices."""
    from instructor import Mode
    from instructor.processing.response import handle_response_model

    modes = {
        "tools": Mode.TOOLS,
        "json_schema": Mode.JSON_SCHEMA,
        "responses": Mode.RESPONSES_TOOLS,
    }
    _, part = handle_response_model(answer_model, modes[mode], messages=[])
    if part.pop("messages", None):
        raise AssertionError(f"instructor changed the messages of mode {mode}")
    return copy.deepcopy(part)


def _sendable(message: dict[str, str]) -> dict[str, str]:
    """Return *message* without half characters, which no encoder takes."""
    return {name: without_surrogates(text) for name, text in message.items()}


def _bare_schema_part(request: Request, mode: str) -> dict[str, Any]:
    """Return the fields for a schema without a model class; only `json_schema` can say it."""
    if mode != "json_schema":
        raise InputError(
            f"mode {mode} needs the answer's model class", hint="Use the mode json_schema."
        )
    schema = {"name": request.task, "schema": request.answer_schema}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _sampling(request: Request, mode: str, endpoint: Endpoint) -> dict[str, Any]:
    """Return how the answer is drawn, in the endpoint's names; None is not sent."""
    sampling = request.sampling
    fields: dict[str, Any] = {"temperature": sampling.temperature, "top_p": sampling.top_p}
    if mode == "responses":
        if sampling.seed is not None:
            raise InputError(
                "the Responses endpoint takes no seed", hint="Use the mode json_schema or tools."
            )
        fields |= {"max_output_tokens": sampling.max_tokens, "store": False}
    else:
        name = "max_completion_tokens" if endpoint.has_new_limit else "max_tokens"
        fields |= {endpoint.kind.seed_name: sampling.seed, name: sampling.max_tokens}
    fields |= dict(sampling.extra)
    return {name: value for name, value in fields.items() if value is not None}
