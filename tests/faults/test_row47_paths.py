"""Fault 47: a task folder from a stranger that reaches for other files.

What a task's files hold is sent to a provider, so nothing outside the folder is read. Paths on
the command line are the user's own. No name of a file is ever made of a paper's text.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.tasks import MAX_BYTES, load_task
from tests.command import ROOT, called
from tests.stub_model import StubModel

FEED = ROOT / "fixtures" / "sample.txt"
SCHEMA = """\
records:
  things:
    fields:
      name: verbatim
      sentence: sentence
"""
FILES = ["schema.yaml", "prompt.md", "prompt.compact.md", "views.sql"]


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task folder that can be used, beside a secret."""
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "schema.yaml").write_text(SCHEMA)
    (tmp_path / "secret").write_text(SCHEMA)
    return folder


def refusal(task: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """Return what a run with the task says; it ends with 2 and makes nothing."""
    before = sorted(task.parent.rglob("*"))
    code = called("run", FEED, "--task", task, "--db", task.parent / "papers.duckdb")
    assert 2 == code
    assert before == sorted(task.parent.rglob("*"))
    return capfd.readouterr().err


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "/proc/self/environ", "../none"])
def test_a_link_to_elsewhere_is_refused(
    task: Path, capfd: pytest.CaptureFixture[str], name: str, target: str
) -> None:
    """Whether or not something stands there."""
    (task / name).unlink(missing_ok=True)
    (task / name).symlink_to(target)

    assert f"{task / name} leads out of its folder" in refusal(task, capfd)


def test_a_linked_folder_inside_is_refused_too(
    task: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The link may be to a link."""
    (task / "inner").symlink_to("..")
    (task / "prompt.md").symlink_to("inner/secret")

    assert "leads out of its folder" in refusal(task, capfd)


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_or_a_folder_is_refused_at_once(
    task: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """Reading the pipe would wait for ever."""
    (task / name).unlink(missing_ok=True)
    os.mkfifo(task / name)
    assert f"{task / name} is not a regular file" in refusal(task, capfd)

    (task / name).unlink()
    (task / name).mkdir()
    assert f"{task / name} is not a regular file" in refusal(task, capfd)


def test_a_device_is_refused_at_once(task: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """/dev/zero never ends; it is outside the folder already."""
    (task / "prompt.md").symlink_to("/dev/zero")

    assert "leads out of its folder" in refusal(task, capfd)


@pytest.mark.parametrize("name", FILES)
def test_a_huge_file_is_refused_unread(
    task: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """A sparse file of a terabyte costs nothing to make."""
    with (task / name).open("wb") as file:
        file.truncate(1 << 40)

    assert f"is larger than {MAX_BYTES // 1024} KiB" in refusal(task, capfd)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/b", "..", "a\nb", "con\x00"])
def test_a_name_that_is_a_path_is_no_name_of_a_task(
    task: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """Names of tasks become names of tables."""
    (task / "schema.yaml").write_text(f"task: {json.dumps(name)}\n{SCHEMA}")

    assert "schema.yaml" in refusal(task, capfd)


def test_hostile_ids_and_titles_make_no_files(tmp_path: Path) -> None:
    """A run makes its database and what belongs to it, whatever the papers are called."""
    folder = tmp_path / "run"
    folder.mkdir()
    feed, db = folder / "feed.jsonl", folder / "papers.duckdb"
    names = ["../../evil", "/tmp/evil", "a\x00b", "x" * 5000, "..", "$(touch evil)", "; touch evil"]
    lines = [
        {"id": name, "title": f"{name}: {name}", "abstract": f"We show {n} terns."}
        for n, name in enumerate(names)
    ]
    feed.write_text("\n".join(map(json.dumps, lines)))
    with StubModel() as server:
        model = find_model("stub", load_task(), base_url=server.url)
        report = run(RunOptions(feed=str(feed), database=db), model)

    assert (len(names), []) == (report.asked, report.failed)
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    sidecars = {name for name in made if name.startswith("run/papers.duckdb.")}
    assert {"run", "run/feed.jsonl", "run/papers.duckdb"} == made - sidecars
