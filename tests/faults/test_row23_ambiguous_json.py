"""Fault 23: JSON that readers take differently, or not at all."""

import pytest

from tests.asking_kit import Finding, ask
from tests.faults.chaos_server import ChaosServer


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ("same-keys", "the key 'method' stands twice in one object"),
        ("nan", "NaN is not a number in JSON"),
        ("big-integer", "has 5000 digits"),
        ("deep", "nested too deeply"),
    ],
)
def test_ambiguous_json_is_refused_in_words(server: ChaosServer, route: str, words: str):
    """The model is told and asked again, then the paper fails."""
    outcome = ask(server.url(route))

    assert ["schema_invalid"] == outcome.failure_classes
    assert words in outcome.only.message
    assert 2 == server.hits[route]


@pytest.mark.parametrize("route", ["half-pair", "half-pair-plain", "nul"])
def test_text_that_no_database_takes_is_replaced(server: ChaosServer, route: str):
    """Half a surrogate pair and NUL, written plainly or as escapes."""
    outcome = ask(server.url(route))

    assert [Finding(method="a\ufffdb", n=1)] == outcome.answers
    assert outcome.only.completion.repaired
    assert 1 == server.hits[route]


def test_raw_control_characters_are_mended(server: ChaosServer):
    """They stay in the value: the store takes them."""
    assert [Finding(method="a\x01\nb", n=1)] == ask(server.url("raw-control")).answers
