"""The embedded model through the whole pipeline, beside the same requests sent straight to it.

    python bench/embedded.py FEED [PAPERS]

Both sides answer the same papers in the same run, alternating in which goes first; the pipeline
reads, renders, asks, validates, grounds and stores, the other side only posts and waits.
Prints seconds a paper and their ratio; nothing is asserted.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import httpx2

from extract.feeds import read_feed
from extract.local.progress import silent
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.shown import show
from extract.tasks import load_task


def direct_s(feed: str, count: int) -> float:
    """Return the seconds that the bare requests took, the server's start left out."""
    model = find_model(None, load_task())
    with model.server(silent) as server:
        papers = islice(read_feed(feed).papers, count)
        requests = [model.recipe.request(show(paper)) for paper in papers]
        began = time.monotonic()
        with httpx2.Client(timeout=600, trust_env=False) as client:
            for request in requests:
                body = {"model": server.model_name, "messages": list(request.messages)}
                sampling = asdict(request.sampling)
                body |= dict(sampling.pop("extra")) | {
                    k: v for k, v in sampling.items() if v is not None
                }
                body["grammar"] = request.grammar
                answer = client.post(
                    f"{server.base_url}/chat/completions",
                    json=body,
                    headers={"Authorization": f"Bearer {server.api_key}"},
                )
                answer.raise_for_status()
        return time.monotonic() - began


def pipeline_s(feed: str, count: int) -> float:
    """Return the seconds of a whole run into a new database."""
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(feed=feed, database=Path(folder) / "bench.duckdb", limit=count)
        return run(options, find_model(None, load_task())).seconds


def main() -> None:
    """Measure both sides twice, each going first once."""
    feed = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    direct = [direct_s(feed, count)]
    pipeline = [pipeline_s(feed, count), pipeline_s(feed, count)]
    direct.append(direct_s(feed, count))
    a, b = sum(direct) / 2 / count, sum(pipeline) / 2 / count
    print(f"direct    {a:6.2f} s a paper")
    print(f"pipeline  {b:6.2f} s a paper (with the start of the model)   ratio {b / a:.2f}")


if __name__ == "__main__":
    main()
