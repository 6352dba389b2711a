"""`paperfacts doctor` finds what is wrong with a database, and says what now."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from extract.cli import _guarded
from extract.errors import InputError
from extract.store.checks import Check, examine
from extract.store.lock import run_lock
from extract.store.repairing import repair_database
from tests.faults.store_kit import numbered_feed, plain_run, ran
from tests.faults.stub_process import stub_process


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a database of a finished run."""
    folder = tmp_path_factory.mktemp("whole")
    db = folder / "papers.duckdb"
    with stub_process(folder / "calls") as stub:
        assert 0 == ran(plain_run(numbered_feed(folder / "f.jsonl", 4), db, stub.url)).returncode
    return db.read_bytes()


@pytest.fixture
def db(whole: bytes, tmp_path: Path) -> Path:
    """Return a copy of that database."""
    path = tmp_path / "papers.duckdb"
    path.write_bytes(whole)
    path.with_name("papers.duckdb.state").write_text('{"flush_seq": 1}', encoding="utf-8")
    return path


def change(db: Path, sql: str) -> None:
    """Run a statement on the database."""
    with duckdb.connect(str(db)) as connection:
        connection.execute(sql)


def found(db: Path) -> dict[str, Check]:
    """Return the checks by name."""
    return {check.name: check for check in examine(db)}


def test_all_is_well_after_a_run(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every check says ok, and the command ends with 0."""
    code = _guarded(["doctor", str(db)])

    lines = capsys.readouterr().out.splitlines()
    assert 0 == code
    assert ["ok"] * 9 == [line.split()[0] for line in lines]


@pytest.mark.parametrize(
    ("sql", "name", "words"),
    [
        ("update meta set schema_version = 99", "version", "you have"),
        ("update history.facts_results set span_end = span_end + 1", "spans", "facts_results"),
        ("update history.facts_methods set evidence = 'other'", "spans", "facts_methods"),
        ("update mentions set span_start = -1", "spans", "main.mentions"),
        ("update papers set sentence_spans = []", "spans", "facts_results"),
        ("delete from extractions", "orphans", "4 current extractions"),
        ("delete from completions", "orphans", "4 extractions without their answer"),
        ("delete from papers", "orphans", "4 extractions without their paper"),
        ("delete from history.facts_claims", "orphans", "lack some of their facts"),
        ("delete from meta", "version", "nothing says which version"),
    ],
)
def test_what_is_wrong_is_named_with_the_next_step(
    db: Path, sql: str, name: str, words: str
) -> None:
    """The exit code is 5, and the check says what to do."""
    change(db, sql)

    check = found(db)[name]

    assert "wrong" == check.verdict
    assert words in check.words
    assert check.next_step
    assert 5 == _guarded(["doctor", str(db)])


@pytest.mark.parametrize(
    ("sql", "name", "words"),
    [
        ("update runs set state = 'running'", "runs", "1 ended without a word"),
        ("drop table probes", "version", "there is no table probes"),
        ("update meta set schema_version = 0", "version", "tables of version 0"),
    ],
)
def test_what_is_no_damage_is_a_note(db: Path, sql: str, name: str, words: str) -> None:
    """The next run sets it right, and the exit code is 0."""
    change(db, sql)

    check = found(db)[name]

    assert "note" == check.verdict
    assert words in check.words
    assert 0 == _guarded(["doctor", str(db)])


def test_commits_that_are_gone_are_counted(db: Path) -> None:
    """The state beside the file knows of more than it has."""
    db.with_name("papers.duckdb.state").write_text('{"flush_seq": 1000}', encoding="utf-8")

    assert "wrong" == found(db)["commits"].verdict
    assert "1000 were confirmed" in found(db)["commits"].words


def test_a_run_in_progress_is_no_crash(db: Path) -> None:
    """A run that is under way has a row that says so, too."""
    change(db, "update runs set state = 'running'")
    with run_lock(db):
        checks = found(db)

    assert "ok" == checks["runs"].verdict
    assert "is writing to it now" in checks["log"].words


def test_a_file_that_is_no_database_is_one_check(tmp_path: Path) -> None:
    """What cannot be opened is not looked at further."""
    path = tmp_path / "papers.duckdb"
    path.write_text("not a database, just text\n" * 500, encoding="utf-8")

    assert ["log", "file"] == list(found(path))
    assert "is not a DuckDB file" in found(path)["file"].words


def test_json_says_the_same(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One document, with every check."""
    _guarded(["doctor", str(db), "--json"])

    document = json.loads(capsys.readouterr().out)
    assert document["is_well"] is True
    assert 9 == len(document["checks"])


def test_repair_leaves_out_what_lost_a_part_of_itself(db: Path) -> None:
    """A run derives it anew; what is whole is kept, and the answers are not asked for again."""
    change(db, "delete from history.facts_claims where paper_id = 'p00001'")
    before = db.read_bytes()
    to = db.with_name("new.duckdb")

    done = repair_database(db, to)

    assert 1 == done.left_out
    assert {"kept": 4, "lost": 0} == done.tables["main.completions"]
    assert all(check.verdict == "ok" for check in examine(to))
    assert before == db.read_bytes()


def test_repair_writes_no_file_that_is_there(db: Path) -> None:
    """The target is never overwritten."""
    with pytest.raises(InputError, match="exists"):
        repair_database(db, db)
