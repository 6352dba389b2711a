"""Fault 3: the model refuses."""

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_a_refusal_is_kept_in_the_models_words(server: ChaosServer):
    """One call; the row says what the model said."""
    outcome = ask(server.url("refusal"))

    assert ["refused"] == outcome.failure_classes
    assert "the model refused: I can't help with that" == outcome.only.message
    assert "I can't help with that" == outcome.only.excerpt
    assert 1 == server.hits["refusal"]
