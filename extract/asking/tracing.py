"""OpenTelemetry spans: one per paper that is asked, and in it one per call.

Attributes have the names of OpenTelemetry's conventions for generative AI (`gen_ai.*`). No
text of a paper, prompt, answer or error goes into a span: a failure is there by its class.

Spans are made only where somebody takes them: in a program that has loaded OpenTelemetry, or with
`OTEL_*` variables. Otherwise nothing is imported.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from extract.asking.endpoint import Endpoint
from extract.asking.fault import Fault
from extract.asking.policy import Tally
from extract.asking.question import Question
from extract.asking.reply import Reply
from extract.request import Request, request_key

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

CONVENTION_NAMES = {
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "generative-ai": "gcp.gemini",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertexai": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""What the conventions call a provider, where that is not its name here."""

PARAMETERS = ("temperature", "top_p", "seed")


class CallSpan:
    """The span of one call; without a tracer, or where nobody records it, it does nothing."""

    def __init__(self, span: Span | None = None) -> None:
        self._span = span

    def replied(self, reply: Reply) -> None:
        """Note how the call was answered."""
        if self._span is None:
            return
        if reply.finish_reason:
            self._span.set_attribute("gen_ai.response.finish_reasons", [reply.finish_reason])
        # A reply through an SDK has no document, and its request id is that of the answer.
        name = reply.request_id if reply.is_wrapped else reply.document.get("id")
        if isinstance(name, str):
            self._span.set_attribute("gen_ai.response.id", name)
        if isinstance(model := reply.document.get("model"), str):
            self._span.set_attribute("gen_ai.response.model", model)


class Tracing:
    """Makes the spans of one model's calls, if anybody wants them."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._tracer = _tracer()

    @contextmanager
    def paper(self, request: Request, tally: Tally) -> Iterator[None]:
        """Be the parent of the calls about one paper."""
        if self._tracer is None:
            yield
            return
        with self._span(self._tracer, "paperfacts.paper", is_call=False) as span:
            if span is None:
                yield
                return
            span.set_attribute("paperfacts.completion_key", request_key(request))
            span.set_attribute("paperfacts.task", request.task)
            try:
                yield
            finally:
                span.set_attribute("paperfacts.calls", tally.calls)

    @contextmanager
    def call(self, question: Question, tally: Tally) -> Iterator[CallSpan]:
        """Stand around one call; what it used is what *tally* counted meanwhile."""
        if self._tracer is None:
            yield CallSpan()
            return
        name = f"chat {self._endpoint.model}"
        with self._span(self._tracer, name, is_call=True) as span:
            if span is None:
                yield CallSpan()
                return
            span.set_attributes(self._asked(question))
            read, written = tally.input_tokens, tally.output_tokens
            try:
                yield CallSpan(span)
            finally:
                span.set_attribute("gen_ai.usage.input_tokens", tally.input_tokens - read)
                span.set_attribute("gen_ai.usage.output_tokens", tally.output_tokens - written)

    @contextmanager
    def _span(self, tracer: Tracer, name: str, *, is_call: bool) -> Iterator[Span | None]:
        """Open a span, None where it is not recorded; an error ends it with its class alone."""
        from opentelemetry.trace import SpanKind, StatusCode

        with tracer.start_as_current_span(
            name,
            kind=SpanKind.CLIENT if is_call else SpanKind.INTERNAL,
            record_exception=False,  # its words may quote the paper
            set_status_on_exception=False,
        ) as span:
            try:
                yield span if span.is_recording() else None
            except BaseException as error:
                span.set_attribute("error.type", _error_type(error))
                if isinstance(error, Fault) and error.http_status is not None:
                    span.set_attribute("http.response.status_code", error.http_status)
                if is_call and isinstance(error, Fault) and error.finish_reason:
                    span.set_attribute("gen_ai.response.finish_reasons", [error.finish_reason])
                span.set_status(StatusCode.ERROR)
                raise

    def _asked(self, question: Question) -> dict[str, Any]:
        """Return what was asked of whom, without the question itself."""
        provider = self._endpoint.provider
        name = CONVENTION_NAMES.get(provider, provider)
        asked: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": name,
            "gen_ai.system": name,  # the name before version 1.37 of the conventions
            "gen_ai.request.model": self._endpoint.model,
        }
        for parameter in PARAMETERS:
            if parameter in question.body:
                asked[f"gen_ai.request.{parameter}"] = question.body[parameter]
        if question.max_tokens:
            asked["gen_ai.request.max_tokens"] = question.max_tokens
        address = urlsplit(self._endpoint.url or "")
        if address.hostname:
            asked["server.address"] = address.hostname
        if address.port:
            asked["server.port"] = address.port
        return asked


def _error_type(error: BaseException) -> str:
    """Return the class of a failure, as `completions` has it, or that of another error."""
    return error.failure_class if isinstance(error, Fault) else type(error).__qualname__


def _tracer() -> Tracer | None:
    """Return the tracer of a program that takes spans; None where none does."""
    is_loaded = "opentelemetry.trace" in sys.modules
    if not is_loaded and not any(name.startswith("OTEL_") for name in os.environ):
        return None
    if not is_loaded and importlib.util.find_spec("opentelemetry") is None:
        return None
    try:
        from opentelemetry import trace
    except ImportError:  # the name is a namespace: something else of it may be installed
        return None
    return trace.get_tracer("paperfacts")
