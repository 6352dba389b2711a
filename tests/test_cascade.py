"""A second model is asked about the papers that the first left in doubt, and only about them."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from extract.cascade import facts_now, papers_in_doubt, second_look
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.report import RunReport
from extract.tasks import load_task
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
