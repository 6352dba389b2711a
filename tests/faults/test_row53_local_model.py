"""Fault 53: the embedded model: a bad file, a process that dies, a grammar that is dropped."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.completion import Completion, Failure
from extract.errors import ModelError
from extract.feeds import read_feed
from extract.local.folders import CACHE_VARIABLE
from extract.local.progress import silent
from extract.local.registry import local_model
from extract.local.weights import ensure_weights, find_weights
from extract.models import Model, find_model
from extract.pipeline import RunOptions, run
from extract.recipe import Recipe
from extract.request import Request
from extract.session import LiveSession
from extract.shown import ShownPaper
from extract.tasks import load_task
from extract.todo import Todo, prepare
from tests.command import paperfacts

NAME = "smollm2-135m"
BROKEN = "%llguidance {}\nstart: NOWHERE\n"
PAPERS = {
    "good": ("Tern", "We show Tern."),
    "bad": ("Gull", "We show Gull."),
}


@dataclass(frozen=True)
class BreakingRecipe(Recipe):
    """A recipe whose grammar does not compile for the papers that hold a word."""

    word: str = "Gull"

    def request(self, shown: ShownPaper) -> Request:
        request = super().request(shown)
        if self.word not in shown.text:
            return request
        # Nothing ends an answer that is held to nothing: a few tokens say enough.
        return replace(request, grammar=BROKEN, sampling=replace(request.sampling, max_tokens=8))


@pytest.fixture(scope="module")
def weights() -> Path:
    """The smallest registered model."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    try:
        return ensure_weights(local_model(NAME))
    except ModelError as error:
        pytest.skip(f"the weights of {NAME} cannot be had: {error}")


@pytest.fixture
def model(weights: Path) -> Model:
    """The embedded model, breaking the grammar of papers about gulls."""
    found = find_model(f"local/{NAME}", load_task())
    fields = {name: getattr(found.recipe, name) for name in ("task", "model", "model_id", "style")}
    return replace(found, recipe=BreakingRecipe(**fields, sampling=found.recipe.sampling))


def todos(model: Model, feed: Path) -> dict[str, Todo]:
    """Return what would be asked about the two papers."""
    return {paper.paper_id: prepare(paper, model.recipe) for paper in read_feed(feed).papers}


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.jsonl"
    lines = [json.dumps({"id": i, "title": t, "abstract": a}) for i, (t, a) in PAPERS.items()]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.model
def test_a_paper_whose_grammar_was_dropped_fails_and_says_so(
    model: Model, feed: Path, tmp_path: Path
) -> None:
    """llama.cpp answers 200 without it; that answer becomes no fact. The other paper is fine."""
    db = tmp_path / "papers.duckdb"
    report = run(RunOptions(feed=str(feed), database=db), model)

    assert ["bad"] == [each.paper_id for each in report.failed]
    assert "grammar_dropped" == report.failed[0].failure.failure_class
    assert 'unknown name: "NOWHERE"' in report.failed[0].failure.message
    with duckdb.connect(str(db), read_only=True) as connection:
        stored = connection.execute(
            "select status, failure_class, is_transient, length(content) > 0 from completions"
            " order by status desc"
        ).fetchall()
        about = connection.execute("select distinct paper_id from extractions").fetchall()
    assert [("ok", None, None, True), ("failed", "grammar_dropped", False, True)] == stored
    assert [("good",)] == about

    again = run(RunOptions(feed=str(feed), database=db), model)
    assert (0, 0, 1) == (again.asked, again.usage.calls, len(again.failed))


@pytest.mark.slow
@pytest.mark.model
def test_beside_others_only_the_paper_itself_fails(model: Model, feed: Path) -> None:
    """Two at a time: the log does not say whose grammar it was, so both are asked alone."""

    async def both() -> list[Completion | Failure]:
        papers = todos(model, feed)
        async with LiveSession(model, 2, silent).opened() as session:
            # The first call is alone by itself.
            await session.ask(papers["good"])
            return await asyncio.gather(session.ask(papers["bad"]), session.ask(papers["good"]))

    bad, good = asyncio.run(both())
    assert isinstance(good, Completion)
    assert isinstance(bad, Failure)
    assert "grammar_dropped" == bad.failure_class
    # A cut answer is asked for once more: two calls beside the other paper, two alone.
    assert 4 == bad.usage.calls


