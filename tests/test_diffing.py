"""`paperfacts diff` compares databases, parts of one, and files, and fails where it should."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.cli import _guarded
from extract.errors import InputError
from extract.factsets import read_facts
from extract.limits import read_limits
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.tasks import load_task
from tests.stub_model import StubModel

SAMPLE = Path(__file__).parent.parent / "fixtures" / "sample.txt"
TASK = load_task("facts")


def extract(server: StubModel, db: Path, name: str) -> str:
    """Extract the first papers of the sample with a model of that name; return the run's id."""
    model = find_model(name, TASK, base_url=server.url)
    return run(RunOptions(feed=str(SAMPLE), database=db, limit=6), model).run_id


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return a database in which two models read the same papers, and the two runs' ids.

    The second model's facts: one method less, one result with another number, one claim moved.
    """
    db = tmp_path_factory.mktemp("two") / "papers.duckdb"
    with StubModel() as server:
        runs = [extract(server, db, name) for name in ("one", "two")]
    second = (
        "(select extraction_id from extractions join completions using (completion_key)"
        " where model = 'two')"
    )
    with duckdb.connect(str(db)) as connection:
        for statement in (
            "delete from history.facts_methods where fact_id ="
            f" (select min(fact_id) from history.facts_methods where extraction_id in {second})",
            "update history.facts_results set number = -1 where fact_id ="
            f" (select min(fact_id) from history.facts_results where extraction_id in {second})",
            "update history.facts_claims set span_start = span_start + 1 where fact_id ="
            f" (select min(fact_id) from history.facts_claims where extraction_id in {second})",
        ):
            connection.execute(statement)
    return db, runs


@pytest.fixture(scope="module")
def two_files(two_models, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return the facts of the two models as files: a database is slower to open."""
    folder = tmp_path_factory.mktemp("files")
    names = []
    for model in ("one", "two"):
        papers = list(read_facts(f"{two_models[0]}@model={model}", TASK).values())
        (folder / f"{model}.json").write_text(json.dumps({"papers": papers}), encoding="utf-8")
        names.append(str(folder / f"{model}.json"))
    return names[0], names[1]


def diff(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run `paperfacts diff`; return the exit code and what it printed."""
    code = _guarded(["diff", *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Return what `paperfacts diff --json` prints."""
    found: dict[str, Any] = json.loads(diff(capsys, *arguments, "--json")[1])
    return found


def test_two_models_of_one_database_are_compared(two_models, capsys):
    """The second side names the model alone: it is the same database."""
    db, _ = two_models

    code, out, _ = diff(capsys, f"{db}@model=one", "@model=two")

    assert 0 == code
    assert "6 papers on both sides" in out
    assert 1 == sum(line.startswith("- lost ") and "methods: " in line for line in out.split("\n"))
    assert 1 == sum(line.startswith("~ changed ") and "-> -1.0" in line for line in out.split("\n"))
    assert 1 == sum(line.startswith("> moved ") for line in out.split("\n"))


def test_a_database_without_a_selector_is_what_its_views_show(two_models):
    """The last run's facts are the current ones."""
    db, runs = two_models

    assert read_facts(str(db), TASK) == read_facts(f"{db}@{runs[1]}", TASK)
    assert read_facts(str(db), TASK) != read_facts(f"{db}@{runs[0]}", TASK)


def test_the_beginning_of_a_run_or_a_prompt_is_enough(two_models):
    """Selectors may be shortened, and joined with a comma."""
    db, runs = two_models

    short = read_facts(f"{db}@{runs[0][:-3]},prompt=facts.json,model=one", TASK)

    assert short == read_facts(f"{db}@run={runs[0]}", TASK)


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ("model=three", "has no facts of model 'three'"),
        ("run-", "means 2 of them: run-"),
        ("colour=red", "picks nothing"),
        ("model=one,model=two", "picks nothing"),
        ("", "picks nothing"),
    ],
)
def test_a_selector_that_picks_nothing_is_refused(two_models, selector, said):
    """The message says what there is, or how to write it."""
    with pytest.raises(InputError, match=said) as refused:
        read_facts(f"{two_models[0]}@{selector}", TASK)

    assert refused.value.hint


