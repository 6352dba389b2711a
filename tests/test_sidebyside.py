"""The embedded model in two processes: when, and that answers do not depend on it."""

from __future__ import annotations

import asyncio
import os
import signal
from itertools import islice
from pathlib import Path

import pytest

from extract import sidebyside
from extract.completion import Completion
from extract.feeds import read_feed
from extract.local.memory import usable_memory
from extract.local.progress import silent
from extract.models import find_model
from extract.session import LiveSession
from extract.sidebyside import ROOM, SideBySide, live_session, processes_for
from extract.tasks import load_task
from extract.todo import Todo, prepare

SAMPLE = Path(__file__).parent.parent / "fixtures/sample.txt"


@pytest.mark.parametrize(
    ("cores", "memory", "concurrency", "processes"),
    [
        (2, 8 * ROOM, None, 2),
        (16, None, None, 2),
        (2, 8 * ROOM, 1, 1),
        (2, 8 * ROOM, 5, 2),
        (1, 8 * ROOM, None, 1),
        (3, 8 * ROOM, None, 1),
        (2, ROOM - 1, None, 1),
    ],
)
def test_two_processes_where_there_is_room_for_two(
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    memory: int | None,
    concurrency: int | None,
    processes: int,
) -> None:
    """One where a second would wait for a core, or take memory that is not there."""
    monkeypatch.setattr(sidebyside, "usable_cores", lambda: cores)
    monkeypatch.setattr(sidebyside, "usable_memory", lambda: memory)

    assert processes_for(concurrency) == processes


def test_the_questions_of_a_run_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five at once are two of one process and three of the other, not six."""
    monkeypatch.setattr(sidebyside, "processes_for", lambda concurrency: 2)
    session = live_session(find_model("local/smollm2-135m", load_task()), 5, silent)

    assert isinstance(session, SideBySide)
    assert (session.width, [each.width for each in session.sessions]) == (5, [2, 3])


def test_a_hosted_model_has_one_session() -> None:
    """It has no process of ours."""
    model = find_model("openai/some-model", load_task())

    assert isinstance(live_session(model, 16, silent), LiveSession)


def test_memory_is_what_is_available_under_the_limit_of_every_group(tmp_path: Path) -> None:
    """A container's limit is below what the machine has; a system that tells nothing is None."""
    meminfo, groups = tmp_path / "meminfo", tmp_path / "cgroup"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable: 8000 kB\n", encoding="ascii")
    mine = tmp_path / "proc"
    mine.write_text("0::/outer/inner\n", encoding="ascii")
    (groups / "outer/inner").mkdir(parents=True)
    where = {"meminfo": meminfo, "cgroup_root": groups, "proc_cgroup": mine}

    assert usable_memory(**where) == 8000 * 1024
    (groups / "outer/inner/memory.max").write_text("max\n", encoding="ascii")
    (groups / "outer/memory.max").write_text("4096000\n", encoding="ascii")
    assert usable_memory(**where) == 4_096_000
    (groups / "memory/old").mkdir(parents=True)
    (groups / "memory/old/memory.limit_in_bytes").write_text("2048000\n", encoding="ascii")
    mine.write_text("4:memory:/old\n0::/outer\n", encoding="ascii")
    assert usable_memory(**where) == 2_048_000
    meminfo.unlink()
    assert usable_memory(**where) is None


@pytest.fixture
def todos() -> list[Todo]:
    """Questions about the first papers of the sample."""
    recipe = find_model(None, load_task()).recipe
    return [prepare(paper, recipe) for paper in islice(read_feed(str(SAMPLE)).papers, 3)]


def answers(session: LiveSession | SideBySide, todos: list[Todo], kill: bool = False) -> list[str]:
    """Return the answers of a session; *kill* ends one of two processes on the way."""

    async def asked() -> list[str]:
        async with session.opened() as opened:
            if kill:
                assert isinstance(opened, SideBySide)
                server = opened.sessions[0].server
                assert server is not None
                assert server.pid is not None
                os.kill(server.pid, signal.SIGKILL)
            outcomes = await asyncio.gather(*(opened.ask(todo) for todo in todos))
        assert all(isinstance(outcome, Completion) for outcome in outcomes), outcomes
        return [outcome.content for outcome in outcomes if isinstance(outcome, Completion)]

    return asyncio.run(asked())


@pytest.mark.slow
@pytest.mark.model
def test_answers_depend_on_the_paper_alone(
    todos: list[Todo], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on the order, nor on the process; also where one of them died and was started again."""
    model = find_model(None, load_task())
    monkeypatch.setattr(sidebyside, "processes_for", lambda concurrency: 2)
    first = answers(live_session(model, None, silent), todos)

    assert answers(live_session(model, None, silent), todos[::-1]) == first[::-1]
    assert answers(live_session(model, None, silent), todos, kill=True) == first
