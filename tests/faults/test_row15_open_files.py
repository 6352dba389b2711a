"""Fault 15: no more files, no more connections."""

import asyncio
import json
import os
import subprocess
import sys

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer, Visit


async def _slowly(visit: Visit) -> None:
    await asyncio.sleep(0.05)
    await visit.chat()


def test_out_of_files_means_fewer_calls_at_a_time_and_no_failed_paper():
    """The process may open 48 files and wants 100 connections."""
    with ChaosServer({"slowly": _slowly}) as server:
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.few_files", server.url("slowly")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
    assert "" == done.stderr

    outcome = json.loads(done.stdout)
    assert 120 == outcome["answers"]
    assert "too many open files: fewer calls at a time from here on (now 50)" == outcome["notes"][0]


def test_never_more_calls_at_a_time_than_asked_for():
    """Four, whatever the number of papers; the first of all is alone."""
    with ChaosServer({"slowly": _slowly}) as server:
        outcome = ask(server.url("slowly"), papers=40, concurrency=4)

    assert 40 == len(outcome.answers)
    assert 4 == server.most_busy
