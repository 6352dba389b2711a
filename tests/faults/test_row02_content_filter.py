"""Fault 2: the provider's content filter stops the answer."""

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_a_filtered_answer_is_not_asked_for_again(server: ChaosServer):
    """It would be filtered again."""
    outcome = ask(server.url("filter"))

    assert ["filtered"] == outcome.failure_classes
    assert 1 == outcome.calls == server.hits["filter"]
    assert "content_filter" == outcome.only.finish_reason
