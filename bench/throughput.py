"""Papers per second: ours beside the raw client, instructor and others, against one local server.

    python bench/throughput.py [--papers 400] [--concurrency 64] [--wait-ms 0] [--rounds 3]
    python bench/throughput.py --arms raw,ours       these arms alone
    python bench/throughput.py --profile             where our time goes
    python bench/throughput.py --memory              our peak memory at 1x, 2x and 4x the papers

The server is a process of its own; it answers every call after --wait-ms with the same facts.
All arms send the same prompt and schema and validate every answer. Ours is a whole
`paperfacts run`: it reads the feed, grounds every fact and writes the database too. Start-up
(imports, the first call) is not counted. Arms take turns, so that a busy moment hits all of
them; medians and the ratio to the raw client are printed, and nothing is asserted. Processor
time is that of the whole run: ours has the making of the database in it. langextract and
curator are measured where they are installed.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import logging
import os
import pstats
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FACTS = 7
ABSTRACT = (
    "Sparse attention is cheap but loses long dependencies. We present Lanternfish-{n}, a sparse"
    " transformer that keeps a summary of every block. On LongBench-{n} it reaches 61.{n} F1,"
    " 2.4 points above Longformer, at 38% of its memory. On WikiText-103 perplexity falls from"
    " 18.7 to 17.9. We release code and models."
)


def paper(n: int) -> dict[str, str]:
    """Return one paper of the feed; no two are the same."""
    title = f"Lanternfish-{n}: summaries of blocks for sparse attention"
    return {"id": f"bench-{n}", "title": title, "abstract": ABSTRACT.format(n=n)}


ANSWER = {
    "methods": [{"name": "Longformer", "role": "other", "sentence": 3}],
    "datasets": [{"name": "WikiText-103", "role": "used", "sentence": 4}],
    "results": [
        {"value": "2.4 points", "kind": "delta", "metric": "F1", "sentence": 3},
        {"value": "38%", "kind": "factor", "sentence": 3},
        {"value": "17.9", "kind": "score", "metric": "perplexity", "sentence": 4},
    ],
    "claims": [
        {"sentence": 2, "type": "contribution"},
        {"sentence": 3, "type": "result"},
    ],
}


FOR_LANGEXTRACT = {
    "extractions": [
        {kind: row.get("name") or row.get("value") or "We release code and models."}
        for kind, rows in ANSWER.items()
        for row in rows
    ]
}
"""The same facts in the form that langextract asks for."""


FOR_CURATOR = {**ANSWER, "name": "Jason", "age": 25}
"""The same facts, and what it asks of a server to see whether it keeps to a schema."""


def completion(content: Any) -> bytes:
    """Return a whole HTTP answer whose completion is *content*."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": json.dumps(content)},
        "finish_reason": "stop",
    }
    document = {
        "id": "bench",
        "object": "chat.completion",
        "created": 0,
        "model": "bench",
        "choices": [choice],
        "usage": {"prompt_tokens": 900, "completion_tokens": 180, "total_tokens": 1080},
    }
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def serve(wait_s: float) -> None:
    """Answer every POST with the same completion, as cheaply as Python can."""
    forms = {
        b"/langextract/v1": completion(FOR_LANGEXTRACT),
        b"/curator/v1": completion(FOR_CURATOR),
    }
    ordinary = completion(ANSWER)

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport, self.buffer = transport, b""

        def data_received(self, data: bytes) -> None:
            self.buffer += data
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            lines = self.buffer[:end].lower().split(b"\r\n")
            length = next((int(line[15:]) for line in lines if line[:15] == b"content-length:"), 0)
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            place = lines[0].removeprefix(b"post ").partition(b"/chat")[0]
            said = forms.get(place, ordinary)
            if wait_s:
                asyncio.get_running_loop().call_later(wait_s, self.transport.write, said)
            else:
                self.transport.write(said)

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(forever())


