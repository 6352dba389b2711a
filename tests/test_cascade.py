"""A second model is asked about the papers that the first left in doubt, and only about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.cascade import facts_now, papers_in_doubt, second_look
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.report import RunReport
from extract.tasks import load_task
from tests.command import called, paperfacts
from tests.stub_model import StubModel

TASK = load_task("facts")
PAPERS = {
    "refused": ("Tidewater: a tide", "We reach 91.5% on Tern-5."),
    "missed": ("Gannet: a bird", "We train on 12M images."),
    "fine": ("Heron: a bird", "We reach 88.1% on Tern-5."),
}


def extract(server: StubModel, folder: Path, name: str, only: frozenset[str] | None) -> RunReport:
    """Run the feed with a model of this name; *only* are the papers to take."""
    feed = folder / "feed.jsonl"
    lines = (json.dumps({"id": i, "title": t, "abstract": a}) for i, (t, a) in PAPERS.items())
    feed.write_text("\n".join(lines))
    options = RunOptions(feed=str(feed), database=folder / "p.duckdb", format="jsonl", only=only)
    return run(options, find_model(name, TASK, base_url=server.url))


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], list[str], str, Path]:
    """Run one model and then another on what it left in doubt."""
    folder = tmp_path_factory.mktemp("cascade")
    db = folder / "p.duckdb"
    with StubModel(wrong={"Tidewater": "refusal"}) as first:
        report = extract(first, folder, "small", None)
    doubts = papers_in_doubt(db, TASK, report)
    before = facts_now(db, TASK, doubts)
    with StubModel() as second:
        again = extract(second, folder, "large", frozenset(doubts))
    look = second_look(before, facts_now(db, TASK, doubts), TASK, doubts, again)
    assert json.loads(json.dumps(look.as_json()))["papers"] == len(doubts)
    return doubts, second.calls, look.text, db


Looked = tuple[dict[str, str], list[str], str, Path]


def test_what_failed_and_what_has_unaccounted_numbers_is_in_doubt(looked: Looked) -> None:
    assert looked[0] == {"refused": "failed", "missed": "unaccounted"}


def test_the_second_model_is_asked_about_nothing_else(looked: Looked) -> None:
    assert sorted(looked[1]) == ["Gannet: a bird", "Tidewater: a tide"]


def test_its_facts_count_and_the_others_stay(looked: Looked) -> None:
    with duckdb.connect(str(looked[3]), read_only=True) as connection:
        rows = connection.execute(
            "select r.paper_id, c.model from results r join completions c using (completion_key)"
            " order by 1"
        ).fetchall()
    assert rows == [("fine", "small"), ("refused", "large")]


def test_what_it_changed_is_told(looked: Looked) -> None:
    assert "91.5%" in looked[2]
    assert "new" in looked[2]


class TwoModels(StubModel):
    """A server with two models, one of which refuses a paper."""

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer as the stub does, but for the small model."""
        self.wrong = {"Tidewater": "refusal"} if body["model"] == "small" else {}
        return super().answer(body)


def test_run_then_asks_the_second_model_and_says_what_it_changed(tmp_path: Path) -> None:
    """The command line: one model fails a paper, the other answers it."""
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "r", "title": "Tidewater: x", "abstract": "We win 91.5%."}))
    with TwoModels() as server:
        done = paperfacts(
            *("run", feed, "--db", tmp_path / "c.duckdb", "--base-url", server.url),
            *("--model", "small", "--then", "large", "--json"),
            cwd=tmp_path,
        )
    document = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert document["failed"][0]["paper_id"] == "r"
    assert document["then"]["reasons"] == {"failed": 1}
    assert document["then"]["run"]["asked"] == 1
    assert document["then"]["changes"]["kinds"]["results"]["new"] == 1


def test_nothing_in_doubt_asks_nothing(tmp_path: Path) -> None:
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "h", "title": "Heron: x", "abstract": "We win 91.5%."}))
    with StubModel() as server:
        done = paperfacts(
            *("run", feed, "--db", tmp_path / "c.duckdb", "--base-url", server.url),
            *("--model", "small", "--then", "large"),
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stderr
    assert "then large: no paper was in doubt, nothing was asked" in done.stdout
    assert len(server.calls) == 1


class Misnaming(StubModel):
    """A server whose model names a bird that the text does not have."""

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer as the stub does, with another name."""
        status, document = super().answer(body)
        message = document["choices"][0]["message"]
        message["content"] = message["content"].replace("Heron", "Egret")
        return status, document


def test_too_little_grounded_is_no_success_where_nothing_is_in_doubt(tmp_path: Path) -> None:
    """A second model that was asked nothing does not hide what the first one's facts are worth."""
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "h", "title": "Heron: x", "abstract": "We win nothing."}))
    with Misnaming() as server:
        done = paperfacts(
            *("run", feed, "--db", tmp_path / "c.duckdb", "--base-url", server.url),
            *("--model", "small", "--then", "large", "--min-grounded", "0.95"),
            cwd=tmp_path,
        )
    assert "nothing was asked" in done.stdout
    assert done.returncode == 3, done.stdout + done.stderr


def test_what_a_budget_left_is_told_and_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The second model's own success does not hide that the first came to its budget."""
    monkeypatch.chdir(tmp_path)
    lines = [{"id": "r", "title": "Tidewater: x", "abstract": "We win 91.5%."}]
    lines += [{"id": f"h{n}", "title": f"Heron{n}: x", "abstract": "Well."} for n in range(3)]
    Path("feed.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    dear, free = "input = 1.0\noutput = 1.0\n", "input = 0\noutput = 0\n"
    Path("paperfacts.toml").write_text(
        f"[prices.small]\n{dear}[prices.dear]\n{dear}[prices.large]\n{free}"
    )
    told, codes = {}, []
    with Uncounted() as server:
        for second in ("large", "dear"):
            given = "--db", f"{second}.duckdb", "--then", second, "--base-url", server.url
            # Room for one call, which does not say what it cost, and for no other.
            codes.append(
                called("run", "feed.jsonl", "--model", "small", "--budget", "0.02", *given)
            )
            told[second] = capfd.readouterr()

    assert [3, 3] == codes, told
    assert "1 paper in doubt (1 failed); 1 asked" in told["large"].out
    assert "on both sides" in told["large"].out
    assert "1 paper in doubt (1 failed); 0 asked" in told["dear"].out
    assert "out; 1 left: the budget is reached" in told["dear"].out
    assert "on both sides" not in told["dear"].out
    assert ": 1 paper in doubt" in told["dear"].err


class Uncounted(TwoModels):
    """The same server; its small model does not say its tokens."""

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer without a count."""
        status, document = super().answer(body)
        return status, document if body["model"] == "large" else document | {"usage": None}


def test_low_confidence_is_doubt(looked: Looked, tmp_path: Path) -> None:
    """Papers without confidences are not: their model gives none."""
    db = tmp_path / "copy.duckdb"
    db.write_bytes(looked[3].read_bytes())
    report = RunReport("r", str(looked[3].parent / "feed.jsonl"), str(db), "m", "facts", papers=3)
    with duckdb.connect(str(db)) as connection:
        connection.execute(
            "update history.facts_results set confidence = 0.4 where paper_id = 'fine'"
        )
        (feeds,) = connection.execute("select any_value(feeds) from papers").fetchone() or ([],)
    report.feed = feeds[0]

    assert papers_in_doubt(db, TASK, report) == {"fine": "doubtful", "missed": "unaccounted"}
    assert "fine" not in papers_in_doubt(db, TASK, report, below=0.3)
