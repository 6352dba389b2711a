"""The command line, as a user calls it: exit codes, and where words and data go."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.tasks import load_task
from tests.command import called
from tests.stub_model import StubModel

ROOT = Path(__file__).parent.parent
GOLD = ROOT / "fixtures" / "eval" / "gold.jsonl"


def paperfacts(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Call the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from extract.cli import main; main()", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database of the annotated papers, made with the stub."""
    path = tmp_path_factory.mktemp("cli") / "papers.duckdb"
    with StubModel() as server:
        model = find_model("stub", load_task(), base_url=server.url)
        run(RunOptions(feed=str(GOLD), database=path), model)
    return path


def test_help_ends_with_0(tmp_path: Path) -> None:
    """It lists every command on stdout."""
    done = paperfacts("--help", cwd=tmp_path)

    assert 0 == done.returncode
    assert [] == [
        name
        for name in "run sql show export audit eval models".split()
        if f" {name} " not in done.stdout
    ]


def test_an_unknown_option_ends_with_2(tmp_path: Path) -> None:
    """The option is named."""
    done = paperfacts("run", "feed.txt", "--colour", "red", cwd=tmp_path)

    assert 2 == done.returncode
    assert "--colour" in done.stdout + done.stderr


def test_a_feed_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    """Nothing is made, and nothing but the message is printed."""
    done = paperfacts("run", "nowhere.txt", cwd=tmp_path)

    assert 2 == done.returncode
    assert "nowhere.txt" in done.stderr
    assert "Traceback" not in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_database_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    """A query makes no database."""
    done = paperfacts("sql", "select 1", "--db", "nowhere.duckdb", cwd=tmp_path)

    assert (2, "") == (done.returncode, done.stdout)
    assert "nowhere.duckdb" in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_an_error_is_data_where_data_was_asked_for(tmp_path: Path) -> None:
    """With --json the error stands on stdout as JSON."""
    done = paperfacts("sql", "select 1", "--db", "nowhere.duckdb", "--json", cwd=tmp_path)

    assert 2 == json.loads(done.stdout)["exit_code"]


def test_run_prints_its_report_as_json(tmp_path: Path) -> None:
    """The report is all of stdout; a failed paper makes the exit code 3."""
    with StubModel(wrong={"Tidewater": "refusal"}) as server:
        done = paperfacts(
            *("run", ROOT / "fixtures" / "sample.txt", "--limit", "2", "--json"),
            *("--model", "stub", "--base-url", server.url),
            cwd=tmp_path,
        )
    report = json.loads(done.stdout)

    assert (3, 2, 1) == (done.returncode, report["papers"], report["asked"])
    assert ["refused"] == [failed["class"] for failed in report["failed"]]


def test_show_marks_the_words_of_the_facts(db: Path) -> None:
    """Away from a terminal the words stand between brackets."""
    done = paperfacts("show", "Lanternfish", "--db", db, cwd=db.parent)

    assert 0 == done.returncode, done.stderr
    assert "[Lanternfish]: Sparse Decoding for Tide Forecasts" in done.stdout
    assert "[91.4%] hit rate" in done.stdout


def test_show_why_names_the_completion(db: Path) -> None:
    """From a fact to the request and the answer that it came from."""
    query = "select fact_id from results where value = '91.4%'"
    [row] = json.loads(paperfacts("sql", query, "--json", "--db", db, cwd=db.parent).stdout)

    done = paperfacts("show", row["fact_id"], "--why", "--json", "--db", db, cwd=db.parent)

    document = json.loads(done.stdout)
    assert "91.4%" == document["fact"]["value"]
    assert "91.4%" in document["completion"]["content"]
    assert "user" == document["request"]["messages"][-1]["role"]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_export_writes_a_file_in_the_format_of_its_ending(
    db: Path, tmp_path: Path, name: str
) -> None:
    """The file is there as a whole, and no unfinished one is left."""
    done = paperfacts("export", "results", "--to", name, "--db", db, cwd=tmp_path)

    assert 0 == done.returncode, done.stderr
    assert [name] == [path.name for path in tmp_path.iterdir()]
    assert (tmp_path / name).stat().st_size > 100


