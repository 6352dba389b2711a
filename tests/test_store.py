"""The database gives back what it was given, whatever that was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.errors import PaperfactsError, StoreError
from extract.store import connection
from extract.store.connection import connected
from extract.store.database import Batch, Database
from extract.store.inserting import insert
from extract.store.query import run_query
from extract.store.writer import Writer
from extract.tasks import load_task

TASK = load_task()
NEW = {"completion_key": "new"}


def database(path: Path) -> Database:
    """Return a prepared database of the built-in task."""
    prepared = Database(path, TASK)
    prepared.prepare()
    return prepared


def without_mentions(path: Path) -> Database:
    """Return a database that takes no mentions."""
    store = database(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("drop table mentions")
    return store


def paper(paper_id: str, **columns: Any) -> dict[str, Any]:
    """Return the row of a paper."""
    return {"paper_id": paper_id, "title": "T", "abstract": "A", "text_hash": "h"} | columns


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("'; drop table papers; --", "'; drop table papers; --"),
        ('"quoted" \\" \\u0041 {"a": [1]}', '"quoted" \\" \\u0041 {"a": [1]}'),
        ("$rows ? :x %s {0}", "$rows ? :x %s {0}"),
        ("a\x00b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("line\nline\ttab\r\x1b[31m", "line\nline\ttab\r\x1b[31m"),
        ("née 東京 🦆 e\u0301 \u202e", "née 東京 🦆 e\u0301 \u202e"),
        ("", ""),
        ("null", "null"),
        ("x" * 1_000_000, "x" * 1_000_000),
    ],
    ids="sql json placeholders nul surrogate control unicode empty null long".split(),
)
def test_hostile_text_comes_back_as_it_was(tmp_path: Path, given: str, stored: str) -> None:
    """Only NUL and lone surrogates, which no database takes, are replaced."""
    store = database(tmp_path / "papers.duckdb")

    store.write(Batch(papers=[paper("p", title=given, authors=[given, "x"], feeds=[given])]))

    with duckdb.connect(str(store.path), read_only=True) as connection:
        row = connection.execute("select title, authors, feeds from papers").fetchone()
    assert (stored, [stored, "x"], [stored]) == row


def test_an_id_is_found_whatever_it_is_made_of(tmp_path: Path) -> None:
    """Ids are bound, never pasted into a statement."""
    store = database(tmp_path / "papers.duckdb")
    store.write(Batch(papers=[paper("o'id\"; --", feeds=["f"])]))

    assert {"o'id\"; --": ("h", ["f"])} == store.known_papers(["o'id\"; --", "other"])


def test_a_batch_is_written_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    """Rows that the database does not take keep out the rest of their batch."""
    store = without_mentions(tmp_path / "papers.duckdb")

    with pytest.raises(StoreError):
        store.write(Batch(papers=[paper("p")], mentions=[{"sentence": 1}]))

    assert {} == store.known_papers(["p"])


@pytest.mark.parametrize(
    ("table", "row", "words"),
    [
        ("papers", {"title": 5}, "papers.title takes VARCHAR, not int 5"),
        ("papers", {"authors": "Ada"}, "papers.authors takes VARCHAR[], not str 'Ada'"),
        ("papers", {"authors": [1]}, "papers.authors takes VARCHAR[], not list [1]"),
        ("papers", {"sentence_spans": [["a", 1]]}, "papers.sentence_spans takes INTEGER[][]"),
        ("papers", {"tilte": "T"}, "papers has no column tilte"),
        ("completions", {"attempts": 1.5}, "completions.attempts takes INTEGER, not float 1.5"),
        ("completions", {"attempts": True}, "completions.attempts takes INTEGER, not bool True"),
        ("completions", {"latency_s": "soon"}, "completions.latency_s takes DOUBLE, not str"),
        ("completions", {"repaired": 1}, "completions.repaired takes BOOLEAN, not int 1"),
    ],
)
def test_a_value_that_the_column_does_not_take_is_an_error(
    tmp_path: Path, table: str, row: dict[str, Any], words: str
) -> None:
    """It never becomes NULL, or another value, without a word; nothing of its batch is stored."""
    store = database(tmp_path / "papers.duckdb")
    keys = {"paper_id": "p"} if table == "papers" else {"completion_key": "k"}
    batch = Batch(extractions=[{"extraction_id": "e"}], **{table: [keys | row]})

    with pytest.raises(PaperfactsError) as caught:
        store.write(batch)

    assert words in str(caught.value)
    assert [(0,)] == run_query(store.path, "select count(*) from extractions").rows


@pytest.mark.parametrize(
    ("row", "words"), [({"created_at": "soon"}, "timestamp"), ({"attempts": 2**40}, "out of range")]
)
def test_a_value_that_only_the_database_can_judge_is_an_error(
    tmp_path: Path, row: dict[str, Any], words: str
) -> None:
    """It is never stored as NULL, or as another value."""
    store = database(tmp_path / "papers.duckdb")

    with pytest.raises(StoreError, match=words):
        store.write(Batch(completions=[{"completion_key": "k"} | row]))


def test_the_same_batch_written_again_changes_nothing(tmp_path: Path) -> None:
    """A commit that seemed to fail may be there; its facts and mentions are not doubled."""
    store = database(tmp_path / "papers.duckdb")
    batch = Batch(
        extractions=[{"extraction_id": "e", "paper_id": "p"}],
        mentions=[{"extraction_id": "e", "surface": "s"}],
        facts={"claims": [{"fact_id": "f", "extraction_id": "e"}]},
    )
    twice = Batch()
    twice.add(batch)
    twice.add(batch)

    for each in (twice, batch):
        store.write(each)

    assert [(1, 1, 1)] == run_query(
        store.path,
        "select (select count(*) from extractions), (select count(*) from mentions),"
        " (select count(*) from history.facts_claims)",
    ).rows


def test_a_row_written_again_replaces_all_of_the_old_one(tmp_path: Path) -> None:
    """Beside rows that are new, and with no value left of those that it does not give."""
    store = database(tmp_path / "papers.duckdb")
    old = {"completion_key": "old", "status": "ok", "content": "{}", "attempts": 1}
    store.write(Batch(completions=[old]))

    store.write(Batch(completions=[{"completion_key": "old", "status": "failed"}, old | NEW]))

    assert [("new", "ok", "{}", 1), ("old", "failed", None, None)] == run_query(
        store.path, "select completion_key, status, content, attempts from completions order by 1"
    ).rows


def test_values_of_every_type_come_back(tmp_path: Path) -> None:
    """A list that is empty, or a number without a point, does not settle its column's type."""
    columns = {
        "n": "INTEGER",
        "a": "VARCHAR[]",
        "s": "INTEGER[][]",
        "d": "DOUBLE",
        "t": "TIMESTAMP",
    }
    rows: list[dict[str, Any]] = [
        {"n": 0},
        {"n": 1, "a": [], "s": [], "d": 1},
        {"n": 2, "a": ["x\x00", None], "s": [[]], "d": 2.5, "t": "2026-11-23 01:02:03.000004"},
        {"n": 3, "a": ("1",), "s": [[0, 5], (6, 7)], "d": float("nan"), "t": "2026-11-23"},
    ]
    with connected(tmp_path / "papers.duckdb") as opened:
        opened.execute("create table x (n int, a varchar[], s int[][], d double, t timestamp)")
        insert(opened, "x", columns, rows)
        insert(opened, "x", columns, [{}])
        insert(opened, "x", columns, [{"n": 4, "d": 2**200}, {"n": 5, "d": 10**400}])
        stored = opened.execute("select n, a, s, d, t::varchar from x order by n").fetchall()

    assert stored == [
        (0, None, None, None, None),
        (1, [], [], 1.0, None),
        (2, ["x\ufffd", None], [[]], 2.5, "2026-11-23 01:02:03.000004"),
        (3, ["1"], [[0, 5], [6, 7]], None, "2026-11-23 00:00:00"),
        (4, None, None, 2.0**200, None),
        (5, None, None, None, None),
        (None, None, None, None, None),
    ]


