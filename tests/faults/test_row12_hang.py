"""Fault 12: no answer comes."""

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_a_hang_is_ended_and_tried_once_more(server: ChaosServer):
    """Two deadlines, then the row."""
    outcome = ask(server.url("hang"), call_timeout_s=0.2)

    assert ["timeout"] == outcome.failure_classes
    assert outcome.only.is_transient
    assert 2 == server.hits["hang"]


def test_a_single_hang_costs_no_paper(server: ChaosServer):
    """The second call is answered."""
    outcome = ask(server.url("hang-once"), call_timeout_s=0.3)

    assert 1 == len(outcome.answers)
