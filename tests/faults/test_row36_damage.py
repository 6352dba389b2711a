"""Fault 36: a log that is torn or flipped, and a flipped block."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from extract.store.database import Batch, Database
from extract.store.state import read_state
from extract.tasks import load_task
from tests.faults.store_kit import ROOT, command, environment, numbered_feed, ran, rows, run_command
from tests.faults.stub_process import stub_process

BATCHES = 6
# Commits batches of ten papers without closing, and dies: what it wrote is in the log.
WRITER = f"""
import json, os, sys
import duckdb
from extract.store.database import Batch, Database
from extract.store.connection import CONFIG
from extract.tasks import load_task

connection = duckdb.connect(sys.argv[1], config=CONFIG)
sizes = []
for batch in range({BATCHES}):
    connection.execute("begin")
    connection.execute(
        "insert into papers (paper_id, title, text_hash) select 'p' || (? + i), repeat('x', 300),"
        " 'h' from range(10) t(i)", [batch * 10])
    connection.execute("update meta set flush_seq = flush_seq + 1")
    connection.execute("commit")
    sizes.append(os.path.getsize(sys.argv[1] + ".wal"))
print(json.dumps(sizes), flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """Return a database that a writer left behind, and how long its log was at each commit."""
    db = tmp_path_factory.mktemp("crashed") / "papers.duckdb"
    Database(db, load_task()).prepare()
    done = subprocess.run(
        [sys.executable, "-c", WRITER, str(db)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    state = db.with_name("papers.duckdb.state")
    state.write_text(json.dumps({"flush_seq": BATCHES}), encoding="utf-8")
    return db, json.loads(done.stdout)


@pytest.fixture
def copy(crashed: tuple[Path, list[int]], tmp_path: Path) -> Path:
    """Return a copy of it, to be damaged."""
    for suffix in ("", ".wal", ".state"):
        shutil.copy(f"{crashed[0]}{suffix}", tmp_path / f"papers.duckdb{suffix}")
    return tmp_path / "papers.duckdb"


def flip(path: Path, place: int) -> None:
    """Change one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 0x41
    path.write_bytes(content)


def log_of(db: Path) -> Path:
    """Return the log of a database."""
    return db.with_name(db.name + ".wal")


def test_a_log_that_is_whole_is_taken_in(copy: Path) -> None:
    """A crash alone costs nothing."""
    notes = Database(copy, load_task()).prepare()

    assert [] == notes
    assert [(10 * BATCHES,)] == rows(copy, "select count(*) from papers")


def test_a_torn_log_is_said_and_kept(copy: Path, crashed: tuple[Path, list[int]]) -> None:
    """DuckDB opens it without a word; we know from the state how many commits are gone."""
    whole = log_of(copy).read_bytes()
    log_of(copy).write_bytes(whole[: crashed[1][3] + 5])
    torn = log_of(copy).read_bytes()

    [note] = Database(copy, load_task()).prepare()

    assert f"{copy} has 4 commits, and 6 were confirmed: the last 2 are lost" in note
    aside = copy.with_name("papers.duckdb.damaged")
    assert str(aside) in note
    assert torn == log_of(aside).read_bytes()
    assert [(40,)] == rows(copy, "select count(*) from papers")


def test_a_flipped_log_ends_every_command_and_stays_where_it_is(
    copy: Path, crashed: tuple[Path, list[int]], tmp_path: Path
) -> None:
    """Exit 5 with DuckDB's line and the next step; not a byte of either file changes."""
    flip(log_of(copy), crashed[1][2] + 60)
    before = copy.read_bytes(), log_of(copy).read_bytes()
    feed = numbered_feed(tmp_path / "feed.jsonl", 2)
    with stub_process(tmp_path / "calls") as stub:
        run = ran(run_command(feed, copy, stub.url))

        assert [] == stub.calls
    query = ran(command("sql", "from papers", "--db", copy))
    doctor = ran(command("doctor", copy))
    for each in (run, query):
        assert 5 == each.returncode
        assert f"{copy} cannot be read: " in each.stderr
        assert "WAL file" in each.stderr
        assert f"Delete neither papers.duckdb nor {log_of(copy).name}" in each.stderr
        assert f"paperfacts repair {copy}" in each.stderr
        assert "Traceback" not in each.stderr
    assert 5 == doctor.returncode
    assert "wrong  file" in doctor.stdout
    assert before == (copy.read_bytes(), log_of(copy).read_bytes())


def test_repair_saves_what_stands_before_the_damage(
    copy: Path, crashed: tuple[Path, list[int]]
) -> None:
    """The copy's log is cut before the flipped entry; the original is as it was."""
    flip(log_of(copy), crashed[1][2] + 60)
    before = copy.read_bytes(), log_of(copy).read_bytes()

    done = ran(command("repair", copy))

    repaired = copy.with_name("papers.repaired.duckdb")
    assert 0 == done.returncode, done.stderr
    assert [(30,)] == rows(repaired, "select count(*) from papers")
    assert "with its log: " in done.stdout
    assert "the last 3 commits that were confirmed are not in it" in done.stdout
    assert before == (copy.read_bytes(), log_of(copy).read_bytes())
    assert [] == [path for path in copy.parent.iterdir() if path.name.startswith(".repair")]
    assert 0 == ran(command("doctor", repaired)).returncode


def test_repair_saves_the_rows_around_a_flipped_block(tmp_path: Path) -> None:
    """Rows of whole blocks are kept, lost ones are counted, and the rest agrees with itself."""
    db = tmp_path / "papers.duckdb"
    store = Database(db, load_task())
    store.prepare()
    with duckdb.connect(str(db)) as connection:
        # Text that does not shrink, in several groups of rows, so that it fills many blocks.
        connection.execute(
            "insert into completions (completion_key, status, content) select 'k' || i, 'ok',"
            " sha256('a' || i) || sha256('b' || i) from range(300000) t(i)"
        )
    content = db.read_bytes()
    flip(db, len(content) // 2)

    doctor = ran(command("doctor", db))
    done = ran(command("repair", db, "--json"))

    assert 5 == doctor.returncode
    assert "wrong  blocks" in doctor.stdout
    assert "Corrupt" in doctor.stdout
    assert 0 == done.returncode, done.stderr
    saved = json.loads(done.stdout)["tables"]["main.completions"]
    assert 300_000 == saved["kept"] + saved["lost"]
    assert saved["kept"] > 100_000
    assert saved["lost"] > 0
    repaired = tmp_path / "papers.repaired.duckdb"
    assert [(saved["kept"],)] == rows(repaired, "select count(*) from completions")
    assert [] == Database(repaired, load_task()).prepare()


def test_the_number_of_the_last_commit_is_in_the_file_and_beside_it(tmp_path: Path) -> None:
    """Both grow with every batch."""
    store = Database(tmp_path / "papers.duckdb", load_task())
    store.prepare()
    for number in range(3):
        store.write(Batch(papers=[{"paper_id": str(number), "text_hash": "h"}]))

    assert 3 == read_state(store.path)
    assert [(3,)] == rows(store.path, "select flush_seq from meta")


@pytest.mark.parametrize("content", ["", "no json", "[]", '{"flush_seq": "x"}'])
def test_a_state_that_says_nothing_is_no_alarm(tmp_path: Path, content: str) -> None:
    """It is beside the database for one purpose, and proves nothing where it is broken."""
    store = Database(tmp_path / "papers.duckdb", load_task())
    store.prepare()
    store.path.with_name("papers.duckdb.state").write_text(content, encoding="utf-8")

    assert [] == store.prepare()
