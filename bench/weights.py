"""CPU seconds of the embedded model, by the form of its weights and by what a request asks for.

    python bench/weights.py FEED [PAPERS]

First table: base and adapter beside merges in several formats. Tokens per CPU second of the child
on one thread, which other work on the machine disturbs little; CPU seconds a paper; how much of
what base and adapter answer is answered too (F1 of names, values, and sentences with their kind,
and how many lists are the same); the mean log probability that each gives to those answers.
Second table: what grammar, repetition penalty and probabilities cost while decoding.
Nothing is asserted. Each row takes about ten CPU seconds and two a paper.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import httpx2

from extract.feeds import read_feed
from extract.local.merging import merge
from extract.local.registry import local_model
from extract.local.server import LocalServer
from extract.local.settings import Adapter, ServerSettings
from extract.local.weights import ensure_weights
from extract.models import DEFAULT, find_model
from extract.request import Request
from extract.shown import show
from extract.tasks import load_task

FORMATS: dict[str, dict[str, str]] = {
    "Q8_0": {"*": "Q8_0"},
    "Q4_1": {"token_embd": "Q8_0", "*": "Q4_1"},
    "Q8_0, ffn Q4_0": {"ffn_": "Q4_0", "*": "Q8_0"},
    "Q4_0": {"token_embd": "Q8_0", "*": "Q4_0"},
}
SPEED_TOKENS = 60
FORCED = 4


def main() -> None:
    """Print both tables."""
    model = local_model(DEFAULT.removeprefix("local/"))
    assert model.adapter is not None
    base, adapter = ensure_weights(model), model.adapter.path
    chosen = find_model(None, load_task())
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    papers = islice(read_feed(sys.argv[1]).papers, count)
    requests = [chosen.recipe.request(show(paper)) for paper in papers]
    print("weights               MB  prefill  decode  CPU s a paper  F1   same lists  log prob.")
    reference: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        with served(base, (Adapter(adapter, model.adapter.scale),)) as child:
            row("base + adapter", base, child, requests, reference)
        for name, types in FORMATS.items():
            path = Path(folder) / "merged.gguf"
            with path.open("wb") as file:
                merge(base, adapter, file, scale=model.adapter.scale, types=types)
            with served(path) as child:
                row(name, path, child, requests, reference)
            if name == "Q8_0":
                with served(path) as child:
                    extras = overheads(child, requests[0])
    print("\nwhile decoding (Q8_0)                CPU ms a token")
    for name, cost in extras.items():
        print(f"{name:<36} {cost:6.1f}")


class Child:
    """A running model, asked directly, and its CPU clock."""

    def __init__(self, server: LocalServer, client: httpx2.Client) -> None:
        self.server, self.client = server, client

    def cpu_s(self) -> float:
        """Return the CPU seconds that the model's process has used."""
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, request: Request, **changes: Any) -> dict[str, Any]:
        """Return the answer to *request*, with *changes*; None takes a parameter away."""
        sampling = asdict(request.sampling)
        body = {"messages": list(request.messages), "grammar": request.grammar}
        body |= dict(sampling.pop("extra")) | sampling | changes
        body = {key: value for key, value in body.items() if value is not None}
        response = self.client.post(f"{self.server.base_url}/chat/completions", json=body)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


@contextmanager
def served(path: Path, adapters: tuple[Adapter, ...] = ()) -> Iterator[Child]:
    """Serve *path* with one thread: more would spin, and cost time that does nothing."""
    settings = ServerSettings(threads=1, slots=1, adapters=adapters)
    with LocalServer(path, settings=settings) as server:
        headers = {"Authorization": f"Bearer {server.api_key}"}
        with httpx2.Client(timeout=3600, trust_env=False, headers=headers) as client:
            yield Child(server, client)


