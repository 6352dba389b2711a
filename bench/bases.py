"""Bases beside each other: F1, bytes, licence, and the seconds of a paper in one sitting.

    python bench/bases.py CONFIG PAPERS RUN [RUN ...]

Each RUN is a folder of `paperfacts train` on another base, with the same papers held out; CONFIG is
the config of one of them. F1 and its interval are those of its card, as `train` measured them. Time
is measured here, on the first PAPERS of the papers held out: all bases are loaded, and each paper
is asked of one after the other, so that what else the machine does meets all alike. One thread
each, the adapter beside its base, unmerged, the requests of `train`. CPU seconds are those of
llama.cpp's process and vary least. Nothing is asserted.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from extract.local.chat import chat_format
from extract.local.registry import LocalModel, local_model
from extract.local.server import LocalServer
from extract.local.settings import Adapter, ServerSettings
from extract.local.weights import ensure_weights
from extract.models import LOCAL_MAX_TOKENS, NO_LOOPS
from extract.recipe import Recipe
from extract.request import Request, Sampling
from extract.shown import show
from extract.tasks import load_task
from extract.training.dev import DevWish, dev_of
from extract.training.examples import as_paper
from extract.training.plan import Plan, read_plan

LISTS = ("methods", "datasets", "results", "claims")


class Cost(NamedTuple):
    """What one answer took."""

    wall_s: float
    cpu_s: float
    read: int
    written: int


class Base:
    """A trained run, served."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        self.model: LocalModel = local_model(self.card["config"]["base"])
        self.costs: list[Cost] = []
        settings = ServerSettings(
            threads=1,
            slots=1,
            adapters=(Adapter(folder / "adapter.gguf"),),
            chat_template=chat_format(self.model.chat_template).template,
        )
        weights = ensure_weights(self.model)
        self.server = stack.enter_context(LocalServer(weights, settings=settings))
        headers = {"Authorization": f"Bearer {self.server.api_key}"}
        client = httpx2.Client(timeout=3600, trust_env=False, headers=headers)
        self.client = stack.enter_context(client)

    def ask(self, request: Request) -> Cost:
        """Ask once and return what it took."""
        sampling = asdict(request.sampling)
        body = {"messages": list(request.messages), "grammar": request.grammar}
        body |= dict(sampling.pop("extra")) | sampling
        body = {key: value for key, value in body.items() if value is not None}
        cpu, wall = self._cpu_s(), time.monotonic()
        response = self.client.post(f"{self.server.base_url}/chat/completions", json=body)
        response.raise_for_status()
        usage = response.json()["usage"]
        return Cost(
            time.monotonic() - wall,
            self._cpu_s() - cpu,
            usage["prompt_tokens"],
            usage["completion_tokens"],
        )

    def _cpu_s(self) -> float:
        """Return the CPU seconds that the model's process has used."""
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def requests_of(plan: Plan, count: int) -> list[Request]:
    """Return what is asked about the first papers held out, as `train` asks it."""
    dev = dev_of(plan, DevWish(papers=count))
    assert dev is not None, "the config holds no fold out"
    sampling = Sampling(temperature=0.0, max_tokens=LOCAL_MAX_TOKENS, extra=NO_LOOPS)
    recipe = Recipe(load_task(plan.config.task), "adapted", "", "tuned", "", sampling)
    return [recipe.request(show(as_paper(paper))) for paper in dev.papers]


def measure(bases: list[Base], requests: list[Request]) -> None:
    """Ask every paper of every base; who is first changes from paper to paper."""
    for base in bases:
        base.ask(requests[-1])  # pages of the weights are read now
    for number, request in enumerate(requests):
        first = number % len(bases)
        for base in [*bases[first:], *bases[:first]]:
            base.costs.append(base.ask(request))
        print(f"{number + 1} of {len(requests)}", file=sys.stderr, flush=True)


def line(base: Base) -> str:
    """Return the row of one base."""
    held_out = base.card["held_out"]
    figures, intervals = held_out["figures"], held_out["intervals_95"]
    low, high = intervals["macro_f1"]
    cells = [
        f"`{base.model.name}`",
        base.model.licence,
        f"{base.model.bytes / 1e6:.0f} + {base.card['adapter_bytes'] / 1e6:.0f}",
        *(_with_interval(figures[each]["f1"], intervals[each]["f1"]) for each in LISTS),
        f"**{figures['macro_f1']:.2f}** ({low:.2f}-{high:.2f})",
        f"{statistics.fmean(cost.cpu_s for cost in base.costs):.1f}",
        f"{statistics.fmean(cost.wall_s for cost in base.costs):.1f}",
        f"{statistics.fmean(cost.read for cost in base.costs):.0f}",
        f"{statistics.fmean(cost.written for cost in base.costs):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def fields_line(base: Base) -> str:
    """Return how often the fields of the records that were found are right."""
    figures = base.card["held_out"]["figures"]
    shares = [
        f"{each}: {', '.join(f'{k[:-4]} {v:.2f}' for k, v in own.items() if k.endswith('_acc'))}"
        for each, own in figures.items()
        if isinstance(own, dict) and any(k.endswith("_acc") for k in own)
    ]
    failed = len(base.card["held_out"]["failed"])
    return f"{base.model.name}: {'; '.join(shares)}; {failed} papers without an answer"


def _with_interval(value: float, interval: list[float]) -> str:
    return f"{value:.2f} ({interval[0]:.2f}-{interval[1]:.2f})"


def main() -> None:
    """Print the table."""
    config, count, *folders = sys.argv[1:]
    with ExitStack() as stack:
        bases = [Base(Path(folder), stack) for folder in folders]
        requests = requests_of(read_plan(Path(config)), int(count))
        load = os.getloadavg()[0]
        measure(bases, requests)
    papers = {base.card["held_out"]["examples_sha256"] for base in bases}
    print(f"{len(requests)} papers, load {load:.1f} to {os.getloadavg()[0]:.1f}", end=", ")
    print(f"{os.cpu_count()} cores, {len(papers)} set of papers under F1\n")
    heads = [
        "base",
        "licence",
        "MB",
        *LISTS,
        "mean F1",
        "CPU s",
        "wall s",
        "tokens read",
        "written",
    ]
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    print("\n".join(map(line, bases)), end="\n\n")
    print("\n".join(map(fields_line, bases)))


if __name__ == "__main__":
    main()
