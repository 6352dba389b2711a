"""Fault 36: a path after --db that leads to something other than a database of paperfacts.

Nothing waits, nothing is fetched, no file changes, and nobody is told to repair what was never
ours.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from extract.errors import StoreError
from extract.store.database import Batch, Database
from extract.store.query import run_query
from extract.tasks import load_task
from tests.command import paperfacts
from tests.faults.store_kit import rows

ROW = Batch(papers=[{"paper_id": "1", "text_hash": "h"}])


def refused(path: Path) -> str:
    """Return what a run is told of *path*."""
    with pytest.raises(StoreError) as caught:
        Database(path, load_task()).prepare()
    return f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("name", [":memory:", "md:papers", "sqlite:papers", "it's.duckdb", 'a"b'])
def test_a_name_that_means_something_to_duckdb_is_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`:memory:` would be lost at the end, and `md:` asks for an extension."""
    monkeypatch.chdir(tmp_path)
    store = Database(Path(name), load_task())
    store.prepare()
    store.write(ROW)

    assert [("1",)] == run_query(Path(name), "select paper_id from papers").rows
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize("name", ["history.v2.duckdb", "task_facts.old.duckdb", "history"])
def test_a_name_of_a_schema_is_refused_up_to_its_first_full_stop(name: str, tmp_path: Path) -> None:
    """DuckDB calls `history.v2.duckdb` history, and could not tell it from our schema."""
    assert "is the name of a schema" in refused(tmp_path / name)
    assert [] == list(tmp_path.iterdir())


def test_a_question_mark_in_the_path_is_refused(tmp_path: Path) -> None:
    """DuckDB would keep the log of `a?b` in `a.wal?b`, where nobody looks for it."""
    folder = tmp_path / "what?"
    folder.mkdir()

    assert "Name a file without ? in its path" in refused(folder / "papers.duckdb")
    assert [] == list(folder.iterdir())


def test_a_path_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """DuckDB takes text, and its binding fails on anything else with a bare RuntimeError."""
    assert "its path is not UTF-8" in refused(Path(os.fsdecode(bytes(tmp_path) + b"/b\xff.duckdb")))


def test_no_command_waits_for_a_pipe(tmp_path: Path) -> None:
    """Opening one waits for a writer that never comes."""
    pipe = tmp_path / "pipe.duckdb"
    os.mkfifo(pipe)
    for command in (["repair", pipe], ["batch", "status", "--db", pipe], ["doctor", pipe]):
        done = paperfacts(*command, cwd=tmp_path, timeout_s=60)

        assert 5 == done.returncode, command
        assert "pipe.duckdb is not a file" in done.stdout + done.stderr


def test_a_sqlite_file_is_named_and_nothing_is_fetched_for_it(tmp_path: Path) -> None:
    """DuckDB would load an extension to read it, from its server where there is none."""
    path = tmp_path / "papers.duckdb"
    connection = sqlite3.connect(path)
    connection.execute("create table papers (id)")
    connection.close()
    before = path.read_bytes()
    repair = paperfacts("repair", path, cwd=tmp_path)
    query = paperfacts("sql", "from papers", "--db", path, cwd=tmp_path)

    assert f"{path} is not a DuckDB file" in refused(path)
    assert (5, 5) == (repair.returncode, query.returncode)
    assert f"{path} is not a DuckDB file" in query.stderr
    assert "download" not in repair.stderr
    assert before == path.read_bytes()


@pytest.mark.parametrize("columns", ["id int", "schema_version int, flush int"])
def test_a_table_of_ours_that_another_program_made_is_not_touched(
    columns: str, tmp_path: Path
) -> None:
    """Its columns are others: our rows would not fit, and its own are nobody's damage."""
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create table meta ({columns})")
        connection.execute("create table papers (id int)")
    before = path.read_bytes()

    assert "was not made by paperfacts" in refused(path)
    for command in (["doctor", path], ["repair", path], ["audit", "--db", path]):
        done = paperfacts(*command, cwd=tmp_path)
        said = done.stdout + done.stderr

        assert 5 == done.returncode, command
        assert "was not made by paperfacts" in said or f"paperfacts doctor {path}" in said
        assert "Did you mean" not in said
    assert before == path.read_bytes()
    assert not (tmp_path / "other.repaired.duckdb").exists()


def test_tables_beside_those_of_another_program_are_told_of(tmp_path: Path) -> None:
    """A wrong path after --db should not go unnoticed; the other tables stay."""
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table customers as select 1 as id")
    store = Database(path, load_task())

    [note] = store.prepare()

    assert "another program's (customers)" in note
    assert [] == store.prepare()
    assert [(1,)] == rows(path, "select id from customers")


def test_a_database_that_goes_away_during_a_run_is_not_made_anew(tmp_path: Path) -> None:
    """An empty file in its place would look like a database that lost everything."""
    store = Database(tmp_path / "papers.duckdb", load_task())
    store.prepare()
    store.path.rename(tmp_path / "moved.duckdb")

    with pytest.raises(StoreError, match=r"papers\.duckdb is gone"):
        store.write(ROW)
    assert not store.path.exists()


def test_the_file_is_free_between_two_flushes(tmp_path: Path) -> None:
    """The engine is kept and the file is not: another process may write to it in between."""
    store = Database(tmp_path / "papers.duckdb", load_task())
    store.prepare()
    store.write(ROW)
    code = (
        "import duckdb, sys; duckdb.connect(sys.argv[1])"
        ".execute(\"insert into papers (paper_id) values ('2')\")"
    )
    subprocess.run([sys.executable, "-c", code, store.path], check=True)
    store.write(Batch(papers=[{"paper_id": "3", "text_hash": "h"}]))

    assert [(3,)] == rows(store.path, "select count(*) from papers")
