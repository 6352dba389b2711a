"""Large feeds are streamed: memory does not grow with the text."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAPERS = 200_000
CHILD = """
import re, sys
from extract.feeds import read_feed
count = sum(1 for paper in read_feed(sys.argv[1]).papers)
# Not getrusage: after a fork its peak may be the parent's.
print(count, int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_large_feed_is_read_in_little_memory(tmp_path):
    """200,000 papers, some 260 MB of JSON Lines, take less than 150 MB; a million less than 500."""
    path = tmp_path / "feed.jsonl"
    filler = "It is compared with everything that was invented before it. " * 20
    with path.open("w") as file:
        for number in range(PAPERS):
            file.write(f'{{"id": "p{number}", "title": "X", "abstract": "X{number}. {filler}"}}\n')
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    count, rss_mb = map(int, child.stdout.split())

    assert count == PAPERS
    assert rss_mb < 150
