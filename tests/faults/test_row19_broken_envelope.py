"""Fault 19: the envelope is no JSON."""

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_a_broken_envelope_is_a_fault_of_the_transport(server: ChaosServer):
    """It is tried again, and then a row: no crash."""
    outcome = ask(server.url("broken-envelope"))

    assert ["transport"] == outcome.failure_classes
    assert outcome.only.message.startswith("the answer is broken JSON")
    assert 1 == len(ask(server.url("broken-envelope-once")).answers)
