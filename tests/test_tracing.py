"""OpenTelemetry spans: names, numbers and classes of calls, and never their text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extract.asking import tracing
from extract.request import request_key
from tests.asking_kit import REQUEST, ask
from tests.canary import KEY
from tests.faults.chaos_routes import first, refused, sent
from tests.faults.chaos_server import ChaosServer

trace = pytest.importorskip("opentelemetry.sdk.trace", reason="needs opentelemetry-sdk")

ROOT = Path(__file__).parent.parent
SECRET = "heron pond"


def chat(content: str, finish: str = "stop") -> bytes:
    """Return a chat completion."""
    choice = {"index": 0, "finish_reason": finish, "message": {"content": content}}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    return json.dumps({"id": "c", "model": "m-7", "choices": [choice], "usage": usage}).encode()


GOOD = sent(200, chat('{"method":"heron pond","n":1}'))
ROUTES = {
    "good": GOOD,
    "down-once": first(1, refused(503, f"down for {SECRET}", "server_error"), GOOD),
    "wrong": sent(200, chat('{"heron pond":1}')),
    "filtered": sent(200, chat("", "content_filter")),
}
PAPER = replace(REQUEST, messages=({"role": "user", "content": f"A paper on a {SECRET}."},))


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What a provider of the user's own would export."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = trace.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # A process has one global provider, once and for all: ours is handed in.
    monkeypatch.setattr(tracing, "_tracer", lambda: provider.get_tracer("paperfacts"))
    yield exporter
    said = "".join(span.to_json() for span in exporter.get_finished_spans())
    assert SECRET not in said and KEY not in said


def asked(route: str, spans: Any) -> tuple[list[Any], Any]:
    """Ask about one paper; return the spans of its calls and that of the paper."""
    with ChaosServer(ROUTES) as server:
        ask(server.url(route), request=PAPER)
    *calls, paper = spans.get_finished_spans()
    assert all(call.parent.span_id == paper.context.span_id for call in calls)
    assert paper.parent is None
    return calls, paper


def test_a_call_has_the_names_of_the_convention(spans):
    """What was asked for, and what came back."""
    (call,), paper = asked("good", spans)
    attributes = dict(call.attributes)
    host, port = attributes.pop("server.address"), attributes.pop("server.port")

    assert ("chat m", "CLIENT") == (call.name, call.kind.name)
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.id": "c",
        "gen_ai.response.model": "m-7",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
    } == attributes
    assert "127.0.0.1" == host and port > 0
    assert {
        "paperfacts.completion_key": request_key(PAPER),
        "paperfacts.task": "t",
        "paperfacts.calls": 1,
    } == dict(paper.attributes)


def test_a_retry_is_a_span_of_its_own(spans):
    """The call that failed has its class, and no words of the server's."""
    (failed, answered), paper = asked("down-once", spans)

    assert ("server_error", 503, "ERROR") == (
        failed.attributes["error.type"],
        failed.attributes["http.response.status_code"],
        failed.status.status_code.name,
    )
    assert None is failed.status.description
    assert () == failed.events
    assert 0 == failed.attributes["gen_ai.usage.input_tokens"]
    assert 10 == answered.attributes["gen_ai.usage.input_tokens"]
    assert "error.type" not in answered.attributes
    assert 2 == paper.attributes["paperfacts.calls"]
    assert "error.type" not in paper.attributes


def test_a_reask_is_a_span_of_its_own_and_the_paper_has_the_failure(spans):
    """Both calls were answered; it is the paper that has no answer."""
    calls, paper = asked("wrong", spans)

    assert 2 == len(calls)
    assert [5, 5] == [call.attributes["gen_ai.usage.output_tokens"] for call in calls]
    assert ("schema_invalid", "ERROR") == (
        paper.attributes["error.type"],
        paper.status.status_code.name,
    )


def test_a_failed_call_has_its_tokens(spans):
    """A filtered answer was paid for."""
    calls, paper = asked("filtered", spans)

    assert {"filtered"} == {span.attributes["error.type"] for span in [*calls, paper]}
    assert 10 == calls[0].attributes["gen_ai.usage.input_tokens"]
    assert ("content_filter",) == calls[0].attributes["gen_ai.response.finish_reasons"]


def loaded(code: str, **variables: str) -> str:
    """Return what a new Python prints after *code*, without the variables of this one."""
    usual = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=usual | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return done.stdout.strip()


READY = """
import sys
from extract.asking import Asker, Endpoint
Asker(Endpoint("openai", "m", "http://127.0.0.1:9", None))
print(any(name == "opentelemetry.trace" for name in sys.modules))
"""


def test_nothing_is_imported_unless_somebody_takes_spans():
    """Without a variable OpenTelemetry is not loaded; with one it is."""
    assert "False" == loaded(READY)
    assert "True" == loaded(READY, OTEL_SERVICE_NAME="papers")


def test_a_provider_that_a_program_has_set_gets_the_spans():
    """No variable is needed where OpenTelemetry is there already."""
    code = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
from tests.asking_kit import ask
from tests.stub_model import StubModel
with StubModel() as server:
    ask(server.url)
print(sorted({span.name for span in exporter.get_finished_spans()}))
"""
    assert "['chat m', 'paperfacts.paper']" == loaded(code)
