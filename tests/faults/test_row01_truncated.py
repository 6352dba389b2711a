"""Fault 1: the answer is cut at the token limit."""

from tests.asking_kit import Finding, ask
from tests.faults.chaos_server import ChaosServer


def test_a_cut_answer_is_asked_for_once_more_with_twice_the_room(server: ChaosServer):
    """The second call has double the budget and the same messages: nothing is appended."""
    outcome = ask(server.url("cut-unless-roomy"))

    bodies = server.bodies["cut-unless-roomy"]
    assert [64, 128] == [body["max_tokens"] for body in bodies]
    assert bodies[0]["messages"] == bodies[1]["messages"]
    assert [Finding(method="a", n=1)] == outcome.answers


def test_an_answer_that_is_cut_twice_fails_the_paper(server: ChaosServer):
    """The row keeps what was written and what it cost."""
    failure = ask(server.url("cut")).only

    assert "truncated" == failure.failure_class
    assert "length" == failure.finish_reason
    assert '{"method":"abc","n' == failure.excerpt
    assert (2, 20, 10) == (
        failure.usage.calls,
        failure.usage.input_tokens,
        failure.usage.output_tokens,
    )


def test_the_responses_endpoint_has_its_own_word_for_it(server: ChaosServer):
    """`max_output_tokens` is doubled there."""
    outcome = ask(server.url("responses-cut"), mode="responses")

    bodies = server.bodies["responses-cut"]
    assert [64, 128] == [body["max_output_tokens"] for body in bodies]
    assert ["truncated"] == outcome.failure_classes
