"""Fault 13: the body trickles in, so that no read ever takes too long."""

import time

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_the_deadline_is_for_the_whole_call(server: ChaosServer):
    """300 bytes at 50 a second would take six seconds."""
    started = time.monotonic()
    outcome = ask(server.url("trickle"), call_timeout_s=0.3)

    assert ["timeout"] == outcome.failure_classes
    assert time.monotonic() - started < 3
