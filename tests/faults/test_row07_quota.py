"""Fault 7: the quota or the money is used up."""

import pytest

from extract.asking import QuotaExhausted
from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


@pytest.mark.parametrize("route", ["quota", "pay"])
def test_a_used_up_quota_stops_the_run_after_one_call(server: ChaosServer, route: str):
    """It comes as 429 too, but waiting does not help."""
    outcome = ask(server.url(route), papers=5)

    assert [QuotaExhausted] * 5 == [type(each) for each in outcome.results]
    assert 4 == outcome.errors[0].exit_code
    assert "billing" in outcome.errors[0].hint
    assert 1 == server.hits[route]