class Work:
    """The same work for every arm: the messages, the schema, and how many at once."""

    def __init__(self, url: str, papers: int, concurrency: int) -> None:
        from extract.feeds import read_feed
        from extract.models import find_model
        from extract.tasks import load_task
        from extract.todo import prepare

        self.url, self.count, self.concurrency = url, papers, concurrency
        self.model = find_model("openai/bench", load_task(), base_url=url)
        self.answer = self.model.recipe.task.answer
        with TemporaryDirectory() as folder:
            feed = write_feed(Path(folder), papers)
            todos = [prepare(each, self.model.recipe) for each in read_feed(str(feed)).papers]
        self.messages = [list(todo.request.messages) for todo in todos]

    async def all_at_once(self, ask: Callable[[list[Any]], Any]) -> float:
        """Ask about every paper, so many at a time; return the seconds after the first call."""
        await ask(self.messages[0])
        gate = asyncio.Semaphore(self.concurrency)

        async def one(messages: list[Any]) -> None:
            async with gate:
                await ask(messages)

        began = time.perf_counter()
        await asyncio.gather(*(one(messages) for messages in self.messages))
        return time.perf_counter() - began


def write_feed(folder: Path, papers: int) -> Path:
    """Write the feed and return its path."""
    feed = folder / "feed.jsonl"
    feed.write_text("".join(json.dumps(paper(n)) + "\n" for n in range(papers)))
    return feed


def raw_client(work: Work) -> float:
    """The openai client with the schema prepared once, and pydantic."""
    from extract.asking.question import schema_part

    part = schema_part(work.answer, "json_schema")

    async def go() -> float:
        from openai import AsyncOpenAI

        async with AsyncOpenAI(api_key="none", base_url=work.url, max_retries=0) as client:

            async def ask(messages: list[Any]) -> None:
                done = await client.chat.completions.create(
                    model="bench", messages=messages, temperature=0, max_tokens=4096, **part
                )
                work.answer.model_validate_json(done.choices[0].message.content or "")

            return await work.all_at_once(ask)

    return asyncio.run(go())


def instructor_alone(work: Work) -> float:
    """instructor with the same schema, as its documentation says."""

    async def go() -> float:
        import instructor

        client = instructor.from_provider(
            "openai/bench",
            async_client=True,
            mode=instructor.Mode.JSON_SCHEMA,
            api_key="none",
            base_url=work.url,
        )

        async def ask(messages: list[Any]) -> None:
            await client.create(
                response_model=work.answer, messages=messages, temperature=0, max_tokens=4096
            )

        return await work.all_at_once(ask)

    return asyncio.run(go())


def ours(work: Work) -> float:
    """A whole run: read, ask, validate, ground, store."""
    from extract.pipeline import RunOptions, run

    with TemporaryDirectory() as folder:
        feed = write_feed(Path(folder), work.count)
        answered: list[float] = []

        def watch(report: Any) -> None:
            if report.asked and not answered:
                answered.append(time.perf_counter())

        options = RunOptions(
            feed=str(feed), database=Path(folder) / "b.duckdb", concurrency=work.concurrency
        )
        report = run(options, work.model, watch=watch)
        ended = time.perf_counter()
        assert report.asked == work.count and not report.failed, report
        assert sum(report.facts.values()) == FACTS * work.count, report.facts
        return ended - answered[0]


ARMS = {"raw openai client": raw_client, "paperfacts run": ours, "instructor": instructor_alone}
SHORT = {"raw": "raw openai client", "ours": "paperfacts run"}
OTHERS = {"langextract": "langextract", "curator": "bespokelabs.curator"}
"""Tools that need an environment of their own, and what they are imported as."""