@pytest.mark.slow
@pytest.mark.model
def test_three_dropped_grammars_in_a_row_stop_the_run(model: Model, feed: Path) -> None:
    """Then it is the server, and not a paper."""

    async def thrice() -> list[Any]:
        papers = todos(model, feed)
        async with LiveSession(model, None, silent).opened() as session:
            return [await session.ask(papers["bad"]) for _ in range(3)]

    with pytest.raises(ModelError, match="3 papers in a row") as caught:
        asyncio.run(thrice())
    assert "xllamacpp" in caught.value.hint


@pytest.mark.model
def test_a_process_that_dies_is_started_again_once(model: Model, feed: Path) -> None:
    """The paper that was being asked is answered; the next death ends the run with exit 4."""

    async def kill_twice() -> tuple[Completion | Failure, str]:
        paper = todos(model, feed)["good"]
        async with LiveSession(model, None, silent).opened() as session:
            first = await _killed_while_asked(session, paper, times=1)
            with pytest.raises(ModelError, match="died again \\(killed by signal 9\\)") as caught:
                await _killed_while_asked(session, paper, times=1)
            return first, f"{caught.value.exit_code} {caught.value.hint}"

    answer, said = asyncio.run(kill_twice())
    assert isinstance(answer, Completion)
    assert "4 Run again to go on where it stopped; with another model if it recurs." == said


@pytest.mark.model
def test_a_paper_that_kills_the_process_twice_fails(model: Model, feed: Path) -> None:
    """As `local_crash`, and not to be asked again unasked: it would end every rerun."""

    async def kill_both() -> Completion | Failure:
        paper = todos(model, feed)["good"]
        async with LiveSession(model, None, silent).opened() as session:
            return await _killed_while_asked(session, paper, times=2)

    failure = asyncio.run(kill_both())
    assert isinstance(failure, Failure)
    assert ("local_crash", False, 2) == (
        failure.failure_class,
        failure.is_transient,
        failure.attempts,
    )


async def _killed_while_asked(
    session: LiveSession, paper: Todo, *, times: int
) -> Completion | Failure:
    """Ask about a paper and kill so many processes before they can have answered."""
    asked = asyncio.create_task(session.ask(paper))
    assert session.server is not None
    killed: set[int] = set()
    while len(killed) < times and not asked.done():
        pid = session.server.pid
        if session.server.base_url and pid is not None and pid not in killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        await asyncio.sleep(0.001)
    return await asked


@pytest.mark.model
def test_weights_that_were_damaged_are_never_loaded(
    weights: Path, feed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One flipped byte in a file of the right size: it is not used, and the run says so."""
    folder = tmp_path / "cache" / "models" / NAME
    folder.mkdir(parents=True)
    copy = folder / weights.name
    shutil.copy(weights, copy)
    with copy.open("r+b") as file:
        file.seek(60_000_000)
        byte = file.read(1)[0]
        file.seek(60_000_000)
        file.write(bytes([byte ^ 1]))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))

    told: list[str] = []
    assert find_weights(local_model(NAME), progress=lambda p: told.append(p.step)) is None
    assert [True] == ["not used" in step and str(copy) in step for step in told]


def test_a_model_that_is_not_registered_starts_nothing(feed: Path, tmp_path: Path) -> None:
    """The models that are known are listed."""
    done = paperfacts("run", feed, "--model", "local/none", cwd=tmp_path)

    assert 2 == done.returncode
    assert f"Known are: {NAME}" in done.stderr
    assert ["feed.jsonl"] == [path.name for path in tmp_path.iterdir()]
