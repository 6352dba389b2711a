"""A database of an older version is brought up to date, and one of a newer is left alone.

`fixtures/layouts/N.sql` makes the tables of version N as that version made them. The newest one
is what the present version makes: a change of `layout.TABLES` needs a new version and a new file,
or, before a release has made any database, the newest file written again:

    python -m tests.test_store_versions
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from extract.errors import StoreError
from extract.store.copying import wal_path
from extract.store.database import Batch, Database
from extract.store.layout import SCHEMA_VERSION, TABLES, base_statements
from extract.tasks import load_task
from tests.faults.store_kit import ROOT, environment, rows

TASK = load_task()
LAYOUTS = ROOT / "fixtures" / "layouts"


def older_file(path: Path) -> None:
    """Make a database as a version before columns and a table were added: 0, with an answer."""
    with duckdb.connect(str(path)) as connection:
        for statement in base_statements():
            connection.execute(statement)
        connection.execute("alter table runs drop column price")
        connection.execute("alter table completions drop column token_logprobs")
        connection.execute("alter table completions drop column latency_s")
        connection.execute("drop table metrics")
        connection.execute("insert into meta values (0, '0.0.1', 7)")
        connection.execute("insert into completions (completion_key, content) values ('k', 'c')")
        connection.execute("insert into runs (run_id, feed) values ('r', 'feed.xml')")


def columns(path: Path) -> dict[str, dict[str, str]]:
    """Return the columns of the base tables of a database."""
    found: dict[str, dict[str, str]] = {}
    for table, column, type_ in rows(
        path,
        "select table_name, column_name, data_type from duckdb_columns()"
        " where schema_name = 'main' and not internal",
    ):
        found.setdefault(table, {})[column] = type_
    return {table: found[table] for table in TABLES}


def test_an_older_file_gets_what_it_lacks_and_keeps_what_it_has(tmp_path: Path) -> None:
    """Its rows stay, its version is the present one, and the file as it was lies beside it."""
    path = tmp_path / "papers.duckdb"
    older_file(path)

    [note] = Database(path, TASK).prepare()

    backup = tmp_path / "papers.duckdb.v0.bak"
    assert f"made by paperfacts 0.0.1 and has been brought up to date; as it was: {backup}" in note
    assert {name: table for name, (table, _) in TABLES.items()} == columns(path)
    assert [("k", "c", None)] == rows(
        path, "select completion_key, content, latency_s from completions"
    )
    assert [("r", "feed.xml", None)] == rows(path, "select run_id, feed, price from runs")
    assert [(SCHEMA_VERSION, 7)] == rows(path, "select schema_version, flush_seq from meta")
    assert [(0, 7)] == rows(backup, "select schema_version, flush_seq from meta")
    assert [] == Database(path, TASK).prepare()


def test_an_older_file_is_written_to_like_any_other(tmp_path: Path) -> None:
    """The added columns take values."""
    path = tmp_path / "papers.duckdb"
    older_file(path)
    store = Database(path, TASK)
    store.prepare()

    store.write(Batch(completions=[{"completion_key": "n", "latency_s": 0.5}]))

    assert [("n", 0.5)] == rows(
        path, "select completion_key, latency_s from completions where completion_key = 'n'"
    )


def test_the_log_of_a_killed_writer_is_part_of_the_backup(tmp_path: Path) -> None:
    """An older file that was not closed is taken up with all its rows."""
    path = tmp_path / "papers.duckdb"
    older_file(path)
    writer = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
        "c.execute(\"insert into completions (completion_key) values ('late')\");"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", writer, str(path)], env=environment())
    assert wal_path(path).exists()

    Database(path, TASK).prepare()

    for each in (path, tmp_path / "papers.duckdb.v0.bak"):
        assert [("k",), ("late",)] == rows(
            each, "select completion_key from completions order by 1"
        )


def test_a_column_of_another_type_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    """What cannot be brought up by adding is said, with the column."""
    path = tmp_path / "papers.duckdb"
    older_file(path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("alter table runs alter column feed type integer using 1")

    with pytest.raises(StoreError, match="column feed of runs is INTEGER, not VARCHAR"):
        Database(path, TASK).prepare()

    assert [(0,)] == rows(path, "select schema_version from meta")
    assert "price" not in [
        row[0]
        for row in rows(path, "select column_name from duckdb_columns() where table_name = 'runs'")
    ]


def test_a_newer_file_keeps_its_log(tmp_path: Path) -> None:
    """Not a byte of the file or of the log that a crash left changes."""
    path = tmp_path / "papers.duckdb"
    Database(path, TASK).prepare()
    writer = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
        "c.execute(\"update meta set schema_version = 99, tool_version = '9.9'\");"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", writer, str(path)], env=environment())
    before = path.read_bytes(), wal_path(path).read_bytes()

    with pytest.raises(StoreError, match=r"written by paperfacts 9\.9, you have") as caught:
        Database(path, TASK).prepare()

    assert "newer" == caught.value.fault
    assert before == (path.read_bytes(), wal_path(path).read_bytes())


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_the_file_of_every_version_is_brought_up(tmp_path: Path, version: int) -> None:
    """Its tables become those of the present version."""
    path = tmp_path / "papers.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute((LAYOUTS / f"{version}.sql").read_text(encoding="utf-8"))
        connection.execute("insert into meta values (?, '0.1.0', 0)", [version])

    Database(path, TASK).prepare()

    assert {name: table for name, (table, _) in TABLES.items()} == columns(path)


def test_the_present_layout_is_written_down() -> None:
    """Who adds a column reads here what to do; the way is told at the head of this file."""
    kept = (LAYOUTS / f"{SCHEMA_VERSION}.sql").read_text(encoding="utf-8")

    assert kept == layout_sql(), f"see {os.path.basename(__file__)}, its first lines"


def layout_sql() -> str:
    """Return the statements that make the base tables, one a line."""
    return "".join(f"{statement};\n" for statement in base_statements())


if __name__ == "__main__":
    (LAYOUTS / f"{SCHEMA_VERSION}.sql").write_text(layout_sql(), encoding="utf-8")
