"""What a query gives back, and which error a failed one is."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import duckdb
import pytest

from extract.errors import InputError, QueryError, StoreError
from extract.store.faults import store_error
from extract.store.query import Column, iter_query, run_query


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database of two methods."""
    path = tmp_path_factory.mktemp("query") / "papers.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table methods (name varchar, year int)")
        connection.execute("insert into methods values ('BERT', 2018), ('ViT', 2020)")
        connection.execute("create view claims as select name from methods")
    return path


def held_by(statement: str, path: Path) -> subprocess.Popen[str]:
    """Start a process that runs *statement* on *path* and then keeps it open."""
    code = (
        "import duckdb, sys, time\n"
        "c = duckdb.connect(sys.argv[1]); c.execute(sys.argv[2])\n"
        "print('open', flush=True); time.sleep(float(sys.argv[3])); c.close()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path), statement, "30"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "open\n" == process.stdout.readline()
    return process


def test_a_query_answers_with_columns_and_rows(db: Path) -> None:
    """Names and types are DuckDB's, rows are tuples."""
    result = run_query(db, "from methods order by year")

    assert [Column("name", "VARCHAR"), Column("year", "INTEGER")] == result.columns
    assert [("BERT", 2018), ("ViT", 2020)] == result.rows
    assert not result.truncated


def test_no_rows_are_an_answer(db: Path) -> None:
    """An empty result has its columns."""
    result = run_query(db, "select name from methods where false")

    assert ([Column("name", "VARCHAR")], []) == (result.columns, result.rows)


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("170141183460469231731687303715884105727::hugeint", 2**127 - 1),
        ("repeat('9', 60)::bignum", int("9" * 60)),
        ("1.10::decimal(10, 2)", Decimal("1.10")),
        ("'-inf'::double", -math.inf),
        ("0.1 + 0.2::double", 0.1 + 0.2),
        ("date '2026-11-23'", date(2026, 11, 23)),
        ("date '0044-03-15 (BC)'", "0044-03-15 (BC)"),
        ("timestamp '2026-11-23 10:11:12.123456'", datetime(2026, 11, 23, 10, 11, 12, 123456)),
        ("timestamptz '2026-11-23 10:00:00+02'", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("timestamp_ns '2026-11-23 10:11:12.123456789'", "2026-11-23 10:11:12.123456789"),
        ("time '10:11:12'", clock(10, 11, 12)),
        ("interval '1 month 2 days'", "1 month 2 days"),
        ("[interval '1 month']", ["1 month"]),
        ("[1, null, 3]", [1, None, 3]),
        ("[1.5::decimal(3, 1)]", [Decimal("1.5")]),
        ("{'a': 1, 'b': {'decimal': [date '2026-01-01']}}", None),
        ("map {1: 'x'}", {1: "x"}),
        ("map {[1]: 2}", {"key": [[1]], "value": [2]}),
        ("'\\xAA\\x00'::blob", b"\xaa\x00"),
        ("uuid '96d386ad-8ee7-416f-9723-3b16c7a60596'", None),
        ("null", None),
        ("chr(0) || chr(27) || chr(8238) || '\"\\é𝄞' || chr(10)", '\x00\x1b\u202e"\\é𝄞\n'),
        ("''", ""),
        ("'nan'", "nan"),
    ],
)
def test_a_value_arrives_as_it_is(db: Path, sql: str, value: object) -> None:
    """Nothing is lost on the way from DuckDB, whatever the type."""
    special: dict[str, object] = {
        "{'a'": {"a": 1, "b": {"decimal": [date(2026, 1, 1)]}},
        "uuid ": UUID("96d386ad-8ee7-416f-9723-3b16c7a60596"),
    }

    assert [(special.get(sql[:5], special.get(sql[:4], value)),)] == run_query(
        db, f"select {sql}"
    ).rows


def test_not_a_number_arrives(db: Path) -> None:
    """NaN is a value of a double."""
    ((value,),) = run_query(db, "select 'nan'::double").rows

    assert math.isnan(value)


def test_every_type_of_duckdb_arrives(db: Path) -> None:
    """No type ends in a traceback, not even those that need pytz elsewhere."""
    result = run_query(db, "from test_all_types()")

    assert 3 == len(result.rows)
    assert {len(result.columns)} == set(map(len, result.rows))


def test_rows_come_in_chunks(db: Path) -> None:
    """An export sees them while the query still runs, in order and none missing."""
    with iter_query(db, "select range as i, 'text ' || range from range(20000)") as running:
        chunks = list(running)

    assert len(chunks) > 3
    assert list(range(20000)) == [row[0] for chunk in chunks for row in chunk]


def test_a_mistake_is_answered_in_duckdbs_words(db: Path) -> None:
    """The line and the caret say where; the hint says which tables there are."""
    with pytest.raises(QueryError) as caught:
        run_query(db, "select * from method")

    message = str(caught.value)
    assert "LINE 1: select * from method" in message and "^^^^^^" in message
    assert "tables: claims, methods" == caught.value.hint
    assert 6 == caught.value.exit_code


def test_an_unknown_column_is_answered_with_candidates(db: Path) -> None:
    """DuckDB knows which were meant."""
    with pytest.raises(QueryError, match='Candidate bindings: "name"'):
        run_query(db, "select nam from methods")


@pytest.mark.parametrize("sql", ["", "-- nothing", "select 1; select 2", "drop table methods"])
def test_anything_but_one_statement_that_reads_is_refused(db: Path, sql: str) -> None:
    """The hint says what can be run."""
    with pytest.raises(QueryError, match="query refused: ") as caught:
        run_query(db, sql)

    assert caught.value.hint.startswith("run one statement that reads")


