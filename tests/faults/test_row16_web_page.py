"""Fault 16: the base URL answers with a web page and status 200."""

from extract.asking import NotAnApi
from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_a_web_page_stops_the_run_after_one_more_try(server: ChaosServer):
    """It may be a login page that somebody is just filling in."""
    outcome = ask(server.url("web-page"), papers=3)

    assert [NotAnApi] * 3 == [type(each) for each in outcome.results]
    assert "answers HTML instead of an API's JSON: Log in to the WiFi" in str(outcome.errors[0])
    assert 2 == server.hits["web-page"]


def test_a_web_page_that_goes_away_costs_no_paper(server: ChaosServer):
    """The second call is answered."""
    assert 1 == len(ask(server.url("web-page-once")).answers)