def test_two_selectors_that_never_meet_are_refused(two_models):
    """Both exist, and no extraction has both: that is no empty side."""
    db, runs = two_models

    with pytest.raises(InputError, match="no extraction of the task facts that fits all"):
        read_facts(f"{db}@{runs[0]},model=two", TASK)


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (["--max-lost", "1"], 0),
        (["--max-lost", "0"], 3),
        (["--max-lost", "0.5%"], 3),
        (["--max-lost", "50%", "--max-changed", "50%", "--max-new", "0"], 0),
        (["--max-changed", "0"], 3),
    ],
)
def test_limits_set_the_exit_code(two_files, capsys, limits, code):
    """More than a limit allows ends with 3, and the line that says so is the last."""
    found, out, _ = diff(capsys, *two_files, *limits)

    assert code == found
    assert ("over the limit" in out.strip().split("\n")[-1]) == (code == 3)


@pytest.mark.parametrize("words", ["two", "-1", "1.5", "101%", "2 %%", ""])
def test_a_limit_that_is_none_is_refused(words):
    """Nothing is compared under a limit that was mistyped."""
    with pytest.raises(InputError, match="not a limit"):
        read_limits(lost=words)


def test_json_names_the_limits_that_were_passed(two_files, capsys):
    """A program finds the words that a person would read."""
    found = document(capsys, *two_files, "--max-lost", "0")

    assert 1 == found["total"]["lost"] == len(found["over_limits"])
    assert 3 == len(found["differences"])


def test_a_list_of_differences_is_bounded_unless_all_are_wanted(two_files, capsys):
    """--most cuts and says so; --all does not."""
    assert "and 2 more differences" in diff(capsys, *two_files, "--most", "1")[1]
    assert "more differences" not in diff(capsys, *two_files, "--most", "1", "--all")[1]


def test_exported_tables_are_the_database_again(two_models, tmp_path, capsys):
    """A folder of `paperfacts export` is a side, as JSON and as JSON lines."""
    db, _ = two_models
    folder = tmp_path / "kept"
    folder.mkdir()
    for number, table in enumerate(["papers", *(k.name for k in TASK.kinds)]):
        suffix = ("jsonl", "json")[number % 2]
        arguments = ["export", table, "--to", str(folder / f"{table}.{suffix}"), "--db", str(db)]
        assert 0 == _guarded(arguments)

    assert document(capsys, str(folder), str(db))["is_same"]


def test_expected_papers_need_no_more_than_the_schema_says(two_models, tmp_path, capsys):
    """A file in the format of `paperfacts eval` is a side: what it leaves out says nothing."""
    db, _ = two_models
    expected = tmp_path / "expected.jsonl"
    kept = {
        paper_id: {
            "id": paper_id,
            **{
                kind.name: [{f.name: row[f.name] for f in kind.fields} for row in paper[kind.name]]
                for kind in TASK.kinds
            },
        }
        for paper_id, paper in read_facts(str(db), TASK).items()
    }
    expected.write_text("".join(json.dumps(p) + "\n" for p in kept.values()), encoding="utf-8")

    assert document(capsys, str(expected), str(db))["is_same"]


def test_papers_of_one_side_are_told_and_fail_only_where_asked(two_files, tmp_path, capsys):
    """A paper that is not there has lost no facts; --same-papers makes it count."""
    papers = json.loads(Path(two_files[0]).read_text(encoding="utf-8"))["papers"]
    part = tmp_path / "part.json"
    part.write_text(json.dumps(papers[1:]), encoding="utf-8")

    code, out, _ = diff(capsys, two_files[0], str(part), "--max-lost", "0")
    assert 0 == code and f"1 only before: {papers[0]['id']}" in out
    assert 3 == diff(capsys, two_files[0], str(part), "--same-papers")[0]


def test_sides_without_a_common_paper_are_refused(two_files, tmp_path, capsys):
    """Nothing was compared: that must not pass for "no differences"."""
    other = tmp_path / "other.json"
    other.write_text('{"id": "other", "methods": []}', encoding="utf-8")

    code, _, err = diff(capsys, two_files[0], str(other))

    assert 2 == code and "no paper is on both sides" in err


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", "[1]", "entry 1: not an object"),
        ("a.jsonl", '{"methods": []}', "line 1: the paper has no id"),
        ("a.jsonl", '{"id": 1}\n{"id": 1}', "given already"),
        ("a.json", "[]", "holds no facts"),
        ("other.jsonl", '{"paper_id": "p"}', "a row of an unknown table"),
        (
            "feed.jsonl",
            '{"id": 1, "title": "A", "abstract": "B."}',
            "none of its papers has a list",
        ),
        ("feed.txt", "A title\nAn abstract.", "neither a database nor a file of facts"),
    ],
)
def test_a_file_that_is_no_set_of_facts_is_named(tmp_path, name, text, said):
    """The message names the file and the place in it."""
    (tmp_path / name).write_text(text, encoding="utf-8")

    with pytest.raises(InputError, match=said):
        read_facts(str(tmp_path / name), TASK)


