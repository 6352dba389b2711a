"""Whatever a model answers, every offset of the database is that of what the row says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from extract.feeds.errors import NoPapersError
from extract.tasks import load_task
from tests.offsets import adversary, wrong_offsets
from tests.replay import replay

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
ABSTRACTS = SHARED / "abstracts" / "arxiv.jsonl"
FEEDS = sorted(p for p in (SHARED / "feeds").glob("*") if p.is_file())


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the database of adversarial answers about the sample."""
    db = tmp_path_factory.mktemp("offsets") / "papers.duckdb"
    replay(load_task(), ROOT / "fixtures" / "sample.txt", db, adversary)
    return db


def test_no_offset_of_the_sample_is_wrong(sample: Path) -> None:
    """Names and numbers in other cases, in LaTeX, cut and invented: no span lies."""
    counted, wrong = wrong_offsets(sample)

    assert [] == wrong
    kinds = {"methods", "datasets", "results", "claims", "metric"}
    assert {f"{kind} exact" for kind in kinds} <= set(counted)
    assert {"methods case", "methods folded", "methods missing", "mentions mention"} <= set(counted)


def test_a_sentence_begins_with_its_backslash(tmp_path: Path) -> None:
    """Evidence is the stored sentence: what is not shown to a model is part of it."""
    abstract = r"We try. \textbf{Stage 2} reaches 4.49 and 7.83."
    feed, db = tmp_path / "feed.jsonl", tmp_path / "papers.duckdb"
    feed.write_text(json.dumps({"id": "a", "title": "T", "abstract": abstract}), encoding="utf-8")
    result = {"value": "4.49", "kind": "score", "sentence": 2}
    claim = {"type": "result", "sentence": 2}
    answer = {"methods": [], "datasets": [], "results": [result], "claims": [claim]}
    replay(load_task(), feed, db, lambda todo: answer)

    with duckdb.connect(str(db), read_only=True) as connection:
        found = connection.execute(
            "select evidence from results union all select text from claims"
        ).fetchall()
    assert [(r"\textbf{Stage 2} reaches 4.49 and 7.83.",)] * 2 == found
    assert [] == wrong_offsets(db)[1]


@pytest.mark.parametrize(
    ("table", "change", "wrong"),
    [
        ("facts_methods", "span_start = span_start + 1", "other characters"),
        ("facts_results", "span_end = span_end + 1", "other characters"),
        ("facts_results", "metric_start = metric_start - 1", "other characters"),
        ("facts_results", "sentence = sentence + 1", "outside its sentence"),
        ("facts_datasets", "sentence = 99", "no such sentence"),
        ("facts_claims", "evidence = 'It is.'", "other evidence"),
        ("facts_methods", "span_end = span_start", "no span"),
        ("facts_methods", "alignment = 'missing'", "missing, with a place"),
    ],
)
def test_a_wrong_offset_is_found(
    sample: Path, tmp_path: Path, table: str, change: str, wrong: str
) -> None:
    """Each fault that is put into a database is named."""
    db = tmp_path / "wrong.duckdb"
    shutil.copy(sample, db)
    with duckdb.connect(str(db)) as connection:
        row = f"(select min(rowid) from history.{table} where alignment = 'exact'"
        row += (
            " and metric_alignment = 'exact' and metric_start > 0)" if "metric" in change else ")"
        )
        connection.execute(f"update history.{table} set {change} where rowid = {row}")

    _, found = wrong_offsets(db)

    assert wrong in {row[4] for row in found}


@pytest.mark.slow
@pytest.mark.skipif(not ABSTRACTS.is_file(), reason="needs ../shared/abstracts/arxiv.jsonl")
def test_no_offset_of_real_abstracts_is_wrong(tmp_path: Path) -> None:
    """4,212 abstracts, answered adversarially: 0 wrong."""
    db = tmp_path / "papers.duckdb"
    report = replay(load_task(), ABSTRACTS, db, adversary)

    counted, wrong = wrong_offsets(db)
    assert (4212, []) == (report.papers, wrong)
    assert counted.total() > 50_000


@pytest.mark.slow
@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_no_offset_of_real_feeds_is_wrong(tmp_path: Path, feed: Path) -> None:
    """Feeds of every form, with their markup, LaTeX and scripts."""
    db = tmp_path / "papers.duckdb"
    try:
        replay(load_task(), feed, db, adversary)
    except NoPapersError as error:
        pytest.skip(str(error))

    assert [] == wrong_offsets(db)[1]
