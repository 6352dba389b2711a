"""Fault 35: our own process loses DuckDB's lock, by opening, copying or forking.

DuckDB's lock is one that a process loses when it closes any descriptor of the file. So nothing
of ours opens the file: not to hash it, not to copy it, not to look whether it is one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import duckdb
import pytest

from extract.errors import StoreError
from extract.store.connection import connected
from tests.faults.store_kit import ROOT, environment, numbered_feed, ran
from tests.faults.stub_process import stub_process

# Notes every file that Python opens in this process; DuckDB's own calls are no event of Python.
WATCHED = """
import os, sys
opened = []

def noted(event, arguments):
    if event in ("open", "shutil.copyfile") or event == "os.fork":
        opened.append((event, *map(str, arguments[:2])))

sys.addaudithook(noted)
import contextlib, io
from pathlib import Path
from extract.cli import _guarded
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.tasks import load_task
from tests.faults.store_kit import PlainSession

feed, db, url, folder = sys.argv[1:]
model = find_model("stub", load_task(), base_url=url)
for _ in range(2):
    run(RunOptions(feed=feed, database=Path(db)), model, open_session=PlainSession(url).opened)
said = io.StringIO()
commands = [
    ["sql", "select count(*) from results", "--db", db],
    ["show", "Net1", "--db", db],
    ["export", "results", "--to", folder + "/out.parquet", "--db", db],
    ["audit", "--db", db],
    ["doctor", db],
    ["repair", db],
]
with contextlib.redirect_stdout(said):
    codes = [_guarded(command) for command in commands]
own = [o for o in opened if any(p.endswith((".duckdb", ".duckdb.wal")) for p in o[1:])]
forks = [o for o in opened if o[0] == "os.fork"]
print(codes, own, forks, len(opened) > 100)
"""


def test_nothing_of_ours_opens_the_database_file(tmp_path: Path) -> None:
    """A run, a rerun and every command that reads leave the opening to DuckDB."""
    feed, db = numbered_feed(tmp_path / "feed.jsonl", 6), tmp_path / "papers.duckdb"
    with stub_process(tmp_path / "calls") as stub:
        done = ran(
            [sys.executable, "-c", WATCHED, str(feed), str(db), stub.url, str(tmp_path)],
            env=environment(),
        )

    assert "[0, 0, 0, 0, 0, 0] [] [] True\n" == done.stdout, done.stderr


def test_a_forked_process_is_refused(tmp_path: Path) -> None:
    """What a fork would write with its parent's connection is lost without a word."""
    db = tmp_path / "papers.duckdb"
    duckdb.connect(str(db)).close()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "nothing"
        try:
            with connected(db):
                said = "opened"
        except StoreError as error:
            said = f"{error} {error.hint}"
        finally:
            os.write(write, said.encode())
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as words:
        assert "the database was opened in a forked process Use spawn." == words.read()


@pytest.mark.parametrize("word", ["os.fork(", "multiprocessing", "pty.fork"])
def test_no_module_forks(word: str) -> None:
    """Other processes are started afresh."""
    sources = [path for path in (ROOT / "extract").rglob("*.py") if "training" not in path.parts]

    assert [] == [str(path) for path in sources if word in path.read_text(encoding="utf-8")]