def test_an_engine_that_fails_is_replaced(tmp_path: Path) -> None:
    """The engine is kept between writes, and whatever became of it costs no row."""
    store = database(tmp_path / "papers.duckdb")
    store.write(Batch(papers=[paper("a")]))
    [kept] = connection._KEPT
    kept.close()

    store.write(Batch(papers=[paper("b")]))
    with pytest.raises(StoreError):
        store.write(Batch(papers=[paper("c", added_at="soon")]))
    assert [] == connection._KEPT
    store.write(Batch(papers=[paper("d")]))

    assert {"a", "b", "d"} == store.known_papers(list("abcd")).keys()


def test_a_fork_takes_no_engine_along(tmp_path: Path) -> None:
    """Its threads would be missing in the child, which would wait for them at its end."""
    store = database(tmp_path / "papers.duckdb")
    store.write(Batch(papers=[paper("a")]))
    assert connection._KEPT

    child = os.fork()
    if child == 0:
        os._exit(len(connection._KEPT))

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert {"a"} == store.known_papers(["a"]).keys()


def test_rows_are_stored_in_small_groups(tmp_path: Path) -> None:
    """Closing writes the last group of a table anew, so a flush costs no more in a large file."""
    store = database(tmp_path / "papers.duckdb")
    for turn in range(3):
        store.write(Batch(papers=[paper(f"{turn}-{number}") for number in range(1000)]))

    with duckdb.connect(str(store.path), read_only=True) as opened:
        groups = opened.execute(
            "select distinct row_group_id, count from pragma_storage_info('papers')"
            " where column_name = 'paper_id' and segment_type = 'VARCHAR' order by 1"
        ).fetchall()
    assert [(0, 2048), (1, 952)] == groups


