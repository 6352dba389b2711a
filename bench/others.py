"""One arm of bench/throughput.py that is another tool, run by an interpreter that has it.

    PYTHON bench/others.py TOOL FEED URL CONCURRENCY

It imports nothing of ours, so the tool may live in an environment of its own, with the versions it
asks for. Prints the seconds after a first small call, the CPU seconds and the peak memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ORDER = "Extract the methods, datasets, results and claims that the abstract states."


def read(feed: Path) -> list[str]:
    """Return title and abstract of every paper of the feed."""
    papers = [json.loads(line) for line in feed.read_text().splitlines()]
    return [f"{paper['title']}\n{paper['abstract']}" for paper in papers]


def langextract(texts: list[str], url: str, concurrency: int) -> Callable[[list[str]], int]:
    """Return a function that asks langextract about texts and counts what it extracted."""
    import langextract as lx  # type: ignore[import-not-found]

    found = [lx.data.Extraction("method", "Nautilus"), lx.data.Extraction("result", "96.1%")]
    text = "We present Nautilus. On CIFAR-10 it reaches 96.1%."
    example = lx.data.ExampleData(text=text, extractions=found)

    def ask(texts: list[str]) -> int:
        documents = lx.extract(
            [lx.data.Document(text=text) for text in texts],
            prompt_description=ORDER,
            examples=[example],
            model_id="gpt-4o-mini",
            api_key="none",
            language_model_params={"base_url": url},
            max_workers=concurrency,
            batch_length=4 * concurrency,
            fence_output=False,
            use_schema_constraints=False,
            show_progress=False,
        )
        return sum(1 for document in documents if document.extractions)

    return ask


def curator(texts: list[str], url: str, concurrency: int) -> Callable[[list[str]], int]:
    """Return a function that asks curator about texts and counts the answers."""
    # It counts tokens by a table that it would fetch; litellm, which it brings, has that table.
    if litellm := find_spec("litellm"):
        tables = Path(litellm.origin or "").parent / "litellm_core_utils" / "tokenizers"
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(tables))
    from bespokelabs import curator as lib  # type: ignore[import-not-found]
    from pydantic import BaseModel

    class Answer(BaseModel):
        methods: list[dict[str, Any]]
        datasets: list[dict[str, Any]]
        results: list[dict[str, Any]]
        claims: list[dict[str, Any]]

    class Extractor(lib.LLM):  # type: ignore[misc]  # installed in the other environment alone
        response_format = Answer

        def prompt(self, row: dict[str, Any]) -> str:
            return f"{ORDER}\n{row['text']}"

        def parse(self, row: dict[str, Any], answer: Answer) -> dict[str, Any]:
            return {"facts": len(answer.results)}

    model = Extractor(
        model_name="gpt-4o-mini",
        backend="openai",
        backend_params={
            "base_url": url,
            "api_key": "none",
            "max_concurrent_requests": concurrency,
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 10_000_000_000,
            "max_retries": 0,
        },
    )

    def ask(texts: list[str]) -> int:
        done = model([{"text": text} for text in texts])
        return len(getattr(done, "dataset", done))

    return ask


TOOLS = {"langextract": langextract, "curator": curator}


def main() -> None:
    """Ask about all papers of the feed once, and print what it took."""
    tool, feed, url, concurrency = sys.argv[1:]
    texts = read(Path(feed))
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CURATOR_CACHE_DIR": folder, "CURATOR_DISABLE_CACHE": "1"}
        os.environ |= {"TELEMETRY_ENABLED": "0", "OPENAI_API_KEY": "none"}
        with contextlib.redirect_stdout(sys.stderr):
            ask = TOOLS[tool](texts, url, int(concurrency))
            ask(texts[:2])
            cpu, began = time.process_time(), time.perf_counter()
            answered = ask(texts)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    if answered != len(texts):
        raise SystemExit(f"{tool} answered {answered} of {len(texts)} papers")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mib": peak}))


if __name__ == "__main__":
    main()
