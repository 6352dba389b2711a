"""Every current gap of a database has been checked, and people can ask how it came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.errors import InputError
from extract.gapplan import gap_plan
from extract.grounding import DERIVATION
from extract.task import describe
from extract.tasks import load_task
from extract.todo import Todo
from tests.replay import replay

ROOT = Path(__file__).parent.parent
TRIALS = ROOT / "fixtures" / "tasks" / "trials"

ABSTRACTS = {
    "right": "Tern raises accuracy from 74.3 to 78.1, a gain of +3.8. It has 12 layers.",
    "wrong": "Tern raises accuracy from 74.3 to 78.1, a gain of +4.8.",
    "open": "Tern is better by 2.5 points.",
}
ANSWERS = {
    "right": ["74.3|score", "78.1|score", "+3.8|delta", "12|size"],
    "wrong": ["74.3|score", "78.1|score", "+4.8|delta", "+9.9|delta"],
    "open": ["2.5 points|delta"],
}


def answer(todo: Todo) -> dict[str, Any]:
    """Return the results that ANSWERS has for a paper; +9.9 does not stand in its text."""
    written = [value.split("|") for value in ANSWERS[todo.paper.title]]
    rows = [{"value": value, "kind": kind, "sentence": 1} for value, kind in written]
    return {"methods": [], "datasets": [], "results": rows, "claims": []}


def write_feed(path: Path, abstracts: dict[str, str] = ABSTRACTS) -> Path:
    """Write a feed of abstracts by title."""
    lines = [json.dumps({"id": t, "title": t, "abstract": a}) + "\n" for t, a in abstracts.items()]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def rows(db: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with duckdb.connect(str(db), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Return a database of the three papers."""
    path = tmp_path / "papers.duckdb"
    replay(load_task(), write_feed(tmp_path / "feed.jsonl"), path, answer)
    return path


def test_a_gap_has_its_verdict_and_its_two_values_in_sql(db: Path) -> None:
    """The view `gaps` says what was stated, what was expected, and of which values."""
    found = rows(
        db,
        "select value, verdict, low_value, low, high_value, high, round(expected, 4), reading"
        " from gaps order by verdict",
    )

    assert [
        ("+3.8", "agreement", "74.3", 74.3, "78.1", 78.1, 3.8, "points"),
        ("+4.8", "contradiction", "74.3", 74.3, "78.1", 78.1, 3.8, "points"),
        ("2.5 points", "not_checkable", None, None, None, None, None, None),
    ] == found


def test_every_current_gap_is_checked_once(db: Path) -> None:
    """Each delta that stands in the text has one row, and what is missing has none."""
    deltas = rows(db, "select fact_id from results where kind = 'delta' order by 1")

    assert 3 == len(deltas)
    assert deltas == rows(db, "select fact_id from gaps order by 1")
    assert deltas == rows(db, "select fact_id from task_facts.gaps order by 1")


def test_the_ids_of_a_gap_lead_to_its_results(db: Path) -> None:
    """`fact_id`, `low_id` and `high_id` are results of the same paper with those numbers."""
    found = rows(
        db,
        "select r.value, l.number, h.number from gaps g"
        " join results r on r.fact_id = g.fact_id and r.paper_id = g.paper_id"
        " join results l on l.fact_id = g.low_id and l.number = g.low"
        " join results h on h.fact_id = g.high_id and h.number = g.high order by 1",
    )

    assert [("+3.8", 74.3, 78.1), ("+4.8", 74.3, 78.1)] == found


def test_the_papers_that_contradict_themselves_are_a_view(db: Path) -> None:
    """The ready-made view has the contradictions with their sentence."""
    found = rows(
        db, "select paper_id, stated_gap, evidence from results_that_contradict_themselves"
    )

    assert [("wrong", "+4.8", ABSTRACTS["wrong"])] == found


def test_an_older_database_is_derived_again_without_asking(db: Path, tmp_path: Path) -> None:
    """Facts of an older derivation are made anew from the stored answers, with their gaps."""
    wanted = rows(db, "select value, verdict from gaps order by all")
    with duckdb.connect(str(db)) as connection:
        connection.execute("drop view results_that_contradict_themselves")
        connection.execute("drop view main.gaps")
        connection.execute("drop view task_facts.gaps")
        connection.execute("drop table history.facts_gaps")
        connection.execute("delete from task_kinds where kind = 'gaps'")
        old = "update {} set extraction_id = 'old-' || extraction_id"
        for table in ("extractions", "current_extractions", "history.facts_results"):
            connection.execute(old.format(table))
        connection.execute("update extractions set derivation = 'd1'")

    report = replay(load_task(), tmp_path / "feed.jsonl", db, answer)

    assert (0, 3) == (report.asked, report.cached)
    assert wanted == rows(db, "select value, verdict from gaps order by all")
    assert [(DERIVATION,)] == rows(
        db,
        "select distinct derivation from extractions"
        " join current_extractions using (extraction_id)",
    )


