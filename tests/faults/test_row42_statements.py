"""Fault 42: a query that reads files, calls out, writes or changes settings.

Every line of `fixtures/statements.txt` takes the real way, in a folder with files worth
stealing; the folder is the same afterwards, byte for byte.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from extract.errors import PaperfactsError
from extract.store.query import run_query
from tests.command import paperfacts
from tests.faults.store_kit import command, environment

LINES = Path(__file__).parents[2].joinpath("fixtures", "statements.txt").read_text("utf-8")
STATEMENTS = [line.split("\t") for line in LINES.splitlines() if not line.startswith("#")]
OVER_LIMIT = re.compile(r"the query (needs more|was stopped|used up)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder: a database, another one, a secret and a neighbour's file."""
    monkeypatch.chdir(tmp_path)
    with duckdb.connect("papers.duckdb") as connection:
        connection.execute("create table results (id int, method varchar, payload json)")
        connection.execute("insert into results values (1, 'x', '{}'), (2, 'y', '{}')")
        connection.execute("create table claims as select 1 as a")
    with duckdb.connect("other.duckdb") as connection:
        connection.execute("create table o (i int)")
    Path("secret.csv").write_text("a,b\n1,2\n")
    Path("papers.duckdb.foo").write_text("x,y\n1,2\n")
    return tmp_path


def test_no_statement_reads_beyond_the_tables_or_leaves_a_trace(folder: Path) -> None:
    """Each statement ends as the list says, and no file appears, changes or goes."""
    before = contents(folder)
    expected = [pair for pair in STATEMENTS if pair[0] != "limit"]

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda pair: [outcome(pair[1]), pair[1]], expected))

    assert expected == found
    assert before == contents(folder)


@pytest.mark.slow
def test_no_statement_outlasts_its_limits(folder: Path) -> None:
    """The statements without end or bound are stopped, and leave nothing behind either."""
    before = contents(folder)
    expected = [pair for pair in STATEMENTS if pair[0] == "limit"]

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda pair: [outcome(pair[1]), pair[1]], expected))

    assert expected == found
    assert before == contents(folder)


def test_a_statement_from_standard_input_is_held_to_the_same(folder: Path) -> None:
    """`-` reads it, and a statement may begin with a comment; a second one behind NUL counts."""
    plain = paperfacts("sql", "-", "--db", "papers.duckdb", cwd=folder, input="select 41 + 1 as n")
    two = paperfacts("sql", "-", "--db", "papers.duckdb", cwd=folder, input="select 1\0; drop x")
    noted = paperfacts("sql", "-- all\nselect 7 as n", "--db", "papers.duckdb", cwd=folder)

    assert (0, "42") == (plain.returncode, plain.stdout.split()[2])
    assert (6, "") == (two.returncode, two.stdout)
    assert (0, "7") == (noted.returncode, noted.stdout.split()[2])


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_refusal_that_nobody_reads_keeps_its_exit_code(folder: Path, flags: list[str]) -> None:
    """`paperfacts sql ... 2>&1 | head -0` is no bug of ours, and ends with 6."""
    process = subprocess.Popen(
        command("sql", "drop table results", "--db", "papers.duckdb", *flags),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    process.stdout.close()

    assert 6 == process.wait(60)


def outcome(sql: str) -> str:
    """Return the list's word for how *sql* ends."""
    try:
        run_query(Path("papers.duckdb"), sql, timeout_s=4)
    except PaperfactsError as error:
        if error.exit_code != 6 or "Traceback" in str(error):
            return f"exit {error.exit_code}: {error}"
        if str(error).startswith("query refused: "):
            return "refused"
        return "limit" if OVER_LIMIT.match(str(error)) else "error"
    return "rows"


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of every file under *folder*."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
