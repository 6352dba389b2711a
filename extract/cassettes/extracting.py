"""The way through without a database: papers in, facts out, as tests want them.

Asks and grounds exactly as a run does, and stores nothing. All that may be missing is found
before anything is asked, so that one message tells of all of it.

Not here: a run into a database (`extract.pipeline`).
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from extract.cassettes.session import CassetteSession
from extract.completion import Completion, Failure
from extract.deriving import derive
from extract.models import Model
from extract.papers import Paper
from extract.recipe import Recipe
from extract.report import FailedPaper
from extract.task import Task
from extract.todo import Todo, prepare

T = TypeVar("T")
Row = dict[str, Any]


@dataclass(frozen=True)
class Extracted:
    """The facts of some papers, in the form that `extract.compare` takes, and the failures.

    Only facts that stand in their text are in `papers`, as in the views of a database;
    `ungrounded` counts the others, by paper and list.
    """

    task: Task
    papers: Mapping[str, Mapping[str, Any]]
    failed: Mapping[str, FailedPaper]
    ungrounded: Mapping[str, Mapping[str, int]]
    with_text: bool = True
    """False where nothing that is written may hold a text of a paper."""

    def rows(self, kind: str) -> list[Row]:
        """Return the rows of one list over all papers, each with its `paper_id`."""
        self.task.kind(kind)
        return [
            {"paper_id": paper_id, **row}
            for paper_id, paper in self.papers.items()
            for row in paper[kind]
        ]


def extract_papers(papers: Sequence[Paper], model: Model, session: CassetteSession) -> Extracted:
    """Return the facts of *papers*; papers with the same text share one question."""
    failed: dict[str, FailedPaper] = {}
    todos: dict[str, list[Todo]] = {}
    for paper in papers:
        length = len(paper.title) + len(paper.abstract)
        if length > model.max_chars:
            message = f"{length:,} characters, and {model.name} takes {model.max_chars:,}"
            failure = Failure("too_long", message)
            failed[paper.paper_id] = FailedPaper(paper.paper_id, paper.title, failure)
        else:
            todo = prepare(paper, model.recipe)
            todos.setdefault(todo.key, []).append(todo)
    outcomes = _outcomes([group[0] for group in todos.values()], session)
    found: dict[str, dict[str, Any]] = {}
    for key, group in todos.items():
        for todo in group:
            outcome = outcomes[key]
            if isinstance(outcome, Failure):
                paper = todo.paper
                failed[paper.paper_id] = FailedPaper(paper.paper_id, paper.title, outcome)
            else:
                found[todo.paper.paper_id] = facts_of(todo, outcome, model.recipe)
    order = {paper.paper_id: found[paper.paper_id] for paper in papers if paper.paper_id in found}
    ungrounded = {i: paper.pop("ungrounded") for i, paper in order.items()}
    return Extracted(model.recipe.task, order, failed, ungrounded, session.with_text)


def facts_of(todo: Todo, completion: Completion, recipe: Recipe) -> dict[str, Any]:
    """Return the facts of one answer by kind, with the paper's title and abstract."""
    tokens = completion.token_logprobs
    grounded = derive(recipe, completion.content, tokens, todo.shown, todo.text)
    paper: dict[str, Any] = {"title": todo.paper.title, "abstract": todo.paper.abstract}
    paper |= {kind.name: [] for kind in recipe.task.kinds}
    paper["ungrounded"] = dict(
        Counter(fact.kind for fact in grounded.facts if fact.alignment == "missing")
    )
    for fact in grounded.facts:
        if not fact.is_shown:
            continue
        paper[fact.kind].append(
            {
                **fact.columns,
                "sentence": fact.sentence,
                "span_start": fact.span_start,
                "span_end": fact.span_end,
                "alignment": fact.alignment,
                "evidence": fact.evidence,
            }
        )
    return paper


def _outcomes(todos: Sequence[Todo], session: CassetteSession) -> dict[str, Completion | Failure]:
    """Return what the session says of each question, by key."""
    if session.mode == "replay":
        missing = [todo for todo in todos if todo.key not in session.cassettes]
        if missing:
            raise session.missing(missing[0], len(missing) - 1)
        return {todo.key: session.play(todo) for todo in todos}
    return _in_a_loop(lambda: _asked(todos, session))


async def _asked(
    todos: Sequence[Todo], session: CassetteSession
) -> dict[str, Completion | Failure]:
    outcomes: dict[str, Completion | Failure] = {}

    async def ask(todo: Todo) -> None:
        async with places:
            outcomes[todo.key] = await session.ask(todo)

    async with session.opened():
        places = asyncio.Semaphore(session.width)
        try:
            async with asyncio.TaskGroup() as tasks:
                for todo in todos:
                    tasks.create_task(ask(todo))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
    return outcomes


def _has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_a_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run *work* to its end, in a thread of its own where this one has a loop already."""
    # Not run where the error is handled: it would be the cause of every other error.
    if not _has_loop():
        return asyncio.run(work())
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(asyncio.run(work()))
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
