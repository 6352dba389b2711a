"""Fault 41: extracted text and names of columns that would become SQL.

First: what a query gives back on its way into a Parquet file, where names and paths have to
be written into a statement. Then: papers and answers on their way into the database.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.store.parquet_out import write_rows
from extract.store.query import Column
from extract.tasks import load_task
from tests.command import called
from tests.stub_model import StubModel

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
HOSTILE = "'); drop table results; --"


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=NAMES, value=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_and_any_text_come_back_from_parquet(
    tmp_path: Path, name: str, value: str
) -> None:
    """Quotes, semicolons and comments in them are letters like others."""
    path = tmp_path / "out.parquet"
    write_rows(path, [Column(name, "VARCHAR")], [(value,)])

    assert (name, value) == read_back(path)


def test_a_hostile_name_text_and_path_are_only_written(tmp_path: Path) -> None:
    """Nothing of them is run."""
    path = tmp_path / f"{HOSTILE}.parquet".replace("/", "")
    write_rows(path, [Column('a"b' + HOSTILE, "VARCHAR")], [(HOSTILE,)])

    assert ('a"b' + HOSTILE, HOSTILE) == read_back(path)


def test_a_run_over_hostile_papers_keeps_its_tables_and_their_words(tmp_path: Path) -> None:
    """Ids, titles, abstracts and extracted names are values, and come back letter by letter."""
    feed, db = tmp_path / "feed.jsonl", tmp_path / "papers.duckdb"
    name = "x'); drop table papers; drop view results; --"
    record = {"id": HOSTILE, "title": f"{name}: Birds", "abstract": f"We show {name} and 12 terns."}
    feed.write_text(json.dumps(record))
    with StubModel() as server:
        model = find_model("stub", load_task(), base_url=server.url)
        report = run(RunOptions(feed=str(feed), database=db), model)

    assert (1, []) == (report.asked, report.failed)
    with duckdb.connect(str(db), read_only=True) as connection:
        papers = connection.execute("select paper_id, title, abstract from papers").fetchall()
        methods = connection.execute("select name from task_facts.methods_all").fetchall()
        results = connection.execute("select value from results").fetchall()
    assert [tuple(record.values())] == papers
    assert [(name,)] == methods
    assert [("12",)] == results


def test_a_hostile_name_of_a_table_exports_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What stands for the name of a table is quoted."""
    db = tmp_path / "papers.duckdb"
    with duckdb.connect(str(db)) as connection:
        connection.execute("create table papers as select 1 as a")
    code = called("export", 'papers";drop', "--to", tmp_path / "out.csv", "--db", db)

    assert code in (2, 6), capfd.readouterr().err
    assert not (tmp_path / "out.csv").exists()
    with duckdb.connect(str(db), read_only=True) as connection:
        assert [(1,)] == connection.execute("from papers").fetchall()


def read_back(path: Path) -> tuple[str, object]:
    """Return the name and the value of the one cell of a Parquet file."""
    with duckdb.connect() as connection:
        found = connection.execute("select * from read_parquet(?)", [str(path)])
        row = found.fetchone()
        assert row is not None
        return found.description[0][0], row[0]
