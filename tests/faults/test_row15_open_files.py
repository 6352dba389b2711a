"""Fault 15: no more files, no more connections."""

import asyncio
import json
import os
import subprocess
import sys
import threading

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer, Visit


async def _slowly(visit: Visit) -> None:
    await asyncio.sleep(0.05)
    await visit.chat()


def test_out_of_files_means_fewer_calls_at_a_time_and_no_failed_paper():
    """The process may open 48 files and wants 100 connections; none ends before it is full."""
    is_full = threading.Event()

    async def held(visit: Visit) -> None:
        while visit.count > 1 and not is_full.is_set():
            await asyncio.sleep(0.01)
        await visit.chat()

    with (
        ChaosServer({"held": held}) as server,
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.few_files", server.url("held")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        ) as child,
    ):
        assert child.stdout is not None
        first = child.stdout.readline()
        is_full.set()
        said, complaints = child.communicate(timeout=60)
    assert ("full\n", "") == (first, complaints)

    outcome = json.loads(said)
    assert 120 == outcome["answers"]
    assert "too many open files: fewer calls at a time from here on (now 50)" == outcome["notes"][0]


def test_never_more_calls_at_a_time_than_asked_for():
    """Four, whatever the number of papers; the first of all is alone."""
    with ChaosServer({"slowly": _slowly}) as server:
        outcome = ask(server.url("slowly"), papers=40, concurrency=4)

    assert 40 == len(outcome.answers)
    assert 4 == server.most_busy
