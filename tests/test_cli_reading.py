"""What `sql`, `show` and `export` print, and what they say when it is not to be had."""

from __future__ import annotations

import json
import os
import pty
import sys
from pathlib import Path
from typing import Any

import pytest

from extract.cli import _guarded
from extract.tasks import load_task
from tests.replay import replay

ROOT = Path(__file__).parent.parent
ABSTRACT = (
    "A ViT was there before. We train GritNet, a variant of ViT-B/16. "
    "GritNet reaches 76.3% on Pebbles; [ViT-B/16] does not."
)
ANSWER: dict[str, Any] = {
    "methods": [
        {"name": "GritNet", "role": "proposed", "sentence": 2},
        {"name": "ViT", "role": "other", "sentence": 1},
        {"name": "ViT-B/16", "role": "other", "sentence": 2},
    ],
    "datasets": [{"name": "Pebbles", "role": "used", "sentence": 3}],
    "results": [{"value": "76.3%", "kind": "score", "sentence": 3}],
    "claims": [],
}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database of twelve papers with the same abstract."""
    folder = tmp_path_factory.mktemp("reading")
    papers = [
        {"id": f"p{number:02}", "title": f"GritNet, part {number}", "abstract": ABSTRACT}
        for number in range(1, 13)
    ]
    feed = folder / "feed.jsonl"
    feed.write_text("".join(json.dumps(paper) + "\n" for paper in papers), encoding="utf-8")
    replay(load_task(), feed, folder / "papers.duckdb", lambda todo: ANSWER)
    return folder / "papers.duckdb"


def on_a_terminal(*arguments: str, columns: int) -> str:
    """Return what the command prints where its output is a terminal of that width."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ["COLUMNS"] = str(columns)
        code = "from extract.cli import main; main()"
        os.execv(sys.executable, [sys.executable, "-c", code, *arguments])
    parts = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux ends a terminal this way
            break
        if not part:
            break
        parts.append(part)
    os.close(terminal)
    os.waitpid(pid, 0)
    return b"".join(parts).decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [60, 100])
def test_all_columns_fit_a_terminal(db: Path, columns: int) -> None:
    """Rows that are too wide for a line become records, a column a line."""
    said = on_a_terminal("sql", "select * from results limit 2", "--db", str(db), columns=columns)

    assert "── row 2 ─" in said and "\nvalue " in said
    assert columns == max(map(len, said.splitlines()))


def test_rows_in_a_pipe_are_complete(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No text is cut where a program may read it."""
    assert 0 == _guarded(["sql", "select abstract from papers limit 1", "--db", str(db)])

    assert ABSTRACT in capsys.readouterr().out


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database of a task that a folder holds, without facts."""
    folder = tmp_path_factory.mktemp("trials")
    task = ROOT / "fixtures" / "tasks" / "trials"
    empty: dict[str, Any] = {"conditions": [], "interventions": [], "samples": [], "outcomes": []}
    replay(load_task(str(task)), task / "feed.jsonl", folder / "t.duckdb", lambda todo: empty)
    return folder / "t.duckdb"


@pytest.mark.parametrize("command", [["show", "yoga"], ["show", "x-1", "--why"], ["audit"]])
def test_a_task_that_was_not_run_is_told_with_those_that_were(
    trials: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The database has the name of its task, and the hint says to give the folder."""
    assert 2 == _guarded([*command, "--db", str(trials)])

    said = capsys.readouterr().err
    assert "the task facts was not run on any paper of" in said
    assert "has the task trials: give that after --task" in said and "folder" in said


def test_the_name_of_a_task_is_not_its_folder(
    trials: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name alone says not where the schema is."""
    assert 2 == _guarded(["show", "yoga", "--task", "trials", "--db", str(trials)])

    assert "Give the path of the task's folder" in capsys.readouterr().err


def test_show_marks_each_name_wherever_it_stands(
    db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the title and in every sentence; a name inside a longer one has no mark of its own."""
    assert 0 == _guarded(["show", "p01", "--db", str(db)])

    said = capsys.readouterr().out
    assert "[GritNet], part 1\n" in said
    assert "[1] A [ViT] was there before.\n" in said
    assert "[2] We train [GritNet], a variant of [ViT-B/16].\n" in said
    assert "[3] [GritNet] reaches [76.3%] on [Pebbles]; [[ViT-B/16]] does not.\n" in said


def test_papers_that_could_be_meant_stand_one_a_line(
    db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten of them, and how many more."""
    assert 2 == _guarded(["show", "GritNet", "--db", str(db)])

    lines = capsys.readouterr().err.splitlines()
    assert "paperfacts: 12 papers match 'GritNet':" == lines[0]
    assert "  p01  GritNet, part 1" == lines[1]
    assert "  p10  GritNet, part 10" == lines[10]
    assert "  and 2 more" == lines[11]