def row(name: str, path: Path, child: Child, requests: list[Request], reference: list[str]) -> None:
    """Measure one form of the weights and print its line; the first becomes the reference."""
    prefill, decode = speeds(child, requests[-1])
    began = child.cpu_s()
    answers = [text(child.ask(request)) for request in requests]
    taken = (child.cpu_s() - began) / len(requests)
    reference = reference or reference.extend(answers) or reference
    forced = [
        child.ask(request, grammar=f"root ::= {json.dumps(answer)}", logprobs=True)
        for request, answer in list(zip(requests, reference, strict=True))[:FORCED]
    ]
    tokens = [t["logprob"] for each in forced for t in each["choices"][0]["logprobs"]["content"]]
    f1, same, lists = agreement(reference, answers)
    print(
        f"{name:<18} {path.stat().st_size / 1e6:5.0f} {prefill:8.0f} {decode:7.1f} {taken:14.2f}"
        f" {f1:5.2f} {same:6} of {lists} {sum(tokens) / len(tokens):9.3f}",
        flush=True,
    )


def speeds(child: Child, request: Request) -> tuple[float, float]:
    """Return tokens read and tokens written per CPU second."""
    free: dict[str, Any] = {"grammar": None, "logprobs": None, "top_logprobs": None}
    child.ask(request, max_tokens=1, messages=[{"role": "user", "content": "Hello"}], **free)
    began = child.cpu_s()
    read = child.ask(request, max_tokens=1, **free)["timings"]["prompt_n"]
    done = child.cpu_s()
    wrote = child.ask(request, max_tokens=SPEED_TOKENS, ignore_eos=True, **free)["timings"]
    return read / (done - began), wrote["predicted_n"] / (child.cpu_s() - done)


def overheads(child: Child, request: Request) -> dict[str, float]:
    """Return CPU milliseconds a token as more is asked for; the prompt is in the cache."""
    nothing: dict[str, Any] = {"grammar": None, "logprobs": None, "top_logprobs": None}
    nothing |= {"dry_multiplier": 0.0, "max_tokens": SPEED_TOKENS, "ignore_eos": True}
    letters = "root ::= [^{]+"
    kinds: dict[str, dict[str, Any]] = {
        "nothing else": nothing,
        "+ DRY": nothing | {"dry_multiplier": 0.8},
        "+ 8 probabilities a token": nothing | {"logprobs": True, "top_logprobs": 8},
        "+ a grammar of letters": nothing | {"grammar": letters},
        "+ the paper's grammar (its own end)": {"logprobs": None, "top_logprobs": None},
        "+ all of it": {},
    }
    costs = {}
    child.ask(request)
    for name, changes in kinds.items():
        began = child.cpu_s()
        wrote = child.ask(request, **changes)["timings"]["predicted_n"]
        costs[name] = 1000 * (child.cpu_s() - began) / wrote
    return costs


def text(answer: dict[str, Any]) -> str:
    """Return what the model wrote."""
    return str(answer["choices"][0]["message"]["content"])


def agreement(reference: list[str], answers: list[str]) -> tuple[float, int, int]:
    """Return F1 of what is in the lists, how many lists are the same, and how many there are."""
    found = expected = shared = same = lists = 0
    for one, other in zip(map(listed, reference), map(listed, answers), strict=True):
        for letter in one:
            a, b = one[letter], other.get(letter, [])
            expected, found = expected + len(set(a)), found + len(set(b))
            shared += len(set(a) & set(b))
            same, lists = same + (a == b), lists + 1
    return 2 * shared / (expected + found), same, lists


def listed(answer: str) -> dict[str, list[str]]:
    """Return the keys of each list: names and values, or sentences with their kind."""
    try:
        lists = json.loads(answer)
    except ValueError:  # cut at the longest answer allowed
        return {}
    return {
        letter: re.findall(r"\d+[a-z]", rows) if isinstance(rows, str) else [r[0] for r in rows]
        for letter, rows in lists.items()
    }


if __name__ == "__main__":
    main()
