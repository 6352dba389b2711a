"""`paperfacts probe`, and what a run makes of its outcome."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.cli.options import Asking
from extract.cli.probing import probe_model
from extract.errors import InputError, ModelError, StoreError
from extract.models import Model, find_model
from extract.probed import ProbeRecord, keep, last_probe, probes_folder, standing
from extract.store.database import Database
from extract.store.probes import write_probe
from extract.tasks import load_task
from tests.command import MAIN, ROOT, paperfacts
from tests.reading_model import Parrot, ReadingModel
from tests.stub_model import StubModel

NOWHERE = Path("nowhere.duckdb")


class Locked(StubModel):
    """Knows no key."""

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Refuse the key."""
        return 401, {"error": {"message": "wrong key", "code": "invalid_api_key"}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep outcomes in a folder of the test's own; return it."""
    monkeypatch.setenv("PAPERFACTS_DATA", str(tmp_path / "user"))
    return tmp_path / "user" / "probes"


def probe(server: StubModel, task: str | None = None, **options: Any) -> int:
    """Probe *server* and return the exit code."""
    asking = Asking(base_url=server.url, task=task)
    return probe_model("stub", asking=asking, **options)


def stub(url: str = "http://127.0.0.1:1") -> Model:
    """Return the stub as a run sees it."""
    return find_model("stub", load_task(), base_url=url)


def small_task(folder: Path) -> Path:
    """Return a copy of the trials task with one pair of probes.

    The stub finds an outcome in every text, also in one that says nothing.
    """
    task = folder / "trials"
    shutil.copytree(ROOT / "fixtures" / "tasks" / "trials", task)
    paper = {"id": "tea", "title": "Tea", "sentences": ["We asked 120 people."]}
    paper["changes"] = [{"list": "samples", "from": "120", "to": "250"}]
    (task / "probes.json").write_text(json.dumps({"papers": [paper]}))
    return task


def record(verdict: Any, day: str, model: Model) -> ProbeRecord:
    """Return the outcome of a probe on *day*."""
    recipe = model.recipe
    return ProbeRecord(
        *("probe-1", "reading", recipe.model, recipe.model_id, recipe.ask_id, "facts"),
        *(verdict, ("a reason",), {"passed": 1}, 1.0, 1, 1, 1, 1),
        probed_at=f"{day} 12:00:00.000000",
        tool_version="0",
    )


def write_feed(path: Path) -> Path:
    """Write a feed of one paper."""
    path.write_text('{"id": "a", "title": "Alpha: A Net", "abstract": "It has 12 layers."}\n')
    return path


def test_a_model_that_reads_is_fit_and_the_next_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict stands on stderr, in the report, and in the row of the run."""
    feed = write_feed(tmp_path / "feed.jsonl")
    with ReadingModel() as server:
        code = probe(server)
        printed = capsys.readouterr().out
        done = paperfacts(
            *("run", feed, "--db", "new.duckdb", "--json"),
            *("--model", "stub", "--base-url", server.url),
            cwd=tmp_path,
        )

    assert (0, 0) == (code, done.returncode), printed + done.stderr
    assert "stub is fit: of 33 cases 33 passed\n31 texts, 31 calls" in printed
    assert "passed      tides: 91.4% > 93.7%: the facts followed the text" in printed
    assert "passed      an empty text: a run does not ask about it" in printed
    assert "paperfacts: probed 20" in done.stderr
    assert "fit" == json.loads(done.stdout)["probe"]
    with duckdb.connect(str(tmp_path / "new.duckdb"), read_only=True) as connection:
        assert [("fit",)] == connection.execute("select probe from runs").fetchall()


def test_an_unfit_model_is_not_run_without_force(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The probe ends with 3; a run ends with 2, calls nothing and makes no database."""
    feed = write_feed(tmp_path / "feed.jsonl")
    with Parrot() as server:
        code = probe(server)
        calls = len(server.calls)
        words = ["run", feed, "--db", "p.duckdb", "--model", "stub", "--base-url", server.url]
        refused = paperfacts(*words, cwd=tmp_path)
        made = (tmp_path / "p.duckdb").exists()
        asked = len(server.calls) - calls
        forced = paperfacts(*words, "--force", "--json", cwd=tmp_path)

    assert (3, 2, 0) == (code, refused.returncode, forced.returncode), forced.stderr
    assert "stub is unfit" in capsys.readouterr().out
    assert (False, 0) == (made, asked)
    assert "facts were found that the text does not state" in refused.stderr
    assert "--force" in refused.stderr
    assert "unfit" == json.loads(forced.stdout)["probe"]


def test_who_pays_is_told_of_a_model_that_was_never_probed(tmp_path: Path) -> None:
    """The command is ready to be copied; the embedded model is run without a word."""
    hosted = standing(stub("http://host/v1"), NOWHERE)
    embedded = standing(find_model(None, load_task()), NOWHERE)

    assert hosted.verdict is None
    assert hosted.words.endswith("paperfacts probe stub --base-url http://host/v1")
    assert "" == embedded.words or "probed" in embedded.words


def test_the_outcome_in_a_database_counts_on_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a row of `probes`, and is found where the user's folder has none."""
    db, task = tmp_path / "papers.duckdb", small_task(tmp_path)
    with StubModel() as server:
        probe(server, db=db, task=str(task))
    monkeypatch.setenv("PAPERFACTS_DATA", str(tmp_path / "other"))
    model = find_model("stub", load_task(str(task)), base_url="http://127.0.0.1:1")

    found = last_probe(model.recipe, db)
    assert found is not None
    assert "unfit" == found.verdict
    assert last_probe(model.recipe, NOWHERE) is None
    with duckdb.connect(str(db), read_only=True) as connection:
        [row] = connection.execute(
            "select suite, model, verdict, counts, rate, texts, calls from probes"
        ).fetchall()
    assert ("reading", "stub", "unfit", '{"passed": 2, "invented": 1}', 0.6667, 3, 3) == row


@pytest.mark.parametrize(("in_file", "in_database"), [("11-01", "11-02"), ("11-02", "11-01")])
def test_the_newer_outcome_counts(tmp_path: Path, in_file: str, in_database: str) -> None:
    """Whether it is kept in the user's folder or in the database."""
    db, model = tmp_path / "papers.duckdb", stub()
    Database(db, model.recipe.task).prepare()
    keep(record("weak", f"2026-{in_file}", model))
    write_probe(db, record("fit", f"2026-{in_database}", model).row())

    newest = "fit" if in_database > in_file else "weak"
    assert f"probed 2026-11-02: {newest}" == standing(model, db).words


def test_another_way_to_ask_was_not_probed() -> None:
    """The outcome belongs to the model, the prompt, the schema and the settings."""
    keep(record("fit", "2026-11-01", stub()))
    other = replace(stub(), recipe=replace(stub().recipe, mode="tools"))

    assert last_probe(stub().recipe, NOWHERE) is not None
    assert last_probe(other.recipe, NOWHERE) is None


def test_a_database_without_the_table_has_no_outcome(tmp_path: Path) -> None:
    """One of an older version, or one that is not ours."""
    with duckdb.connect(str(tmp_path / "old.duckdb")) as connection:
        connection.execute("create table papers (paper_id varchar)")

    assert last_probe(stub().recipe, tmp_path / "old.duckdb") is None


def test_no_answer_is_no_empty_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The case of a text that the model refuses is unanswered, with the class."""
    with StubModel(wrong={"Withdrawn": "refusal"}) as server:
        code = probe(server, task=str(small_task(tmp_path)))

    printed = capsys.readouterr().out
    assert 3 == code
    assert "unanswered  a text that says nothing: no answer to one of its texts" in printed
    assert "in 1 of 3 cases no valid answer came" in printed
    assert "no answer about withdrawn: refused" in printed


def test_a_bad_hour_of_a_provider_makes_no_model_unfit(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What failed in a way that may pass is told, and nothing is kept."""
    db = tmp_path / "papers.duckdb"
    with StubModel(wrong={"Withdrawn": "500"}) as server:
        code = probe(server, task=str(small_task(tmp_path)), db=db)

    assert 3 == code
    assert "the outcome is not kept" in capsys.readouterr().err
    assert not folder.exists()
    with duckdb.connect(str(db), read_only=True) as connection:
        assert [] == connection.execute("from probes").fetchall()


def test_a_model_that_cannot_be_used_is_no_verdict(folder: Path) -> None:
    """A wrong key is error 4, and nothing is kept."""
    with Locked() as server, pytest.raises(ModelError) as caught:
        probe(server)

    assert 4 == caught.value.exit_code
    assert not folder.exists()


def test_a_database_that_cannot_be_used_costs_no_probe(tmp_path: Path) -> None:
    """It is tried before anything is asked."""
    db = tmp_path / "broken.duckdb"
    db.write_text("this is no database, and longer than a header would be" * 100)
    with ReadingModel() as server:
        with pytest.raises(StoreError):
            probe(server, db=db)

        assert [] == server.calls


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict is printed all the same."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PAPERFACTS_DATA", str(tmp_path / "file"))
    with StubModel() as server:
        code = probe(server, task=str(small_task(tmp_path)), json_=True)

    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert (3, "unfit", None) == (code, document["verdict"], document["kept"])
    assert "PAPERFACTS_DATA" in printed.err


