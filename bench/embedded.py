"""The embedded model through the whole pipeline, beside the same requests sent straight to it.

    python bench/embedded.py FEED [PAPERS]

Both sides answer the same papers in the same run, alternating in which goes first; the pipeline
reads, renders, asks, validates, grounds and stores, the other side only posts and waits, one
request at a time. Prints papers a second, their ratio, and how much of the prompts came from the
server's cache; nothing is asserted.
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


def direct_s(feed: str, count: int) -> tuple[float, list[int]]:
    """Return the seconds that the bare requests took, and the prompt tokens that were cached.

    The server's start is left out.
    """
    model = find_model(None, load_task())
    with model.server(silent) as server:
        papers = islice(read_feed(feed).papers, count)
        requests = [model.recipe.request(show(paper)) for paper in papers]
        began = time.monotonic()
        cached = []
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
                cached.append(answer.json()["timings"]["cache_n"])
        return time.monotonic() - began, cached


def pipeline_s(feed: str, count: int) -> float:
    """Return the seconds of a whole run into a new database."""
    with tempfile.TemporaryDirectory() as folder:
        options = RunOptions(feed=feed, database=Path(folder) / "bench.duckdb", limit=count)
        return run(options, find_model(None, load_task())).seconds


def main() -> None:
    """Measure both sides twice, each going first once."""
    feed = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    first, _ = direct_s(feed, count)
    pipeline = [pipeline_s(feed, count), pipeline_s(feed, count)]
    second, cached = direct_s(feed, count)
    a, b = 2 * count / (first + second), 2 * count / sum(pipeline)
    print(f"direct    {a:6.3f} papers/s")
    print(f"pipeline  {b:6.3f} papers/s (with the start of the model)   ratio {b / a:.2f}")
    print(f"prompt tokens from the cache, by paper: {cached}")


if __name__ == "__main__":
    main()