def test_a_change_after_with_is_named(db: Path) -> None:
    """WITH is no word to refuse: it is what follows that changes data."""
    with pytest.raises(QueryError, match=r"query refused: it changes data: WITH ... DELETE"):
        run_query(db, "with a as (select 1) delete from methods")


def test_tables_are_listed_once_and_as_a_query_names_them(tmp_path: Path) -> None:
    """A view of a task that has the bare name too is listed by that alone."""
    path = tmp_path / "papers.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in (
            "create schema history",
            'create schema "task_my-task"',
            'create table history."my-task_arms" as select 1 as i',
            'create view "task_my-task".arms as select 1 as i',
            'create view "task_my-task".arms_all as select 1 as i',
            "create view arms as select 1 as i",
        ):
            connection.execute(statement)

    with pytest.raises(QueryError) as caught:
        run_query(path, "from nothing_here")

    names = ["arms", '"task_my-task".arms_all', 'history."my-task_arms"']
    assert "tables: " + ", ".join(names) == caught.value.hint
    assert [1, 1, 1] == [len(run_query(path, f"from {name}").rows) for name in names]


def test_text_that_cannot_be_encoded_is_refused(db: Path) -> None:
    """Bytes of a command line that are no text become lone surrogates."""
    with pytest.raises(QueryError, match="no valid text"):
        run_query(db, "select '\udcff'")


def test_variables_of_the_caller_are_no_tables(db: Path) -> None:
    """DuckDB would look for them by name in a process that has them."""
    methods_list = [1]

    with pytest.raises(QueryError, match="methods_list does not exist"):
        run_query(db, "from methods_list")
    assert [1] == methods_list


def test_without_a_database_the_next_step_is_a_run(tmp_path: Path) -> None:
    """Nothing is created by asking."""
    path = tmp_path / "none.duckdb"

    with pytest.raises(InputError) as caught:
        run_query(path, "select 1")

    assert (2, f"paperfacts run FEED --db {path}") == (caught.value.exit_code, caught.value.hint)
    assert [] == list(tmp_path.iterdir())


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    """It is the path that is wrong."""
    with pytest.raises(InputError, match="is a folder, not a file"):
        run_query(tmp_path, "select 1")


@pytest.mark.parametrize("name", ["papers.duckdb", "feed.csv"])
@pytest.mark.parametrize("content", [b"", b"id,title\n1,x\n" * 500])
def test_a_file_of_another_kind_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    """It is told apart from a damaged one, and the file stays as it is."""
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(StoreError, match=f"{name} is not a DuckDB file: ") as caught:
        run_query(path, "select 1")

    assert 5 == caught.value.exit_code
    assert content == path.read_bytes()


def test_a_cut_database_is_a_store_error_that_says_to_keep_the_files(
    db: Path, tmp_path: Path
) -> None:
    """Nobody is told to delete anything."""
    path = tmp_path / "cut.duckdb"
    path.write_bytes(db.read_bytes()[:5000])

    with pytest.raises(StoreError, match="cannot be read") as caught:
        run_query(path, "select 1")

    assert "Delete neither" in caught.value.hint


def test_a_database_of_a_newer_version_is_a_store_error() -> None:
    """The next step is an upgrade; the words are DuckDB 1.5.6's about a file of 2.0."""
    error = store_error(
        Path("papers.duckdb"),
        "IO Error: Trying to read a database file with version number 69,"
        " but we can only read versions between 64 and 68.",
    )

    assert "version number 69" in str(error)
    assert "upgrade with: pip install --upgrade paperfacts duckdb" == error.hint


def test_a_database_that_stays_locked_is_a_store_error(tmp_path: Path) -> None:
    """It is waited for, but not longer than two seconds."""
    path = tmp_path / "held.duckdb"
    writer = held_by("create table t as select 1", path)
    begin = time.monotonic()
    try:
        with pytest.raises(StoreError, match=f"PID {writer.pid}"):
            run_query(path, "from t")
    finally:
        writer.kill()
        writer.communicate()

    assert 2 <= time.monotonic() - begin < 4


def test_a_query_waits_for_a_writer_that_lets_go(tmp_path: Path) -> None:
    """A run holds the database for moments only."""
    path = tmp_path / "held.duckdb"
    duckdb.connect(str(path)).close()
    writer = held_by("create table t as select 42", path)
    threading.Timer(0.5, writer.send_signal, [signal.SIGKILL]).start()
    try:
        result = run_query(path, "from t")
    finally:
        writer.communicate()

    assert [(42,)] == result.rows


def test_a_log_left_by_a_killed_writer_is_read_and_left(tmp_path: Path) -> None:
    """What was committed counts, and the next writer puts it in place."""
    path = tmp_path / "killed.duckdb"
    writer = held_by("create table t as select 42", path)
    writer.kill()
    writer.communicate()
    log = Path(f"{path}.wal")
    before = log.read_bytes()

    assert [(42,)] == run_query(path, "from t").rows
    assert before == log.read_bytes()


def test_a_query_sees_nothing_of_the_environment(
    db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither Python's variables nor a module in the current folder take part."""
    monkeypatch.chdir(tmp_path)
    Path("json.py").write_text("raise SystemExit('the wrong json')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    assert [(1,)] == run_query(db, "select 1").rows
    assert ["json.py"] == os.listdir()
