"""Fault 48: a schema or a prompt that wants to be run."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.feeds import read_feed
from extract.models import find_model
from extract.prompting import read_prompt
from extract.tasks import load_task
from extract.todo import prepare
from tests.command import ROOT, called

FEED = ROOT / "fixtures" / "sample.txt"
CODE = """\
from pathlib import Path
Path({made!r}).touch()
from extract.schemas.markers import Answer, Record, Sentence, Verbatim
class Thing(Record):
    name: Verbatim
    sentence: Sentence
class Things(Answer):
    things: list[Thing]
ANSWER = Things
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task whose schema is code that leaves a trace."""
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "schema.py").write_text(CODE.format(made=str(tmp_path / "made")))
    return folder


def test_code_is_run_only_where_the_user_says_so(
    task: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without the option not a line of it, and the option is named."""
    code = called("run", FEED, "--task", task, "--db", task.parent / "papers.duckdb")

    assert 2 == code
    assert "pass --trust-code" in capfd.readouterr().err
    assert ["task"] == [path.name for path in task.parent.iterdir()]

    assert ["things"] == [kind.name for kind in load_task(str(task), trust_code=True).kinds]
    assert (task.parent / "made").exists()


@pytest.mark.parametrize(
    "type_",
    ["os.system", "__import__('os')", "customTypePath", "verbatim()", "list[verbatim]", "Any"],
)
def test_a_type_is_one_of_a_list(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], type_: str
) -> None:
    """No path to a class, no expression."""
    schema = f"records:\n  things:\n    fields:\n      name: {type_!r}\n".replace("'__", '"__')
    schema = schema.replace("')'", "')\"") if type_.startswith("__") else schema
    (tmp_path / "schema.yaml").write_text(schema)
    code = called("run", FEED, "--task", tmp_path, "--db", tmp_path / "papers.duckdb")

    assert 2 == code
    assert "schema.yaml" in capfd.readouterr().err
    assert ["schema.yaml"] == [path.name for path in tmp_path.iterdir()]


def test_a_prompt_is_no_template_language() -> None:
    """Braces that are not our two slots are text, in a prompt and in a paper."""
    hostile = "{{ ''.__class__.__mro__ }} {% include '/etc/passwd' %} {0.__class__} %(x)s ${HOME}"
    prompt = read_prompt("p", f"# System\n\n{hostile}\n\n# User\n\n{{{{paper}}}}\n")
    system, user = prompt.messages("[0] A {{paper}} {{fence}} {{ 7*7 }}")

    assert hostile == system["content"]
    assert "[0] A {{paper}} {{fence}} {{ 7*7 }}" == user["content"]


def test_the_text_of_a_paper_is_no_template_either(tmp_path: Path) -> None:
    """It stands once in the request, as it is, whatever slots it names."""
    feed = tmp_path / "feed.jsonl"
    feed.write_text('{"id": "p", "title": "{{fence}}", "abstract": "A {{paper}} {{ 7*7 }}."}')
    [paper] = read_feed(feed).papers
    todo = prepare(paper, find_model("stub", load_task(), base_url="http://x").recipe)

    said = todo.request.messages[-1]["content"]
    assert 1 == said.count("A {{paper}} {{ 7*7 }}.")
    assert "[0] {{fence}}" in said
