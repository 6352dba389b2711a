"""One answer for a paper, or one for each group of lists: F1, tokens and seconds.

    python bench/splitting.py GOLD.jsonl MODEL FOLD [PAPERS]

MODEL is an embedded model that has not seen fold FOLD of five of the gold abstracts, as
`paperfacts train --folds 5` makes one in `fold-FOLD`: `local/runs/cv/fold-0`. Each paper is asked
in one completion, as a run asks, and in several, with a grammar that leaves the other lists out.
Each way reads the prompt once: its later completions find it in the model's cache. One thread; CPU
seconds are those of llama.cpp's process. Nothing is asserted.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2

from extract.evaluation import evaluate, read_annotations, table_markdown
from extract.grammar import compact_grammar
from extract.local.server import LocalServer
from extract.local.serving import local_server
from extract.local.settings import ServerSettings
from extract.models import find_model
from extract.recipe import Recipe, answer_rows
from extract.request import Request
from extract.shown import ShownPaper, show
from extract.tasks import load_task
from extract.training.examples import as_paper, fold_of

FOLDS = 5
SPLITS = {
    "whole": ("mdrc",),
    "names, numbers, claims": ("md", "r", "c"),
}


@dataclass
class Way:
    """One way of asking: what it answered and what that took."""

    groups: Sequence[str]
    answers: dict[str, Any] = field(default_factory=dict)
    written: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    unusable: int = 0


class Asked:
    """The running model, asked directly."""

    def __init__(self, recipe: Recipe, server: LocalServer, client: httpx2.Client) -> None:
        self.recipe, self.server, self.client = recipe, server, client

    def ask(self, way: Way, paper_id: str, shown: ShownPaper) -> None:
        """Ask all groups of lists about one paper and keep the joined answer."""
        cpu, wall = self._cpu_s(), time.monotonic()
        contents = [
            self._complete(way, self._request(shown, group), is_first=group == way.groups[0])
            for group in way.groups
        ]
        way.wall_s += time.monotonic() - wall
        way.cpu_s += self._cpu_s() - cpu
        try:
            joined: dict[str, Any] = {}
            for content in contents:
                joined |= json.loads(content)
            answer = self.recipe.answer(json.dumps(joined, ensure_ascii=False), shown)
        except ValueError:  # cut at the longest answer allowed
            way.unusable += 1
            return
        spans = [[s.origins[0], s.origins[-1]] for s in shown.sentences[1:]]
        way.answers[paper_id] = answer_rows(answer) | {"sentences": spans}

    def _request(self, shown: ShownPaper, letters: str) -> Request:
        """Return the request for some of the lists only."""
        assert self.recipe.compact is not None
        wire = copy.copy(self.recipe.compact)
        wire.kinds = tuple(kind for kind in wire.kinds if kind.letter in letters)
        return replace(self.recipe.request(shown), grammar=compact_grammar(wire, shown))

    def _complete(self, way: Way, request: Request, *, is_first: bool) -> str:
        sampling = asdict(request.sampling)
        body = {"messages": list(request.messages), "grammar": request.grammar}
        body |= dict(sampling.pop("extra")) | sampling | {"cache_prompt": not is_first}
        body = {key: value for key, value in body.items() if value is not None}
        response = self.client.post(f"{self.server.base_url}/chat/completions", json=body)
        response.raise_for_status()
        document = response.json()
        way.written += document["usage"]["completion_tokens"]
        return str(document["choices"][0]["message"]["content"])

    def _cpu_s(self) -> float:
        """Return the CPU seconds that the model's process has used."""
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Print a line and the figures of each way."""
    gold_file, name, fold = sys.argv[1:4]
    task = load_task()
    gold = read_annotations(Path(gold_file), task)
    count = int(sys.argv[4]) if len(sys.argv) > 4 else len(gold)
    own = [key for key in gold if fold_of(key, FOLDS) == int(fold)][:count]
    model = find_model(name, task)
    ways = {way: Way(groups) for way, groups in SPLITS.items()}
    settings = ServerSettings(threads=1, slots=1)
    short = model.name.removeprefix("local/")
    served = local_server(short, task=task.name, model_id=model.recipe.model_id, settings=settings)
    with served as server:
        server_headers = {"Authorization": f"Bearer {server.api_key}"}
        with httpx2.Client(timeout=3600, trust_env=False, headers=server_headers) as client:
            asked = Asked(model.recipe, server, client)
            for number, key in enumerate(own):
                shown = show(as_paper(gold[key]))
                order = list(ways.values())
                for way in order[number % len(order) :] + order[: number % len(order)]:
                    asked.ask(way, key, shown)
                print(f"{number + 1} of {len(own)}", file=sys.stderr, flush=True)
    for title, way in ways.items():
        papers = len(own)
        print(
            f"{title}: {way.written / papers:.0f} tokens, {way.cpu_s / papers:.2f} CPU s and "
            f"{way.wall_s / papers:.2f} s a paper, {way.unusable} unusable"
        )
        print(table_markdown(evaluate({key: gold[key] for key in own}, way.answers, task)))


if __name__ == "__main__":
    main()
