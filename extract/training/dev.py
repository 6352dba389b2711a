"""The papers that an adapter is measured on while it is made: the fold held out, or a file.

None of them may be trained on; a file that holds one of those is refused. Measuring reads the
adapter and writes nothing that training reads: with and without it the same adapter is made.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.evaluation import read_annotations
from extract.training.adapter_file import read_base_shape, write_adapter
from extract.training.examples import Annotation
from extract.training.held_out import Told, adapted_server, dev_figures
from extract.training.plan import Plan
from extract.training.sources import digest_of

PAPERS = 40
"""Papers that are measured where nothing else is said: two minutes of two cores."""


@dataclass(frozen=True)
class DevWish:
    """What is to be measured: a file instead of the held-out fold, how many papers, how often.

    0 papers are all of them; 0 steps are the end alone.
    """

    gold: Path | None = None
    papers: int = 0
    every_steps: int = 0


@dataclass(frozen=True)
class Dev:
    """The papers that are measured, and where they come from: `held_out` or `dev`."""

    source: str
    papers: Sequence[Annotation]
    every_steps: int

    def figures(self, plan: Plan, adapter: Path, threads: int, report: Told) -> dict[str, Any]:
        """Return the evaluation of *adapter*, with what it was measured on."""
        template = plan.chat.template
        server = adapted_server(plan.weights, adapter, threads=threads, chat_template=template)
        figures = dev_figures(plan.task, self.papers, server, report)
        return {"examples_sha256": digest_of(self.papers), **figures}

    def is_due(self, event: dict[str, Any]) -> bool:
        """Say whether the adapter is to be measured after this step; the last one comes anyway."""
        step = event["step"]
        return bool(self.every_steps) and step % self.every_steps == 0 and step < event["of"]


def dev_of(plan: Plan, wish: DevWish) -> Dev | None:
    """Return what *wish* means for *plan*, None where there is nothing to measure on.

    Which papers are taken follows from their ids, not from their order in the file.
    """
    if wish.gold is None:
        source, papers = "held_out", list(plan.held_out)
    else:
        source, papers = "dev", _annotated(wish.gold, plan)
    if not papers:
        return None
    papers.sort(key=lambda a: hashlib.blake2b(str(a["id"]).encode()).digest())
    return Dev(source, papers[: wish.papers or None], wish.every_steps)


def _annotated(gold: Path, plan: Plan) -> list[Annotation]:
    """Return the papers of *gold*; `InputError` for one that is trained on or has no text."""
    papers = list(read_annotations(gold, plan.task).values())
    trained_ids = {str(a["id"]) for a in plan.trained}
    trained_texts = {a["abstract"].strip() for a in plan.trained}
    for paper in papers:
        if not all(isinstance(paper.get(key), str) for key in ("title", "abstract")):
            raise InputError(f"{gold}: {paper['id']} has no title or no abstract")
        if str(paper["id"]) in trained_ids or paper["abstract"].strip() in trained_texts:
            raise InputError(
                f"{gold}: {paper['id']} is among the papers that are trained on",
                hint="Measure on other papers, or leave out --dev and set hold_out.",
            )
    return papers


def measured_on_the_way(
    dev: Dev, plan: Plan, trainer: Any, threads: int, report: Told
) -> dict[str, Any]:
    """Measure what *trainer* has learnt so far; a line in `dev.jsonl` keeps it."""
    folder: Path = trainer.folder
    adapter = write_adapter(
        trainer.state(),
        folder / "adapter.so_far.gguf",
        rank=plan.config.rank,
        alpha=plan.config.alpha,
        base=read_base_shape(plan.weights),
        eight_bits=plan.config.eight_bits,
    )
    try:
        figures = dev.figures(plan, adapter, threads, report)["figures"]
    finally:
        adapter.unlink()
    line = {"dev_at_step": trainer.step, **f1_by_list(figures)}
    with (folder / "dev.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
    return line


def f1_by_list(figures: dict[str, Any]) -> dict[str, float]:
    """Return the F1 of every list of an evaluation's figures, and `macro_f1`."""
    lists = {
        name: round(own["f1"], 4)
        for name, own in figures.items()
        if isinstance(own, dict) and "f1" in own
    }
    return lists | {"macro_f1": round(figures["macro_f1"], 4)}