def test_audit_accounts_for_every_number(db: Path) -> None:
    """The counts add up to the numbers."""
    document = json.loads(paperfacts("audit", "--json", "--db", db, cwd=db.parent).stdout)

    assert document["numbers"] == sum(document["counts"].values())
    assert document["counts"]["extracted"] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--cassette-mode replay", "--cassette-mode without --cassettes\n  Name the recordings"),
        ("--cassettes c --budget 1", "--budget with --cassettes: what a recording asks is not"),
        ("--cassettes c --then large", "--then with --cassettes\n  Replay each model's"),
    ],
)
def test_options_that_do_not_go_together_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, words: str
) -> None:
    """Exit code 2 before anything is read, asked or made."""
    db = tmp_path / "papers.duckdb"

    assert 2 == called("run", tmp_path / "no.jsonl", "--db", db, *options.split())
    assert f"paperfacts: {words}" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", ["0", "-1"])
@pytest.mark.parametrize("command", [("run",), ("record", "--to", "out"), ("eval",)])
def test_a_limit_that_lets_no_paper_through_ends_with_2(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...], limit: str
) -> None:
    """An empty outcome would pass for one."""
    name, *options = command

    assert 2 == called(name, GOLD, *options, "--limit", limit)
    assert f"--limit {limit}: no paper would be taken" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "record", "probe", "eval", "config"])
def test_options_that_commands_share_are_described(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their own names, without that of the group that they are kept in."""
    monkeypatch.setenv("COLUMNS", "100")
    assert 0 == called(command, "--help")
    told = capsys.readouterr().out

    assert re.search(r"--base-url STR +URL of a server", told)
    assert re.search(r"--rpm INT +Requests a minute", told)
    assert "asking" not in told.lower() and "bounds" not in told


def test_a_command_may_describe_a_shared_option_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What --task names is another thing to a probe and to an evaluation."""
    monkeypatch.setenv("COLUMNS", "100")
    called("probe", "--help")
    probe = capsys.readouterr().out
    called("eval", "--help")

    assert re.search(r"--task STR +What the model is to extract", probe)
    assert re.search(r"--task STR +The task that was annotated", capsys.readouterr().out)


def test_eval_scores_a_database(db: Path) -> None:
    """No annotated paper counts as absent, and no model is called."""
    done = paperfacts("eval", GOLD, "--db", db, cwd=db.parent)

    assert (0, "") == (done.returncode, done.stderr)
    assert "results" in done.stdout


def test_eval_of_another_database_is_no_table_of_zeros(db: Path, tmp_path: Path) -> None:
    """Where no annotated paper is in the database, it is the wrong one."""
    other = tmp_path / "other.jsonl"
    other.write_text('{"id": "x", "title": "T", "abstract": "A."}\n', encoding="utf-8")
    done = paperfacts("eval", other, "--db", db, cwd=tmp_path)

    assert (2, "") == (done.returncode, done.stdout)
    assert "none of the 1 annotated papers is in" in done.stderr


def test_eval_of_a_model_needs_the_texts(db: Path, tmp_path: Path) -> None:
    """A database alone can be compared without them."""
    bare = GOLD.parent / "predicted.jsonl"
    asked = ("--model", "stub", "--base-url", "http://127.0.0.1:9/v1")
    done = paperfacts("eval", bare, *asked, cwd=tmp_path)

    assert (2, "") == (done.returncode, done.stdout)
    assert "annotated paper lantern: title and abstract missing" in done.stderr
    assert 0 == paperfacts("eval", bare, "--db", db, cwd=tmp_path).returncode


def test_export_writes_to_standard_output(db: Path) -> None:
    """A - is not taken for an option, and nothing but the table is on it."""
    query = "select name from methods order by name limit 1"

    done = paperfacts("export", query, "--to", "-", "--format", "csv", "--db", db, cwd=db.parent)

    assert 0 == done.returncode, done.stderr
    assert ["name", ""] == [done.stdout.split("\n")[0], done.stderr]
