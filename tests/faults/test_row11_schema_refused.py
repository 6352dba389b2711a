"""Fault 11: the provider does not take the schema."""

from dataclasses import replace

from extract.asking import SchemaRefused
from tests.asking_kit import GRAMMAR_REQUEST, ask
from tests.faults.chaos_server import ChaosServer


def test_a_refused_schema_stops_the_run_in_the_providers_words(server: ChaosServer):
    """Every other paper would be refused too."""
    outcome = ask(server.url("no-schema"), papers=4)

    assert [SchemaRefused] * 4 == [type(each) for each in outcome.results]
    assert "Invalid schema for response_format" in str(outcome.errors[0])
    assert 1 == server.hits["no-schema"]


def test_a_refused_grammar_fails_its_paper_only(server: ChaosServer):
    """A grammar is made for one paper."""
    request = replace(GRAMMAR_REQUEST, answer_schema=None)
    outcome = ask(server.url("no-schema"), papers=2, request=request, answer_model=None)

    assert ["bad_request"] * 2 == outcome.failure_classes
