"""Fault 21: JSON, but not what was asked for."""

import pytest

from tests.asking_kit import Finding, ask
from tests.faults.chaos_server import ChaosServer


@pytest.mark.parametrize(
    ("route", "mode"),
    [
        ("wrong-then-ok", "json_schema"),
        ("wrong-tool-first", "tools"),
        ("responses-wrong-first", "responses"),
    ],
)
def test_a_wrong_answer_is_asked_for_again_with_the_error(
    server: ChaosServer, route: str, mode: str
):
    """The second call says which field is missing; tokens and calls count twice."""
    outcome = ask(server.url(route), mode=mode)

    body = server.bodies[route][1]
    told = body["input" if mode == "responses" else "messages"]
    assert [Finding(method="a", n=1)] == outcome.answers
    assert "method\n  Field required" in told[-1]["content"]
    assert "tool" if mode == "tools" else "user" == told[-1]["role"]
    assert (2, 20) == (outcome.calls, outcome.only.completion.usage.input_tokens)


def test_an_answer_that_stays_wrong_fails_its_paper_with_the_path(server: ChaosServer):
    """The other papers are not touched."""
    outcome = ask(server.url("wrong-schema"))

    assert ["schema_invalid"] == outcome.failure_classes
    assert "2 validation errors for Finding method Field required" in outcome.only.message
    assert '{"methd":"a","n":"many"}' == outcome.only.excerpt
    assert 2 == outcome.calls


def test_the_number_of_reasks_is_a_limit(server: ChaosServer):
    """None at all, if so wanted."""
    outcome = ask(server.url("wrong-then-ok"), max_reasks=0)

    assert ["schema_invalid"] == outcome.failure_classes
    assert 1 == outcome.calls