def main() -> None:
    """Start the server, let the arms take turns, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--papers", type=int, default=400)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--wait-ms", type=float, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--arms", help="of raw, ours, instructor, langextract, curator")
    parser.add_argument("--others-python", help="interpreter that has langextract or curator")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        return serve(arguments.wait_ms / 1000)
    logging.disable(logging.CRITICAL)
    if arguments.url:
        work = Work(arguments.url, arguments.papers, arguments.concurrency)
        ARMS[arguments.only](work)  # warm: imports, caches, the first database
        cpu = time.process_time()
        seconds = ARMS[arguments.only](work)
        cpu = time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mib": peak}))
        return None
    command = [sys.executable, __file__, "--serve", "--wait-ms", str(arguments.wait_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
            if arguments.profile:
                profile(Work(url, arguments.papers, arguments.concurrency))
            elif arguments.memory:
                memory(url, arguments)
            else:
                compare(url, arguments)
        finally:
            server.kill()
    return None


def compare(url: str, arguments: argparse.Namespace) -> None:
    """Let the arms take turns; each turn is a process of its own."""
    taken: dict[str, list[float]] = {name: [] for name in ARMS}
    for name, module in OTHERS.items():
        if has(arguments.others_python, module):
            taken[name] = []
        else:
            print(f"{name}: not installed, left out")
    if arguments.arms:
        wanted = [SHORT.get(name, name) for name in ["raw", *arguments.arms.split(",")]]
        taken = {name: taken[name] for name in dict.fromkeys(wanted) if name in taken}
    cpu: dict[str, list[float]] = {}
    for _ in range(arguments.rounds):
        for name in taken:
            turn = one_turn(name, url, arguments.papers, arguments)
            taken[name].append(turn["seconds"])
            cpu.setdefault(name, []).append(1000 * turn["cpu"] / arguments.papers)
    rates = {n: [arguments.papers / s for s in each] for n, each in taken.items()}
    ratios = {
        name: statistics.median(
            rate / raw for rate, raw in zip(each, rates["raw openai client"], strict=True)
        )
        for name, each in rates.items()
    }
    print(
        f"{arguments.papers} papers, {arguments.concurrency} at once, the server answers after"
        f" {arguments.wait_ms:g} ms; median of {arguments.rounds} rounds"
    )
    for name, each in rates.items():
        print(
            f"{name:<20} {statistics.median(each):8.0f} papers/s   {ratios[name]:5.2f} x raw"
            f"   {statistics.median(cpu[name]):6.2f} ms CPU a paper"
        )


def one_turn(name: str, url: str, papers: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Run one arm in a fresh process."""
    if name in OTHERS:
        return other_turn(name, url, papers, arguments)
    command = [sys.executable, __file__, "--only", name, "--url", url, "--papers", str(papers)]
    command += ["--concurrency", str(arguments.concurrency)]
    environment = {**os.environ, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    turn: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return turn


def has(python: str | None, module: str) -> bool:
    """Say whether the interpreter *python* can import *module*."""
    command = [python or "", "-c", f"import {module}"]
    return bool(python) and not subprocess.run(command, capture_output=True).returncode


def other_turn(name: str, url: str, papers: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Run another tool in a fresh process of its own interpreter."""
    script = Path(__file__).with_name("others.py")
    url = url.replace("/v1", f"/{name}/v1")
    with TemporaryDirectory() as folder:
        feed = write_feed(Path(folder), papers)
        command = [arguments.others_python, script, name, feed, url, str(arguments.concurrency)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    turn: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return turn


def memory(url: str, arguments: argparse.Namespace) -> None:
    """Print the peak of our memory for more and more papers."""
    for factor in (1, 2, 4):
        papers = arguments.papers * factor
        peak = one_turn("paperfacts run", url, papers, arguments)["peak_mib"]
        print(f"{papers:>6} papers   peak {peak:6.0f} MiB")


def profile(work: Work) -> None:
    """Print where our own time goes."""
    ours(work)
    profiler = cProfile.Profile()
    profiler.enable()
    seconds = ours(work)
    profiler.disable()
    print(f"{work.count / seconds:.0f} papers/s under the profiler")
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
