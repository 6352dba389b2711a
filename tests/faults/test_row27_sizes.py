"""Fault 27: a huge abstract, an empty one, a million of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from extract.feeds import NoPapersError, read_feed
from extract.feeds.problem import KEPT
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.tasks import load_task
from tests.command import ROOT
from tests.stub_model import StubModel

HAS_PROC = Path("/proc/self/status").exists()

READER = """
import re, sys
from extract.feeds import read_feed
feed = read_feed("-", format="jsonl")
count = sum(1 for paper in feed.papers)
peak = int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) // 1024
print(count, feed.problems.total, len(feed.problems), peak)
"""

RUN = """
import contextlib, json, pathlib, re, sys
from dataclasses import dataclass
from extract.completion import Completion, Usage
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.tasks import load_task

ANSWER = json.dumps({"methods": [], "datasets": [], "claims": [],
    "results": [{"value": "12", "kind": "size", "sentence": 1}]})

@dataclass
class Stub:
    width: int = 8
    async def ask(self, todo):
        return Completion(ANSWER, Usage(10, 5, 0, 1))

@contextlib.asynccontextmanager
async def opened():
    yield Stub()

def resident_mb():
    return int(re.search(r"VmRSS:\\s*(\\d+)", open("/proc/self/status").read())[1]) // 1024

seen = []
def watch(report):
    done = report.asked + report.cached
    if done % 250 == 0 and (not seen or seen[-1][0] != done):
        seen.append((done, resident_mb()))

model = find_model("stub", load_task(), base_url="http://127.0.0.1:9")
options = RunOptions(feed="-", database=pathlib.Path(sys.argv[1]), format="jsonl")
report = run(options, model, watch=watch, open_session=opened)
print(json.dumps({"asked": report.asked, "seen": seen}))
"""


def line(number: int) -> bytes:
    """Return one paper of a stream, every fifth without an abstract."""
    words = "" if number % 5 == 4 else f"We count {number} terns with 12 cameras. " + "Yes. " * 40
    record = {"id": f"p{number}", "title": f"Tern {number}", "abstract": words}
    return json.dumps(record).encode() + b"\n"


def streamed(code: str, papers: int, *arguments: str, timeout_s: float) -> str:
    """Feed so many papers to the standard input of a process and return what it prints."""
    child = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None
    for start in range(0, papers, 1000):
        child.stdin.write(b"".join(map(line, range(start, min(start + 1000, papers)))))
    said, _ = child.communicate(timeout=timeout_s)
    assert 0 == child.returncode
    return said.decode()


@pytest.mark.slow
@pytest.mark.skipif(not HAS_PROC, reason="needs Linux's /proc")
def test_a_million_papers_are_read_in_less_than_500_mb() -> None:
    """800,000 papers, and 200,000 problems of which the first are kept."""
    count, problems, kept, peak_mb = map(int, streamed(READER, 1_000_000, timeout_s=900).split())

    assert (800_000, 200_000, KEPT) == (count, problems, kept)
    assert peak_mb < 500


@pytest.mark.slow
@pytest.mark.skipif(not HAS_PROC, reason="needs Linux's /proc")
def test_a_long_run_does_not_grow(tmp_path: Path) -> None:
    """From the thousandth paper to the last of many thousands it takes 60 MB at most."""
    said = json.loads(streamed(RUN, 15_000, str(tmp_path / "papers.duckdb"), timeout_s=900))
    first = next(mb for done, mb in said["seen"] if done >= 1000)

    assert 12_000 == said["asked"]
    assert said["seen"][-1][1] - first < 60


@pytest.mark.skipif(not HAS_PROC, reason="needs Linux's /proc")
def test_a_stream_is_not_gathered() -> None:
    """Ten times as many papers take little more memory: some 50 bytes for each id."""
    few, many = (
        int(streamed(READER, papers, timeout_s=120).split()[-1]) for papers in (2_000, 20_000)
    )

    assert many - few < 20


def test_problems_beyond_a_thousand_are_counted(tmp_path: Path) -> None:
    """A feed of records without abstracts must not fill the memory either."""
    feed = tmp_path / "feed.jsonl"
    feed.write_text('{"id": "p", "title": "T"}\n' * (KEPT + 500))

    with pytest.raises(NoPapersError, match="none of its 1500 records") as caught:
        read_feed(feed)
    assert (KEPT, KEPT + 500) == (len(caught.value.problems), caught.value.problems.total)


def test_huge_and_empty_abstracts_are_rows_and_no_calls(tmp_path: Path) -> None:
    """A book is `too_long`, an empty abstract a problem of the feed; the third is asked about."""
    feed = tmp_path / "feed.jsonl"
    abstracts = {"book": "Terns are birds. " * 100_000, "none": " ", "fine": "We show 12 terns."}
    lines = [
        json.dumps({"id": name, "title": name, "abstract": text}) + "\n"
        for name, text in abstracts.items()
    ]
    feed.write_text("".join(lines))
    with StubModel() as server:
        model = find_model("stub", load_task(), base_url=server.url)
        options = RunOptions(feed=str(feed), database=tmp_path / "papers.duckdb")
        report = run(options, model)

        assert ["fine"] == server.calls
    assert [("book", "too_long")] == [
        (each.paper_id, each.failure.failure_class) for each in report.failed
    ]
    assert {"no_abstract": 1} == report.problem_counts
    assert 3 == report.exit_code
