"""How rows look: for people, and for programs."""

from __future__ import annotations

import io
import json
import math
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.exports import write_text
from extract.store.parquet_out import write_rows
from extract.store.query import Column, QueryResult
from extract.tables import FORMATS, render


def result_of(rows: list[tuple[Any, ...]], *columns: str, truncated: bool = False) -> QueryResult:
    """Return a result of *rows*; a column is written as `name TYPE`."""
    pairs = [Column(*column.split(" ", 1)) for column in columns]
    return QueryResult(pairs, rows, truncated, 0.0)


def shown(result: QueryResult, format: str = "table", width: int | None = None) -> str:
    """Return what is written for *result*."""
    file = io.StringIO()
    render(result, format, file=file, width=width)
    return file.getvalue()


def test_a_table_aligns_texts_left_and_numbers_right() -> None:
    """Names stand over their columns, and the last line counts the rows."""
    result = result_of([("BERT", 93.2), ("ViT", -1.5)], "method VARCHAR", "number DOUBLE")

    assert (
        "method  number\n"
        "──────  ──────\n"
        "BERT      93.2\n"
        "ViT       -1.5\n"
        "2 rows\n"
    ) == shown(result)  # fmt: skip


def test_null_is_told_from_the_word() -> None:
    """NULL is bare, the text NULL is quoted, the empty text is empty."""
    result = result_of([(None,), ("NULL",), ("",)], "name VARCHAR")

    assert ["NULL", "'NULL'", ""] == shown(result).splitlines()[2:-1]


def test_a_cut_result_says_how_to_get_the_rest() -> None:
    """The limit is never silent."""
    result = result_of([(1,)], "n INTEGER", truncated=True)

    assert "truncated at 1 row; --limit 0 for all" == shown(result).splitlines()[-1]


def test_no_rows_are_a_table_too() -> None:
    """The names of the columns are part of the answer."""
    assert "name\n────\n0 rows\n" == shown(result_of([], "name VARCHAR"))


def test_long_texts_wrap_and_are_then_cut() -> None:
    """Three lines of a cell, and no line longer than the terminal."""
    result = result_of([(7, "one two three four five six seven eight")], "n INTEGER", "t VARCHAR")

    assert (
        "n  t\n"
        "─  ──────────\n"
        "7  one two\n"
        "   three four\n"
        "   five six…\n"
        "1 row\n"
    ) == shown(result, width=13)  # fmt: skip


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Wide characters, long words and many columns included."""
    row = ("日本語テキスト" * 9, "x" * 99, "a b c " * 30, None, 1.5)
    columns = [
        f"{name} {kind}" for name, kind in zip("abcde", ["VARCHAR"] * 4 + ["DOUBLE"], strict=True)
    ]
    lines = shown(result_of([row], *columns), width=width).splitlines()

    assert [] == [line for line in lines if len(line) + sum(c > "⺀" for c in line) > width]


def test_too_many_columns_become_records() -> None:
    """A row is then a block of lines, one a column."""
    result = result_of([("BERT", None, 3)], "method VARCHAR", "dataset VARCHAR", "number INTEGER")

    assert (
        "── row 1 ───────\n"
        "metho  BERT\n"
        "d\n"
        "datas  NULL\n"
        "et\n"
        "numbe  3\n"
        "r\n"
        "1 row\n"
    ) == shown(result, width=16)  # fmt: skip


def test_a_plan_is_shown_as_it_is_drawn() -> None:
    """EXPLAIN answers with a drawing, which is no cell."""
    result = result_of(
        [("physical_plan", "╭─╮\n╰─╯\n")], "explain_key VARCHAR", "explain_value VARCHAR"
    )

    assert "╭─╮\n╰─╯\n" == shown(result)


def test_json_is_one_document_with_all_digits() -> None:
    """Numbers stay numbers, dates are ISO, and what JSON cannot say is text."""
    row = (2**70, Decimal("1.10"), math.nan, -math.inf, date(2026, 1, 2), True, None, [1, {"a": 1}])
    result = result_of([row], *[f"{name} T" for name in "abcdefgh"])

    assert (
        '[\n{"a": 1180591620717411303424, "b": 1.10, "c": "NaN", "d": "-Infinity",'
        ' "e": "2026-01-02", "f": true, "g": null, "h": [1, {"a": 1}]}\n]\n'
    ) == shown(result, "json")


def test_repeated_names_get_numbers_in_json() -> None:
    """An object cannot have a key twice without losing a value."""
    assert '{"a": 1, "a_1": 2}\n' == shown(result_of([(1, 2)], "a T", "a T"), "jsonl")


def test_no_rows_are_an_empty_array() -> None:
    """And JSON lines of nothing are nothing."""
    assert ("[]", "") == (
        shown(result_of([], "a T"), "json").strip(),
        shown(result_of([], "a T"), "jsonl"),
    )


def test_csv_quotes_what_needs_it() -> None:
    """Commas, quotes and lines stay inside their cell."""
    result = result_of([('a,"b"\nc', datetime(2026, 1, 2, 3, 4))], "a T", "b T")

    assert 'a,b\n"a,""b""\nc",2026-01-02 03:04:00\n' == shown(result, "csv")


def test_markdown_cells_are_only_text() -> None:
    """Pipes, lines, markup and HTML of a cell are characters."""
    result = result_of([("a|b\n<img src=x> *c* [d](e)", 1, None)], "a T", "b T", "c T")

    assert (
        "| a | b | c |\n"
        "| --- | ---: | --- |\n"
        "| a\\|b\\n&lt;img src=x&gt; \\*c\\* \\[d\\](e) | 1 | *NULL* |\n"
    ) == shown(result, "markdown")


def test_formats_for_programs_take_rows_as_they_come() -> None:
    """An export of millions is never held: each row is written before the next is asked for."""
    file = io.StringIO()

    def rows() -> Any:
        for number in range(3):
            assert number == file.getvalue().count('"n"')
            yield (number,)

    class Direct(io.StringIO):
        def writelines(self, lines: Any) -> None:
            for line in lines:
                file.write(line)

    write_text(["n"], rows(), "jsonl", file=Direct())

    assert [{"n": 0}, {"n": 1}, {"n": 2}] == list(map(json.loads, file.getvalue().splitlines()))


def test_every_format_is_listed() -> None:
    """The command's choices come from here; Parquet is a file of its own."""
    assert ("table", "json", "jsonl", "csv", "markdown") == FORMATS


def test_parquet_keeps_types_and_values(tmp_path: Path) -> None:
    """What is read back is what was written, types included."""
    columns = ["i BIGINT", "d DECIMAL(38,2)", "f DOUBLE", "s VARCHAR", "b BLOB", "t TIMESTAMP"]
    columns += ["l INTEGER[]", "h HUGEINT", "s VARCHAR"]
    row = (
        9223372036854775807,
        Decimal("1234567890123456789012345678.55"),
        0.1,
        'é𝄞"\\\n\x00',
        b"\xaa\x00'",
        datetime(2026, 1, 2, 3, 4, 5, 678901),
        [1, None],
        2**63,
        None,
    )
    result = result_of([row], *columns)
    path = tmp_path / "out's.parquet"

    assert 1 == write_rows(path, result.columns, result.rows)
    assert [path] == list(tmp_path.iterdir())
    with duckdb.connect() as connection:
        found = connection.execute("select * from read_parquet(?)", [str(path)])
        assert [*list("idfsbtlh"), "s_1"] == [column[0] for column in found.description]
        assert [row] == found.fetchall()
