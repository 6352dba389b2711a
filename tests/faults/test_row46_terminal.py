"""Fault 46: text that commands the terminal."""

from __future__ import annotations

import io
import json
import sys
import unicodedata

import pytest

from extract.store.query import Column, QueryResult
from extract.tables import render
from extract.terminal import UNSAFE, safe_text

HOSTILE = "a\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b\u202eb\u200b\ufeff"
SHOWN = r"a\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b\u202eb\u200b\ufeff"
RESULT = QueryResult([Column(HOSTILE, "VARCHAR")], [(HOSTILE,), ([HOSTILE],)], False, 0.0)


def rendered(format: str) -> str:
    """Return what is written for a hostile cell under a hostile name."""
    file = io.StringIO()
    render(RESULT, format, file=file, width=200)
    return file.getvalue()


def test_a_table_shows_what_it_would_obey() -> None:
    """Escape sequences, bidi overrides and zero-width characters are there to be read."""
    assert SHOWN == rendered("table").splitlines()[0]


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "markdown"])
def test_nothing_that_is_printed_commands_the_terminal(format: str) -> None:
    """The only control character that is written ends a line."""
    assert set() == set(UNSAFE.findall(rendered(format))) - {"\n"}


def test_json_keeps_the_text() -> None:
    """What a program reads is what the paper said."""
    assert [{HOSTILE: HOSTILE}, {HOSTILE: [HOSTILE]}] == json.loads(rendered("json"))


def test_every_control_and_format_character_counts_as_unsafe() -> None:
    """The written-out ranges leave out none of Unicode's categories of them."""
    missed = [
        hex(point)
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and not UNSAFE.match(chr(point))
    ]

    assert [] == missed


def test_ordinary_text_is_left_alone() -> None:
    """Letters of any script, accents, symbols and a no-break space are no danger."""
    text = "naïve Übersetzung 日本語 עברית 𝄞 ±3\u00a0% e\u0301 …"

    assert text == safe_text(text)


def test_lines_can_be_kept() -> None:
    """A message of several lines keeps them, and nothing else."""
    assert "a\nb\\x1b" == safe_text("a\nb\x1b", keep="\n")
