"""Fault 49: a small answer that unpacks to a large one."""

import resource

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_an_answer_is_not_unpacked_beyond_its_limit(server: ChaosServer):
    """100 MB in a small body: one call, one row, and no memory for it."""
    ask(server.url("ok"))
    server.routes["warm"] = server.routes["bomb"]
    ask(server.url("warm"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = ask(server.url("bomb"))
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert ["too_large"] == outcome.failure_classes
    assert "the answer is over 8,000,000 bytes" in outcome.only.message
    assert 1 == server.hits["bomb"]
    assert grown_kb < 50_000


def test_a_plain_answer_has_the_same_limit(server: ChaosServer):
    """The limit is for what is read, however it comes."""
    outcome = ask(server.url("ok"), max_response_bytes=100)

    assert ["too_large"] == outcome.failure_classes
