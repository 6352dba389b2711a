"""Fault 43: a query without bound in time, memory or rows."""

from __future__ import annotations

import os
import time
from pathlib import Path

import duckdb
import pytest

from extract.errors import QueryError
from extract.store.query import iter_query, run_query


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with one small table."""
    path = tmp_path_factory.mktemp("limits") / "papers.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table results as select range as id from range(2000)")
    return path


@pytest.mark.parametrize(
    "sql",
    [
        "select len(range(150000000))",
        "select list_aggregate(range(1000000000), 'sum')",
        "select repeat('x', 2000000000)",
    ],
)
def test_a_query_for_more_memory_than_allowed_ends_at_once(db: Path, sql: str) -> None:
    """What once took 13.8 GB and two minutes says within a second what it lacks."""
    begin = time.monotonic()

    with pytest.raises(QueryError, match="more than 2048 MB of memory") as caught:
        run_query(db, sql, timeout_s=4)

    assert 6 == caught.value.exit_code
    assert time.monotonic() - begin < 3


def test_a_query_without_end_is_stopped_within_a_second_of_its_limit(db: Path) -> None:
    """An endless recursion costs what was allowed, and little more."""
    endless = "with recursive t(i) as (select 1 union all select i + 1 from t) select max(i) from t"
    begin = time.monotonic()

    with pytest.raises(QueryError, match="the query was stopped after 1 s"):
        run_query(db, endless, timeout_s=1)

    assert time.monotonic() - begin < 2


def test_processor_time_has_a_limit_of_its_own(db: Path) -> None:
    """Several threads cannot use more than they were given together."""
    with pytest.raises(QueryError, match="used up its processor time"):
        run_query(db, "select count(*) from range(1000000000000)", timeout_s=20, cpu_s=1)


def test_a_query_cannot_wait(db: Path) -> None:
    """Sleeping a minute is refused before it begins."""
    begin = time.monotonic()

    with pytest.raises(QueryError, match="query refused: pg_sleep"):
        run_query(db, "select pg_sleep(60)")

    assert time.monotonic() - begin < 2


def test_rows_are_cut_at_the_limit_and_that_is_said(db: Path) -> None:
    """One row more than the limit is enough to know of."""
    cut = run_query(db, "from results")
    whole = run_query(db, "from results", max_rows=2000)
    every = run_query(db, "from results", max_rows=None)

    assert (1000, True) == (len(cut.rows), cut.truncated)
    assert (2000, False) == (len(whole.rows), whole.truncated)
    assert (2000, False) == (len(every.rows), every.truncated)


def test_leaving_the_rows_ends_the_query(db: Path) -> None:
    """Nobody has to read to the end, and no process stays behind."""
    with iter_query(db, "from range(100000000000)") as running:
        first = next(iter(running))

    assert (0,) == first[0]
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_deep_nesting_is_an_error_and_no_crash(db: Path) -> None:
    """A thousand parentheses end like any other mistake."""
    with pytest.raises(QueryError):
        run_query(db, "select " + "(" * 5000 + "1" + ")" * 5000)