def test_a_batch_is_full_at_a_hundred_papers(tmp_path: Path) -> None:
    """The writer commits a hundred at a time, or what came within its window."""
    store = database(tmp_path / "papers.duckdb")
    with Writer(store) as writer:
        for number in range(1000):
            writer.put(Batch(papers=[paper(str(number))]))

    assert 10 <= writer.flushes


def test_the_writer_has_written_everything_when_it_ends(tmp_path: Path) -> None:
    """Leaving the block is a flush."""
    store = database(tmp_path / "papers.duckdb")
    with Writer(store) as writer:
        for number in range(300):
            writer.put(Batch(papers=[paper(str(number))]))

    assert 300 == len(store.known_papers([str(number) for number in range(300)]))


def test_a_failed_write_ends_the_writer(tmp_path: Path) -> None:
    """What the database said is raised, and not lost with the thread."""
    store = without_mentions(tmp_path / "papers.duckdb")

    with pytest.raises(StoreError), Writer(store) as writer:
        writer.put(Batch(mentions=[{"sentence": 1}]))


def test_a_database_of_a_newer_version_is_left_untouched(tmp_path: Path) -> None:
    """It is refused with the way out, and not a byte of it changes."""
    path = tmp_path / "papers.duckdb"
    database(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("update meta set schema_version = 99, tool_version = '9.9'")
    before = path.read_bytes()

    with pytest.raises(StoreError, match=r"written by paperfacts 9\.9") as caught:
        Database(path, TASK).prepare()

    assert "pip install --upgrade paperfacts" in caught.value.hint
    assert before == path.read_bytes()


@pytest.mark.parametrize(
    "name",
    "facts.duckdb results.duckdb odd'name.duckdb main.duckdb system.duckdb temp.duckdb".split(),
)
def test_a_database_may_be_called_almost_anything(tmp_path: Path, name: str) -> None:
    """The name of the file, which DuckDB takes for the catalog's, hides no table or view."""
    store = database(tmp_path / name)
    store.write(Batch(papers=[paper("p")]))

    assert {"p": ("h", [])} == store.known_papers(["p"])
    assert [(0,)] == run_query(store.path, "select count(*) from task_facts.results").rows
    assert [(0,)] == run_query(store.path, "select count(*) from results_best").rows


@pytest.mark.parametrize("name", ["papers.csv", "history.duckdb", "task_facts.duckdb"])
def test_a_name_that_would_mislead_is_refused(tmp_path: Path, name: str) -> None:
    """The hint says which name to take."""
    with pytest.raises(StoreError) as caught:
        database(tmp_path / name)

    assert "Name it papers.duckdb." == caught.value.hint
    assert not (tmp_path / name).exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The message names the file, the hint the folder."""
    with pytest.raises(StoreError, match="cannot be written") as caught:
        database(tmp_path / "no" / "papers.duckdb")

    assert "folder" in caught.value.hint
