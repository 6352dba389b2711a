"""Fault 26: surrogates, NUL and control characters on the way in and out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.feeds import read_feed
from extract.feeds.errors import FeedError
from extract.models import find_model
from extract.papers import storable
from extract.pipeline import RunOptions, run
from extract.rows import paper_row
from extract.store.database import Batch, Database
from extract.tasks import load_task
from tests.stub_model import StubModel

ANY_TEXT = st.text(st.characters(), max_size=80)
WILD = "a\ud800b\x00c\x1b[2Jd\udfffe\x9bf"
TAMED = "a\ufffdb\ufffdc\ufffd[2Jd\ufffde\ufffdf"


def rows(db: Path, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with duckdb.connect(str(db), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A database with its tables."""
    made = Database(tmp_path_factory.mktemp("characters") / "papers.duckdb", load_task())
    made.prepare()
    return made


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(title=ANY_TEXT, body=ANY_TEXT, author=ANY_TEXT, venue=ANY_TEXT)
def test_any_text_goes_through_reader_and_store(
    database: Database, title: str, body: str, author: str, venue: str
) -> None:
    """What comes out is what went in, but for the characters that cannot be kept."""
    abstract = f"Words {body}."
    record = {"id": "p", "title": title, "abstract": abstract, "authors": [author], "venue": venue}
    feed = database.path.with_name("feed.jsonl")
    feed.write_text(json.dumps(record), encoding="utf-8")
    [paper] = read_feed(feed).papers
    database.write(Batch(papers=[paper_row(paper, "h", ["feed"])]))

    stored = rows(database.path, "select title, abstract, venue from papers where paper_id = 'p'")
    kept = [storable(title)[0], storable(abstract)[0], " ".join(storable(venue)[0].split()) or None]
    assert [tuple(kept)] == stored
    assert [paper.authors] == [
        tuple(found) for (found,) in rows(database.path, "select authors from papers")
    ]


def test_what_was_replaced_is_counted(tmp_path: Path) -> None:
    """One problem for the paper says how many characters it was, in all of its fields."""
    feed = tmp_path / "feed.jsonl"
    record = {"id": "p", "title": WILD, "abstract": f"Words {WILD}.", "authors": [WILD]}
    feed.write_text(json.dumps(record), encoding="utf-8")
    read = read_feed(feed)
    [paper] = read.papers

    assert (TAMED, f"Words {TAMED}.", (TAMED,)) == (paper.title, paper.abstract, paper.authors)
    assert ["15 control characters or lone surrogates became U+FFFD"] == [
        problem.message for problem in read.problems
    ]


@pytest.mark.parametrize(
    ("column", "wild"),
    [
        ("content", WILD),
        ("request_id", WILD),
        ("completion_key", WILD),
        ("latency_s", math.nan),
        ("latency_s", math.inf),
        ("latency_s", -math.inf),
        ("latency_s", 5e-324),
    ],
)
def test_one_bad_row_never_stops_a_flush(database: Database, column: str, wild: Any) -> None:
    """Whatever stands in one row, the rows beside it are written."""
    good = {"completion_key": "good", "model": "m", "status": "ok", "content": "{}"}
    database.write(Batch(completions=[good | {"completion_key": "bad"} | {column: wild}, good]))
    with duckdb.connect(str(database.path)) as connection:
        [count] = connection.execute("select count(*) from completions").fetchone() or [0]
        connection.execute("delete from completions")

    assert 2 == count


def test_a_wild_answer_is_stored_and_the_run_goes_on(tmp_path: Path) -> None:
    """A model that writes NUL and half a pair costs nothing beside its own row."""

    class Wild(StubModel):
        def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            status, document = super().answer(body)
            message = document["choices"][0]["message"]
            message["content"] = message["content"].replace("Tern", "Te\ud800\x00rn")
            return status, document

    feed, db = tmp_path / "feed.jsonl", tmp_path / "papers.duckdb"
    lines = [
        {"id": name, "title": f"{name}: Birds", "abstract": f"We show {name} with 12 cameras."}
        for name in ("Tern", "Gull")
    ]
    feed.write_text("\n".join(map(json.dumps, lines)))
    with Wild() as server:
        model = find_model("stub", load_task(), base_url=server.url)
        report = run(RunOptions(feed=str(feed), database=db), model)

    assert (2, []) == (report.asked, report.failed)
    assert [("Gull", "exact"), ("Te\ufffd\ufffdrn", "missing")] == rows(
        db, "select name, alignment from task_facts.methods_all order by name"
    )


def test_an_abstract_without_a_letter_is_none(tmp_path: Path) -> None:
    """Nothing but blanks, dots or invisible characters states nothing, and is not asked about."""
    feed = tmp_path / "feed.jsonl"
    texts = ["\u00a0\u3000", "\u200b", "...", "\ufffd", "\x00\x01", "—"]
    lines = [{"id": str(n), "title": "T", "abstract": text} for n, text in enumerate(texts)]
    feed.write_text("\n".join(map(json.dumps, lines)))

    with pytest.raises(FeedError, match="none of its 6 records has an abstract"):
        read_feed(feed)
