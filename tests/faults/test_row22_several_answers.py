"""Fault 22: two tool calls, or two objects."""

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_two_tool_calls_are_never_the_first_of_them(server: ChaosServer):
    """The model is told, on each of the calls; then the paper fails."""
    outcome = ask(server.url("tools-twice"), mode="tools")

    told = server.bodies["tools-twice"][1]["messages"]
    assert ["schema_invalid"] == outcome.failure_classes
    assert "the function was called 2 times at once" in outcome.only.message
    assert ["call-1", "call-2"] == [m["tool_call_id"] for m in told if m["role"] == "tool"]


def test_two_objects_in_prose_are_never_the_first_of_them(server: ChaosServer):
    """Nothing is mended by guessing."""
    outcome = ask(server.url("two-objects"))

    assert ["schema_invalid"] == outcome.failure_classes
    assert "the answer holds 2 JSON objects" in outcome.only.message