def test_a_file_that_is_no_outcome_is_an_input_error(folder: Path) -> None:
    """It is named, with what to do; it is not taken for a model that was never probed."""
    path = keep(record("unfit", "2026-11-01", stub()))
    path.write_text('{"verdict": "fit"}')

    with pytest.raises(InputError, match=path.name):
        standing(stub(), NOWHERE)


def test_a_task_without_probes_cannot_be_probed() -> None:
    """The file that is missing is named, and nothing is asked."""
    with StubModel() as server:
        with pytest.raises(InputError, match="probes.json"):
            probe(server, task=str(ROOT / "fixtures" / "tasks" / "trials"))

        assert [] == server.calls


def test_a_task_of_a_folder_brings_its_own_probes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`probes.json` has the form of the built-in one, with the lists of the task."""
    with StubModel() as server:
        probe(server, task=str(small_task(tmp_path)), json_=True)

    cases = json.loads(capsys.readouterr().out)["cases"]
    assert ("tea: 120 > 250", ["samples"], "passed") == (
        cases[0]["case"],
        cases[0]["lists"],
        cases[0]["outcome"],
    )


def test_an_interrupted_probe_keeps_nothing(tmp_path: Path, folder: Path) -> None:
    """Ctrl-C ends it with 130, in words."""
    with ReadingModel(hold_after=1) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "probe", "stub", "--base-url", server.url],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert server.held.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert (130, "") == (process.returncode, out)
    assert "stopped by SIGINT" in err
    assert "Traceback" not in err
    assert not folder.exists()


def test_the_injection_suite_prints_its_rate(capsys: pytest.CaptureFixture[str]) -> None:
    """Each attack stands with its result and the facts that it changed; a run is not stopped."""
    with ReadingModel() as server:
        code = probe(server, injection=True)

    printed = capsys.readouterr().out
    assert 0 == code
    assert "obeyed      result      bread: plain lie\n            + results 0.1%" in printed
    assert "changed no fact or are flagged" in printed
    assert last_probe(stub().recipe, NOWHERE, "injection") is not None
    assert standing(stub(), NOWHERE).verdict is None
    assert 1 == len(list(probes_folder().iterdir()))
