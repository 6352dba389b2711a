"""CPU seconds to replay, ground and compare recorded papers, and where they go.

    python bench/replay.py [FEED] [--papers 500]

The papers are those of FEED (default: fixtures/sample.txt), repeated with another last sentence
until there are enough. Their answers say every number of the text; making them is not measured.
Nothing is asserted.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from extract import sentences
from extract.cassettes import Cassettes, CassetteSession, cassette_of
from extract.cassettes.expected import difference, read_expected, write_expected
from extract.cassettes.extracting import extract_papers, facts_of
from extract.completion import Completion, Usage
from extract.feeds import read_feed
from extract.models import find_model
from extract.papers import Paper
from extract.tasks import load_task
from extract.todo import Todo, prepare

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Record, then measure the whole replay and its parts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("feed", nargs="?", default=str(ROOT / "fixtures" / "sample.txt"))
    parser.add_argument("--papers", type=int, default=500)
    arguments = parser.parse_args()
    papers = repeated(list(read_feed(arguments.feed).papers), arguments.papers)
    model = find_model("openai/recorded", load_task())
    with TemporaryDirectory() as folder:
        tapes, expected = Path(folder) / "tapes", Path(folder) / "expected.json"
        todos = [prepare(paper, model.recipe) for paper in papers]
        kept = Cassettes(tapes)
        for todo in todos:
            kept.put(cassette_of(todo, answer(todo)))
        write_expected(expected, extract_papers(papers, model, session(tapes, model)))
        forget_texts()
        with measured(f"{len(papers)} papers: replay, ground and compare"):
            extracted = extract_papers(papers, model, session(tapes, model))
            assert not difference(read_expected(expected), extracted)
        playing = session(tapes, model)
        forget_texts()
        with measured("  make the requests and their keys"):
            todos = [prepare(paper, model.recipe) for paper in papers]
        with measured("  read and validate the recordings"):
            outcomes = [playing.play(todo) for todo in todos]
        with measured("  ground the answers"):
            for todo, outcome in zip(todos, outcomes, strict=True):
                assert isinstance(outcome, Completion)
                facts_of(todo, outcome, model.recipe)
        with measured("  compare with what is expected"):
            difference(read_expected(expected), extracted)


def forget_texts() -> None:
    """Forget the sentences of the papers, which were split to record them."""
    sentences._split.cache_clear()


def session(place: Path, model: Any) -> CassetteSession:
    """Return a session that replays."""
    return CassetteSession(Cassettes(place), model.recipe)


def repeated(papers: list[Paper], count: int) -> list[Paper]:
    """Return so many papers, no two of them with the same text."""
    sources = itertools.islice(itertools.cycle(papers), count)
    return [
        replace(paper, paper_id=f"p{number}", abstract=f"{paper.abstract} It is number {number}.")
        for number, paper in enumerate(sources)
    ]


def answer(todo: Todo) -> Completion:
    """Return an answer that says every number, and one name."""
    said = {
        "methods": [{"name": todo.paper.title.split(":")[0], "role": "proposed", "sentence": 0}],
        "datasets": [],
        "results": [
            {"value": c.value, "kind": "score", "sentence": c.sentence}
            for c in todo.shown.candidates
        ],
        "claims": [{"sentence": 1, "type": "contribution"}],
    }
    return Completion(json.dumps(said), Usage(10, 5, 0, 1))


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print the CPU seconds of the block."""
    began = time.process_time()
    yield
    print(f"{what:<45} {time.process_time() - began:6.2f} s CPU", flush=True)


if __name__ == "__main__":
    main()
