"""Which database a command reads: that of an option, a variable, a file, or the default."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extract.cli import _guarded
from extract.tasks import load_task
from tests.replay import replay

ANSWER: dict[str, Any] = {"methods": [], "datasets": [], "results": [], "claims": []}
READING = {
    "sql": ["sql", "select paper_id from papers", "--json"],
    "show": ["show", "paper", "--json"],
    "export": ["export", "papers", "--to", "-", "--format", "json"],
    "audit": ["audit", "--json"],
    "doctor": ["doctor", "--json"],
    "replay": ["replay", "--json"],
    "diff": ["diff", "@model=replay", "@model=replay", "--json"],
    "batch": ["batch", "status", "--json"],
}


def make(path: Path) -> Path:
    """Make a database of one paper, which is named after the file."""
    feed = path.with_suffix(".jsonl")
    row = {"id": f"paper-{path.stem}", "title": "A Paper", "abstract": "It says 3% of nothing."}
    feed.write_text(json.dumps(row), encoding="utf-8")
    replay(load_task(), feed, path, lambda todo: ANSWER)
    return path


Said = Callable[..., tuple[int, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Call a command: its exit code, and all that it printed."""

    def call(*arguments: str) -> tuple[int, str]:
        code = _guarded(list(arguments))
        return code, "".join(capsys.readouterr())

    return call


def test_every_place_weighs_more_than_the_one_before(
    project: Path, said: Said, monkeypatch: pytest.MonkeyPatch
):
    """The default, the user's file, the project's file, the variable, the option."""
    query = ["sql", "select paper_id from papers", "--format", "csv"]
    home = project.parent / "home" / "paperfacts"
    home.mkdir(parents=True)
    make(project / "papers.duckdb")
    found = [said(*query)]
    make(home / "users.duckdb")
    (home / "paperfacts.toml").write_text('db = "users.duckdb"')
    found.append(said(*query))
    make(project / "projects.duckdb")
    (project / "paperfacts.toml").write_text('db = "projects.duckdb"')
    (project / "inner").mkdir()
    monkeypatch.chdir(project / "inner")
    found.append(said(*query))
    monkeypatch.setenv("PAPERFACTS_DB", str(make(project / "variables.duckdb")))
    found.append(said(*query))
    found.append(said(*query, "--db", str(make(project / "options.duckdb"))))

    names = ["papers", "users", "projects", "variables", "options"]
    assert [(0, f"paper_id\npaper-{name}\n") for name in names] == [
        (code, text.replace("\r", "")) for code, text in found
    ]


@pytest.mark.parametrize("command", READING)
def test_every_command_that_reads_takes_the_database_of_the_settings(
    project: Path, said: Said, command: str, monkeypatch: pytest.MonkeyPatch
):
    """And says which place named one that is not there."""
    named = project / "named.duckdb"
    monkeypatch.setenv("PAPERFACTS_DB", str(named))
    code, words = said(*READING[command])

    assert 2 == code
    assert f"PAPERFACTS_DB names the database {named}, which is not there" in words
    assert "--db" in words

    make(named)
    code, words = said(*READING[command])

    assert 0 == code, words


def test_a_database_that_is_not_there_is_told_with_the_file_that_names_it(
    project: Path, said: Said
):
    """Or as the default, or plainly where the user has just typed it."""
    _, default = said("audit")
    (project / "paperfacts.toml").write_text('db = "out/facts.duckdb"')
    _, from_file = said("audit")
    (project / "out" / "facts.duckdb").mkdir(parents=True)
    _, folder = said("audit")
    _, typed = said("audit", "--db", "typed.duckdb")

    assert "no database is named, and the default, papers.duckdb, is not there" in default
    place = f"{project / 'paperfacts.toml'} names the database out/facts.duckdb, which"
    assert f"{place} is not there" in from_file
    assert f"{place} is a folder" in folder
    assert "there is no database at typed.duckdb" in typed


def test_only_what_is_needed_is_read(project: Path, said: Said, monkeypatch: pytest.MonkeyPatch):
    """A file that is wrong is told where it would count, and not below an option or variable."""
    make(project / "papers.duckdb")
    (project / "paperfacts.toml").write_text("rpm = = 3")

    assert 2 == said("audit")[0]
    assert 0 == said("audit", "--db", "papers.duckdb")[0]
    monkeypatch.setenv("PAPERFACTS_DB", "papers.duckdb")
    assert 0 == said("audit")[0]
