"""Fault 24: the model states a name or a number that the abstract does not."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.report import RunReport
from extract.tasks import load_task
from tests.command import paperfacts
from tests.stub_model import StubModel, facts_answer

TITLE = "Tern: Counting Birds"
ABSTRACT = "We show Tern. It reaches 87.4% on TERN-1 with 12 cameras."


@dataclass
class Inventing(StubModel):
    """A stub whose answer says some things that its paper does not."""

    swapped: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        status, document = super().answer(body)
        message = document["choices"][0]["message"]
        for said, invented in self.swapped.items():
            assert said in message["content"]
            message["content"] = message["content"].replace(said, invented)
        return status, document


def extract(db: Path, swapped: dict[str, str], min_grounded: float | None = None) -> RunReport:
    """Run the one paper with an answer in which words were swapped."""
    feed = db.with_name("feed.jsonl")
    feed.write_text(json.dumps({"id": "p", "title": TITLE, "abstract": ABSTRACT}) + "\n")
    options = RunOptions(feed=str(feed), database=db, min_grounded=min_grounded)
    with Inventing(swapped=swapped) as server:
        return run(options, find_model("stub", load_task(), base_url=server.url))


def rows(db: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with duckdb.connect(str(db), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_the_answer_is_grounded_where_nothing_was_swapped() -> None:
    """What the other tests swap is what the stub says of this paper."""
    said = facts_answer([(0, TITLE), (1, "We show Tern."), (2, ABSTRACT[14:])])

    assert ["87.4%", "12"] == [row["value"] for row in said["results"]]


@pytest.mark.parametrize(
    ("said", "invented"),
    [("87.4%", "85.4%"), ("87.4%", "7.4%"), ("87.4%", "87.44%"), ('"12"', '"21"')],
)
def test_a_number_with_other_digits_is_kept_as_missing(
    tmp_path: Path, said: str, invented: str
) -> None:
    """It is in no view that people query, and it is counted."""
    db = tmp_path / "papers.duckdb"
    report = extract(db, {said: invented})
    number = invented.strip('"')

    assert {"results": 1} == dict(report.missing)
    assert [] == rows(db, f"select * from results where value = '{number}'")
    assert [("missing", None, None)] == rows(
        db,
        "select alignment, span_start, evidence from task_facts.results_all"
        f" where value = '{number}'",
    )


def test_a_name_that_is_not_in_the_text_is_kept_as_missing(tmp_path: Path) -> None:
    """A name inside another word is not in the text either."""
    db = tmp_path / "papers.duckdb"
    report = extract(db, {'"Tern"': '"ern"', "TERN-1": "TERN-2"})

    assert {"methods": 1, "datasets": 1} == dict(report.missing)
    assert [] == rows(db, "select name from methods union all select name from datasets")
    assert ["TERN-2", "ern"] == sorted(
        name
        for (name,) in rows(
            db,
            "select name from task_facts.methods_all union all"
            " select name from task_facts.datasets_all where alignment = 'missing'",
        )
    )


def test_a_sentence_that_does_not_exist_states_nothing(tmp_path: Path) -> None:
    """A claim that cites it is missing, with the reason."""
    db = tmp_path / "papers.duckdb"
    extract(db, {'{"sentence": 1, "type"': '{"sentence": 9, "type"'})

    assert [("missing", "there is no sentence 9")] == rows(
        db, "select alignment, reason from task_facts.claims_all"
    )


def test_a_share_that_is_missed_ends_with_3(tmp_path: Path) -> None:
    """One of five facts was invented; so says a rerun, which asks nothing."""
    db = tmp_path / "papers.duckdb"
    first = extract(db, {"87.4%": "85.4%"}, min_grounded=0.9)
    again = extract(db, {}, min_grounded=0.9)

    assert (3, 0.8) == (first.exit_code, first.grounded_share)
    assert (3, 0.8, 0) == (again.exit_code, again.grounded_share, again.asked)
    assert 0 == extract(db, {}, min_grounded=0.8).exit_code


def test_the_command_says_by_how_much(tmp_path: Path) -> None:
    """The share, the demand, and exit code 3."""
    feed = tmp_path / "feed.jsonl"
    feed.write_text(json.dumps({"id": "p", "title": TITLE, "abstract": ABSTRACT}) + "\n")
    with Inventing(swapped={"87.4%": "85.4%"}) as server:
        done = paperfacts(
            *("run", feed, "--model", "stub", "--base-url", server.url, "--min-grounded", "0.9"),
            cwd=tmp_path,
        )

    assert 3 == done.returncode, done.stderr
    assert "grounded: 80.0% of 5 facts, less than --min-grounded 0.9" in done.stdout


def test_a_share_is_from_0_to_1(tmp_path: Path) -> None:
    """95 is no share, and nothing is made."""
    done = paperfacts("run", "feed.jsonl", "--min-grounded", "95", cwd=tmp_path)

    assert 2 == done.returncode
    assert "--min-grounded is 95" in done.stderr
    assert "share from 0 to 1" in done.stderr
    assert [] == list(tmp_path.iterdir())