def test_a_changed_abstract_takes_its_gaps_out_of_the_view(db: Path, tmp_path: Path) -> None:
    """Gaps are those of the current text: the old ones stay in the history alone."""
    changed = ABSTRACTS | {"wrong": ABSTRACTS["wrong"].replace("+4.8", "+3.8")}
    answers_now = ANSWERS | {"wrong": ["74.3|score", "78.1|score", "+3.8|delta"]}

    def answer_now(todo: Todo) -> dict[str, Any]:
        written = [value.split("|") for value in answers_now[todo.paper.title]]
        found = [{"value": value, "kind": kind, "sentence": 1} for value, kind in written]
        return {"methods": [], "datasets": [], "results": found, "claims": []}

    replay(load_task(), write_feed(tmp_path / "changed.jsonl", changed), db, answer_now)

    assert [] == rows(db, "from results_that_contradict_themselves")
    assert [(1,)] == rows(
        db, "select count(*) from history.facts_gaps where verdict = 'contradiction'"
    )


SCHEMA = '''
from typing import Annotated, ClassVar, Literal

from extract.schemas.markers import Answer, Quantity, Record, Sentence


class Rate(Record):
    """A stated rate."""

    amount: Quantity
    sort: Literal["level", "change"]
    sentence: Sentence


class Rates(Answer):
    """The rates of a paper."""

    GAPS: ClassVar[dict[str, str]] = {GAPS}

    rates: list[Rate]


ANSWER = Rates
'''
GAPS = {"of": "rates", "by": "sort", "gap": "change", "value": "level"}


def own_task(folder: Path, gaps: dict[str, str]) -> Any:
    """Return the task of a schema.py whose records have other names."""
    folder.mkdir()
    (folder / "schema.py").write_text(SCHEMA.replace("{GAPS}", repr(gaps)), encoding="utf-8")
    return load_task(str(folder), trust_code=True)


def test_a_task_of_ones_own_declares_its_gaps(tmp_path: Path) -> None:
    """The list, its fields and their words are those of the declaration."""
    task = own_task(tmp_path / "rates", GAPS)
    feed = write_feed(tmp_path / "feed.jsonl", {"a": "The rate went from 10% to 12%, by 2 points."})
    said = [("10%", "level"), ("12%", "level"), ("2 points", "change")]
    stated = [{"amount": amount, "sort": sort, "sentence": 1} for amount, sort in said]

    replay(task, feed, tmp_path / "own.duckdb", lambda todo: {"rates": stated})

    assert [("2 points", "agreement", "10%", "12%")] == rows(
        tmp_path / "own.duckdb",
        "select value, verdict, low_value, high_value from task_rates.gaps",
    )


def test_a_task_without_a_declaration_has_no_gaps(tmp_path: Path) -> None:
    """A task that says nothing of gaps has no table of them."""
    task = load_task(str(TRIALS))
    feed, db = write_feed(tmp_path / "feed.jsonl", {"a": "Of 12 people 3 left."}), tmp_path / "t.db"
    empty: dict[str, Any] = {kind.name: [] for kind in task.kinds}

    replay(task, feed, db, lambda todo: empty)

    assert gap_plan(task) is None
    assert [] == rows(db, "select 1 from duckdb_tables() where table_name like '%gaps%'")
    assert [] == rows(db, "select 1 from duckdb_views() where view_name = 'gaps'")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"of": "ratios"}, "'ratios'"),
        ({"by": "kind"}, "rates.kind"),
        ({"gap": "delta"}, "'delta'"),
        ({"setting": "dataset"}, "rates.dataset"),
        ({"among": "rates"}, "'among'"),
    ],
)
def test_a_declaration_that_names_nothing_is_an_error(
    tmp_path: Path, wrong: dict[str, str], said: str
) -> None:
    """The message has the name that the task does not have."""
    task = own_task(tmp_path / "rates", GAPS | wrong)

    with pytest.raises(InputError, match="GAPS .*" + said.replace(".", r"\.")):
        gap_plan(task)


def test_a_declaration_without_a_part_is_an_error(tmp_path: Path) -> None:
    """`of`, `by`, `gap` and `value` are needed."""
    task = own_task(tmp_path / "rates", {"of": "rates", "by": "sort", "gap": "change"})

    with pytest.raises(InputError, match="has no 'value'"):
        gap_plan(task)


def test_the_declaration_does_not_change_what_is_asked() -> None:
    """Answers and adapters made before there were gaps are still those of this task."""
    task = load_task()

    class Bare(task.answer):  # type: ignore[name-defined, misc]  # a class known at run time
        GAPS = None

    Bare.__name__ = Bare.__qualname__ = task.answer.__name__
    Bare.__doc__ = task.answer.__doc__
    assert "facts-ebf0062e4f94" == task.version
    assert gap_plan(describe("facts", Bare)) is None
