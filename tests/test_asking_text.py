"""What an answer's text may not contain, and what is mended."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.asking.answer_text import UnfitAnswer, fit_text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('{"a":1}', '{"a":1}'),
        (' {"a": 1}\n', ' {"a": 1}\n'),
        ("no JSON at all", "no JSON at all"),
        ('{"a": "\\\\ud800"}', '{"a": "\\\\ud800"}'),
        ('{"a": "\\ud83d\\ude00"}', '{"a": "\\ud83d\\ude00"}'),
    ],
)
def test_clean_text_comes_back_as_it_is(content: str, text: str):
    """And is not flagged; an escaped backslash before `ud800` is no escape."""
    assert (text, False) == fit_text(content)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ('Here: {"a": 1}.', '{"a": 1}'),
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('With {braces} first: {"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ('{"a": "x\ty"}', '{"a": "x\\ty"}'),
        ('{"a": "\\ud83dx"}', '{"a": "\\ufffdx"}'),
        ('{"a": "\\ude00\\ud83d"}', '{"a": "\\ufffd\\ufffd"}'),
        ('{"a": "\\u0000"}', '{"a": "\\ufffd"}'),
        ('{"a": "\x00"}', '{"a": "\ufffd"}'),
    ],
)
def test_what_can_be_mended_without_guessing_is_mended(content: str, text: str):
    """And is flagged."""
    assert (text, True) == fit_text(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a":1,"a":2}', "'a' stands twice"),
        ('[{"b":{"a":1,"a":2}}]', "'a' stands twice"),
        ('{"a":Infinity}', "Infinity is not a number"),
        ('{"a":-Infinity}', "-Infinity is not a number"),
        ('{"a":1e999}', "too large"),
        ('{"a":9223372036854775808}', "fits nowhere"),
        ("{" * 60 + '"a"', "nested too deeply|^$"),
        ('{"a":1} {"a":2}', "2 JSON objects"),
        ('Text {"a":1,"a":2}', "'a' stands twice"),
        ('{"a":' * 50_000, "nested too deeply"),
    ],
)
def test_what_readers_take_differently_is_refused(content: str, words: str):
    """In words for the model."""
    if words.endswith("^$"):  # many braces and no object: left to the validator
        assert (content, False) == fit_text(content)
        return
    with pytest.raises(UnfitAnswer, match=words):
        fit_text(content)


@given(st.text(alphabet=st.characters()))
def test_any_text_in_an_answer_can_be_stored(value: str):
    """Encoded, without NUL, and equal wherever it could be stored before."""
    text, _ = fit_text(json.dumps({"a": value}))
    plain, _ = fit_text(json.dumps({"a": value}, ensure_ascii=False))
    stored = json.loads(text)["a"]

    assert stored == json.loads(plain)["a"]
    assert b"\x00" not in stored.encode()
    if "\x00" not in value and not any("\ud800" <= c <= "\udfff" for c in value):
        assert value == stored
