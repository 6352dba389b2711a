"""The ready-made views compare what was measured on a dataset that the paper's list has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from extract.tasks import load_task
from extract.todo import Todo
from tests.replay import replay

#: By title: the method, the accuracy, and what the answer calls its dataset.
PAPERS = {
    "first": ("Tern", "81.0%", "Harbour"),
    "second": ("Tern", "84.0%", "Harbour"),
    "third": ("Tern", "99.0%", "Tern"),
    "fourth": ("Tern", "98.0%", "Delta"),
}


def answer(todo: Todo) -> dict[str, Any]:
    """Return an answer whose list of datasets has nothing but Harbour."""
    name, value, dataset = PAPERS[todo.paper.title]
    measured = {"metric": "accuracy", "dataset": dataset, "method": name}
    return {
        "methods": [{"name": name, "role": "proposed", "sentence": 1}],
        "datasets": [{"name": "Harbour", "role": "used", "sentence": 1}],
        "results": [{"value": value, "kind": "score", "sentence": 1, **measured}],
        "claims": [],
    }


def test_only_listed_datasets_are_compared(tmp_path: Path) -> None:
    """A method's name, or one of no list, in the place of a dataset makes no best result."""
    feed, db = tmp_path / "feed.jsonl", tmp_path / "papers.duckdb"
    feed.write_text(
        "".join(
            json.dumps({"id": t, "title": t, "abstract": f"{m} has {v} accuracy on Harbour."})
            + "\n"
            for t, (m, v, _) in PAPERS.items()
        ),
        encoding="utf-8",
    )
    replay(load_task(), feed, db, answer)

    with duckdb.connect(str(db), read_only=True) as connection:
        best = connection.execute("select dataset, value, results from results_best").fetchall()
        differ = connection.execute(
            "select dataset, lowest, highest, papers from results_that_disagree"
        ).fetchall()
        unlisted = connection.execute(
            "select paper_id, dataset from results where dataset_id is null order by number"
        ).fetchall()

    assert [("Harbour", "84.0%", 2)] == best
    assert [("Harbour", 81.0, 84.0, 2)] == differ
    assert [("fourth", "Delta"), ("third", None)] == unlisted
