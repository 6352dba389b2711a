"""A database is derived again from its stored answers, and what differs is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

import extract.columns
import extract.replay_report
import extract.replaying
from extract.cli import _guarded
from extract.completion import Completion, Usage
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.prompting import example_values_in, read_prompt
from extract.store.history import stored_extractions
from extract.tasks import load_task
from extract.todo import Todo
from extract.wire import CompactWire
from tests.stub_model import StubModel

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "fixtures" / "sample.txt"
TRIALS = ROOT / "fixtures" / "tasks" / "trials"
TASK = load_task("facts")


class CompactSession:
    """Answers in the compact form of local models, each number of the text as a score."""

    width = 1

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[CompactSession]:
        yield self

    async def ask(self, todo: Todo) -> Completion:
        number = todo.shown.candidates[0]
        answer = {
            "results": [{"value": number.value, "kind": "score", "sentence": number.sentence}],
            "claims": [{"sentence": 1, "type": "finding"}],
        }
        return Completion(CompactWire(TASK).encode(answer, todo.shown), Usage(calls=1))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with answers in both forms about the same papers."""
    db = tmp_path_factory.mktemp("made") / "papers.duckdb"
    options = RunOptions(feed=str(SAMPLE), database=db, limit=3)
    with StubModel() as server:
        run(options, find_model("stub", TASK, base_url=server.url))
    local = find_model("local/smollm2-135m", TASK)
    run(options, local, open_session=CompactSession().opened)
    return db


@pytest.fixture
def db(made: Path, tmp_path: Path) -> Path:
    """Return a copy of that database, to be changed."""
    return Path(shutil.copy(made, tmp_path / "papers.duckdb"))


def execute(db: Path, statement: str) -> None:
    """Change a database behind its back."""
    with duckdb.connect(str(db)) as connection:
        connection.execute(statement)


def replay(capsys: pytest.CaptureFixture[str], db: Path, *arguments: str) -> tuple[int, str, str]:
    """Run `paperfacts replay`; return the exit code and what it printed."""
    code = _guarded(["replay", str(db), *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def document(capsys: pytest.CaptureFixture[str], db: Path) -> dict[str, Any]:
    """Return what `paperfacts replay --json` prints."""
    found: dict[str, Any] = json.loads(replay(capsys, db, "--json")[1])
    return found


def changes(found: dict[str, Any]) -> set[str]:
    """Return the columns in which facts differ."""
    return {
        column
        for source in found["sources"]
        for difference in source["comparison"]["differences"]
        for column in difference["changes"]
    }


def test_a_database_is_derived_again_as_it_is_stored(made, capsys):
    """Answers of hosted and of local models, with nothing written and no model asked."""
    before = hashlib.sha256(made.read_bytes()).digest()

    code, out, _ = replay(capsys, made)

    assert 0 == code
    assert 2 == out.count("of 3 answers derived again: all as stored")
    assert before == hashlib.sha256(made.read_bytes()).digest()


def test_what_the_library_derives_otherwise_is_named(made, capsys, monkeypatch):
    """One rule of the grounding changes: the column and the facts that it touches are told."""
    monkeypatch.setattr(extract.columns, "is_relative", lambda quantity, around: True)

    found = document(capsys, made)
    code, out, _ = replay(capsys, made)

    assert {"relative"} == changes(found)
    assert 3 == code and "relative: false -> true" in out
    assert "`paperfacts run` would leave them as they are" in out


def test_a_new_derivation_is_named(made, capsys, monkeypatch):
    """The user learns that the next run brings the facts up to date."""
    monkeypatch.setattr(extract.columns, "is_relative", lambda quantity, around: True)
    monkeypatch.setattr(extract.replay_report, "DERIVATION", "d999")

    _, out, _ = replay(capsys, made)

    assert "this version has d999: the next `paperfacts run` derives them again" in out


def test_a_fact_that_was_changed_in_the_file_is_found(db, capsys):
    """The stored row says something else than its answer."""
    execute(db, "update history.facts_results set unit = 'parsec' where position = 0")

    assert {"unit"} == changes(document(capsys, db))


def test_a_mention_that_was_deleted_is_found(db, capsys):
    """Mentions follow from the answer like facts."""
    execute(db, "delete from mentions")

    code, out, _ = replay(capsys, db)

    assert 3 == code and "rows of mentions new" in out


def test_a_paper_whose_text_changed_cannot_be_derived(db, capsys):
    """Only the hash of the old text is kept; that is said, and the others are derived."""
    execute(
        db,
        "update papers set abstract = 'New.' where paper_id = (select min(paper_id) from papers)",
    )

    code, out, _ = replay(capsys, db)

    assert 3 == code
    assert "2 answers could not be derived again" in out and "has another text by now" in out
    assert 2 == out.count("of 2 answers derived again: all as stored")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("content = '{'", "it is no answer any more (asked under facts-"),
        ("content = null", "its answer is not stored"),
        ("wire = 'morse'", "does not read answers of the form 'morse'"),
    ],
)
def test_an_answer_that_is_none_any_more_is_named(db, capsys, change, said):
    """The reason stands beside the paper."""
    execute(db, f"update completions set {change} where model = 'stub'")

    code, out, _ = replay(capsys, db)

    assert 3 == code and said in out
    assert 1 == out.count("of 3 answers derived again: all as stored")


def test_an_answer_under_another_prompt_and_schema_is_derived_all_the_same(db, capsys):
    """Versions say who asked; the form of the answer decides whether it can be read."""
    execute(db, "update completions set prompt_version = 'facts.json-0', task_version = 'facts-0'")

    assert document(capsys, db)["is_same"]


def test_the_validated_answer_is_stored_for_every_form(made):
    """Of a compact answer it is what it decodes to, and of any it validates."""
    stored = list(stored_extractions(made, TASK))

    assert {"json", "compact"} == {each.source["wire"].split("/")[0] for each in stored}
    for each in stored:
        answer = TASK.answer.model_validate_json(each.source["answer"])
        assert answer.model_dump_json() == each.source["answer"]


def test_an_answer_that_reads_otherwise_is_named(db, capsys):
    """The stored answer is checked too, not the facts alone."""
    execute(db, "update completions set answer = '{}' where model = 'stub'")

    code, out, _ = replay(capsys, db)

    assert 3 == code and "3 answers read otherwise" in out


def test_a_task_that_is_not_built_in_is_named_by_its_folder(tmp_path, capsys):
    """Without --task the message says which task it is."""
    db = tmp_path / "trials.duckdb"
    with StubModel() as server:
        model = find_model("stub", load_task(str(TRIALS)), base_url=server.url)
        run(RunOptions(feed=str(TRIALS / "feed.jsonl"), database=db, limit=2), model)

    code, _, err = replay(capsys, db)
    assert 2 == code and "has facts of the task trials" in err and "--task" in err
    assert 0 == replay(capsys, db, "--task", str(TRIALS))[0]
    assert 2 == replay(capsys, db, "--task", "facts")[0]


@pytest.mark.parametrize("style", sorted(TASK.prompts))
def test_a_prompt_is_known_by_the_message_that_was_sent(style):
    """The values of its examples are found again in the stored request."""
    prompt = read_prompt(f"facts.{style}", TASK.prompts[style])
    system = prompt.messages("[0] A title")[0]["content"]

    assert prompt.example_values == example_values_in(system)
