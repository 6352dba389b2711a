"""Fault 41: extracted text and names of columns that would become SQL.

Here: what a query gives back on its way into a Parquet file, where names and paths have to
be written into a statement.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.store.parquet_out import write_rows
from extract.store.query import Column

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


def read_back(path: Path) -> tuple[str, object]:
    """Return the name and the value of the one cell of a Parquet file."""
    with duckdb.connect() as connection:
        found = connection.execute("select * from read_parquet(?)", [str(path)])
        row = found.fetchone()
        assert row is not None
        return found.description[0][0], row[0]