def test_a_file_that_is_not_there_is_named():
    """The forms of a side stand in the hint."""
    with pytest.raises(InputError, match="no file or folder nowhere.duckdb") as refused:
        read_facts("nowhere.duckdb@model=one", TASK)

    assert "papers.duckdb@model=NAME" in refused.value.hint


def test_a_folder_of_folders_of_recordings_names_them(recorded, tmp_path):
    """Tests keep a folder for each of their files."""
    folder = Path(shutil.copytree(recorded["text"], tmp_path / "fixtures" / "test_feed"))
    with pytest.raises(InputError, match="holds no facts") as refused:
        read_facts(str(folder.parent), TASK)

    assert f"in it: {folder}." in refused.value.hint


def test_recordings_of_another_task_say_what_they_are(recorded):
    """With model and prompt, as they are picked by."""
    trials = load_task(str(SAMPLE.parent / "tasks" / "trials"))
    with pytest.raises(InputError, match="no recorded answers of the task trials") as refused:
        read_facts(str(recorded["text"]), trials)

    assert "It has: task facts, model one, prompt facts.json-" in refused.value.hint


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return recordings of the same papers, with their text and without."""
    here = tmp_path_factory.mktemp("recorded")
    places = {"text": here / "text", "bare": here / "bare.jsonl"}
    with StubModel() as server:
        for name, place in places.items():
            model = ["--model", "one", "--base-url", server.url, "--limit", "6"]
            options = ["--without-text"] if name == "bare" else []
            assert 0 == _guarded(["record", str(SAMPLE), "--to", str(place), *model, *options])
    return places


def test_recordings_say_the_facts_of_the_model_that_was_recorded(
    two_models, two_files, recorded, capsys
):
    """With text they stand alone; without, the other side or a feed has the text."""
    assert document(capsys, two_files[0], str(recorded["text"]))["is_same"]
    assert document(capsys, f"{two_models[0]}@model=one", f"{recorded['bare']}@model=on")["is_same"]
    feed = ["--feed", str(SAMPLE)]
    assert document(capsys, str(recorded["bare"]), str(recorded["text"]), *feed)["is_same"]


def test_recordings_that_join_others_without_text_have_none(recorded, tmp_path):
    """Neither a forgotten option nor a run that records may publish an abstract."""
    place = shutil.copy(recorded["bare"], tmp_path / "bare.jsonl")
    db = str(tmp_path / "papers.duckdb")
    with StubModel() as server:
        model = ["--model", "one", "--base-url", server.url]
        assert 0 == _guarded(["record", str(SAMPLE), "--to", str(place), *model, "--limit", "7"])
        recording = ["--cassettes", str(place), "--cassette-mode", "record"]
        assert 0 == _guarded(["run", str(SAMPLE), "--db", db, *recording, *model, "--limit", "8"])
        assert 2 == len(server.calls)
    lines = Path(place).read_text(encoding="utf-8").splitlines()

    assert 8 == len(lines)
    assert {("id",)} == {tuple(json.loads(line)["paper"]) for line in lines}


def test_recordings_without_any_text_name_the_option_that_helps(recorded, capsys):
    """Nothing is compared that could not be read."""
    code, _, err = diff(capsys, str(recorded["bare"]), str(recorded["bare"]))

    assert 2 == code and "holds no text" in err and "--feed" in err


def test_recordings_of_another_text_are_not_compared(recorded, two_files, tmp_path, capsys):
    """A name in an abstract was changed after the recording: that is said, not guessed over."""
    document = json.loads(Path(two_files[0]).read_text(encoding="utf-8"))
    for paper in document["papers"]:
        paper["abstract"] = paper["abstract"] + " More."
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(document), encoding="utf-8")

    code, _, err = diff(capsys, str(changed), str(recorded["bare"]))

    assert 2 == code and "is about another text" in err


def test_a_paper_without_an_answer_is_on_one_side_alone(two_files, tmp_path, capsys):
    """Expected facts say of a failed paper that it failed: that is no empty list of facts."""
    papers = json.loads(Path(two_files[0]).read_text(encoding="utf-8"))["papers"]
    failed = tmp_path / "expected.json"
    entry = {"id": papers[0]["id"], "failed": "refused"}
    failed.write_text(json.dumps({"papers": [entry, *papers[1:]]}), encoding="utf-8")

    found = document(capsys, two_files[0], str(failed))

    assert [papers[0]["id"]] == list(found["only_before"])
    assert 0 == found["total"]["lost"]
