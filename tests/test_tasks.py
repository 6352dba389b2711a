"""Where tasks come from, and what a folder may not do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import duckdb
import pytest

from extract.feeds import read_feed
from extract.prompting import read_prompt
from extract.store.database import Database
from extract.task import RecordKind, Task, TaskError
from extract.tasks import MAX_BYTES, load_task

TASKS = Path(__file__).parent.parent / "fixtures/tasks"
SCHEMA = """\
records:
  things:
    fields:
      name: verbatim
      sentence: sentence
"""


def folder(path: Path, schema: str = SCHEMA, **others: str) -> Path:
    """Return a task folder named `sample` with a schema and other files."""
    made = path / "sample"
    made.mkdir()
    (made / "schema.yaml").write_text(schema, encoding="utf-8")
    for name, text in others.items():
        (made / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return made


def refusal(where: Path, trust_code: bool = False) -> str:
    """Return the message that a folder is refused with, its own path left out."""
    with pytest.raises(TaskError) as caught:
        load_task(str(where), trust_code=trust_code)
    return str(caught.value).replace(str(where.resolve()), "DIR")


def shape(task: Task) -> list[object]:
    """Return everything of the kinds but their classes."""

    def of(kind: RecordKind) -> object:
        return kind.name, kind.per, kind.description, kind.fields

    return [of(kind) for kind in task.kinds]


def test_the_built_in_task_needs_no_folder() -> None:
    """`facts` comes with the package, with a prompt for each kind of model."""
    task = load_task()

    assert ["methods", "datasets", "results", "claims"] == [kind.name for kind in task.kinds]
    assert ["json", "compact", "tuned"] == list(task.prompts)


def test_a_schema_as_data_is_the_schema_as_code() -> None:
    """YAML and pydantic say the same of the trials."""
    as_data = load_task(str(TASKS / "trials"))
    as_code = load_task(str(TASKS / "trials_py"), trust_code=True)

    assert shape(as_data) == shape(as_code)


def test_code_is_not_run_unasked(tmp_path: Path) -> None:
    """A `schema.py` is refused before a line of it runs."""
    made = tmp_path / "sample"
    made.mkdir()
    mark = tmp_path / "ran"
    (made / "schema.py").write_text(f"open({str(mark)!r}, 'w')")

    with pytest.raises(TaskError) as caught:
        load_task(str(made))

    assert "--trust-code" in caught.value.hint
    assert not mark.exists()


def test_trusted_code_that_fails_is_named(tmp_path: Path) -> None:
    """The error is the task's, with the file's name."""
    made = tmp_path / "sample"
    made.mkdir()
    (made / "schema.py").write_text("1 / 0")

    assert "DIR/schema.py cannot be run: ZeroDivisionError: division by zero" == refusal(
        made, trust_code=True
    )


def test_the_folder_names_the_task(tmp_path: Path) -> None:
    """Without `task:`, the name is the folder's."""
    assert "sample" == load_task(str(folder(tmp_path))).name


def test_the_file_may_name_the_task(tmp_path: Path) -> None:
    """`task:` wins over the folder's name."""
    assert "other" == load_task(str(folder(tmp_path, "task: other\n" + SCHEMA))).name


def test_a_folder_without_prompts_gets_generic_ones(tmp_path: Path) -> None:
    """They can be read, and name every list and field."""
    task = load_task(str(folder(tmp_path)))
    prompts = {form: read_prompt(form, text) for form, text in task.prompts.items()}

    assert ["json", "compact"] == list(prompts)
    assert "- name: Copied from the text." in prompts["json"].system
    assert '{"t":[["name"],...]}' in prompts["compact"].system


def test_the_prompts_of_a_folder_are_taken_as_they_are(tmp_path: Path) -> None:
    """A file of the folder wins over the generic text."""
    own = "# System\nMine.\n# User\n{{paper}}\n"
    task = load_task(str(folder(tmp_path, prompt__compact__md=own)))

    assert own == task.prompts["compact"]


def test_a_view_of_the_trials_is_read() -> None:
    """`views.sql` comes with the task."""
    assert "create or replace view people_by_condition" in load_task(str(TASKS / "trials")).views


def test_the_view_of_the_trials_runs(tmp_path: Path) -> None:
    """It names columns that the task's tables have."""
    path = tmp_path / "papers.duckdb"
    Database(path, load_task(str(TASKS / "trials"))).prepare()
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("select * from people_by_condition")

        assert ["condition", "trials", "people"] == [column[0] for column in found.description]


