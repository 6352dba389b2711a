"""A session that answers from a function of the paper, with nothing behind it.

run(options, model, open_session=Replay(lambda todo: {"methods": [], ...}).opened)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from extract.completion import Completion, Failure, Usage
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.report import RunReport
from extract.task import Task
from extract.todo import Todo

Answerer = Callable[[Todo], dict[str, Any]]


class Replay:
    """A session: `answer` says what the model writes of a paper."""

    def __init__(self, answer: Answerer) -> None:
        self.answer, self.width, self.asked = answer, 4, 0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Replay]:
        """Be open for as long as the block lasts."""
        yield self

    async def ask(self, todo: Todo) -> Completion | Failure:
        """Return the answer about one paper."""
        self.asked += 1
        content = json.dumps(self.answer(todo), ensure_ascii=False)
        return Completion(content, Usage(calls=1), "stop")


def replay(task: Task, feed: Path, db: Path, answer: Answerer, **options: Any) -> RunReport:
    """Run *feed* into *db* with the answers of a function."""
    model = find_model("replay", task, base_url="http://127.0.0.1:9")
    session = Replay(answer)
    return run(
        RunOptions(feed=str(feed), database=db, lock_wait_s=0, **options),
        model,
        open_session=session.opened,
    )