def test_the_feed_of_the_trials_is_whole() -> None:
    """Its six invented abstracts are read without a problem."""
    feed = read_feed(TASKS / "trials/feed.jsonl")

    assert (6, []) == (len(list(feed.papers)), list(feed.problems))


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("records: {}", "records has no lists"),
        ("[]", "is list, not a mapping"),
        ("records: [a", ", line 1: "),
        ("records: {a: 1}\nrecords: {}", "'records' stands twice"),
        ("tusk: x\nrecords: {}", "tusk is unknown"),
        ("records: {a: {feelds: {}}}", "records.a.feelds is unknown"),
        ("records: {a: {fields: {x: strnig}}}", "records.a.fields.x.type is no type"),
        ("records: {a: {fields: {x: {type: choice}}}}", "x.choices is missing"),
        ("records: {a: {fields: {x: {type: choice, choices: [yes, no]}}}}", "is not text"),
        ("records: {a: {fields: {x: {type: text, of: a}}}}", "x.of belongs to the type ref"),
        ("records: {a: {fields: {x: {type: text, optional: maybe}}}}", "neither true nor false"),
        ("records: {a: {per: page, fields: {x: text}}}", "records.a.per is neither"),
        ("records: {a: {fields: {copy: text}}}", "is a name that pydantic keeps"),
        ("records: {A-b: {fields: {x: text}}}", "records.A-b is no name"),
        ("records: {a: {fields: {x: text}}}", "cite no sentence"),
        ("task: 1\n" + SCHEMA, "task is not text"),
        ("task: ../up\n" + SCHEMA, "cannot be the name of a task"),
        ("x: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_a_mistake_in_a_schema_is_named_with_its_place(
    tmp_path: Path, schema: str, message: str
) -> None:
    """The message has the file and the key."""
    refused = refusal(folder(tmp_path, schema))

    assert refused.startswith("DIR/schema.yaml")
    assert message in refused


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """What it leads to would be sent to a provider."""
    made = folder(tmp_path)
    (tmp_path / "secret").write_text("# System\n# User\n{{paper}}")
    (made / "prompt.md").symlink_to("../secret")

    assert "DIR/prompt.md leads out of its folder" == refusal(made)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """Reading it would never end."""
    made = folder(tmp_path)
    os.mkfifo(made / "prompt.md")

    assert "DIR/prompt.md is not a regular file" == refusal(made)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """No schema or prompt is as long as that."""
    made = folder(tmp_path, views__sql="-" * (MAX_BYTES + 1))

    assert "DIR/views.sql is larger than 256 KiB" == refusal(made)


def test_aliases_of_yaml_do_not_multiply(tmp_path: Path) -> None:
    """A "billion laughs" file is refused for what it is, at once."""
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    made = folder(tmp_path, "\n".join(["a0: &a0 [x]", *levels]))

    assert "DIR/schema.yaml: a0 is unknown" == refusal(made)


def test_views_may_do_nothing_else(tmp_path: Path) -> None:
    """A statement that writes a file is refused before there is a database."""
    made = folder(tmp_path, views__sql="create view a as select 1; copy a to '/tmp/x'")

    assert refusal(made).startswith("DIR/views.sql, statement 2 does not create a view")


def test_a_prompt_without_its_slot_is_named(tmp_path: Path) -> None:
    """The prompt file is read when the task is."""
    made = folder(tmp_path, prompt__md="# System\nHello")

    assert refusal(made).startswith("DIR/prompt.md: prompt prompt.md needs the headings")


def test_two_schemas_are_one_too_many(tmp_path: Path) -> None:
    """Which of them counts is not guessed."""
    assert "DIR has both schema.yaml and schema.py" == refusal(folder(tmp_path, schema__py=""))


def test_a_folder_that_is_not_there_is_an_input_error() -> None:
    """The hint lists the built-in tasks."""
    with pytest.raises(TaskError) as caught:
        load_task("no/such/folder")

    assert "there is no task folder no/such/folder" == str(caught.value)
    assert "facts" in caught.value.hint


def test_the_feed_says_that_it_is_invented() -> None:
    """Nobody takes these trials for real ones."""
    lines = (TASKS / "trials/feed.jsonl").read_text(encoding="utf-8").splitlines()

    assert all(json.loads(line)["id"].startswith("invented-") for line in lines)
