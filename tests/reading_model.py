"""Models for probes: one that reads its text, and one that knows its answer before it reads.

with ReadingModel() as server: ...
with Parrot() as server: ...
"""

from __future__ import annotations

import json
import re
from typing import Any

from extract.probing import task_texts
from extract.tasks import load_task
from tests.stub_model import StubModel, _completion

_SENTENCE = re.compile(r"^\[(\d+)\] (.*)$", re.M)
_NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?:%|x|M)?(?!\w)")
_NAMES = {"methods": "proposed", "datasets": "used"}


def _known_names() -> dict[str, set[str]]:
    """Return the names of the probes and of the injections' papers, by list."""
    known: dict[str, set[str]] = {
        "methods": {"TideNet", "OrchardFormer", "KelpNet", "BellPrint", "SnowLSTM", "PawnTalk"},
        "datasets": {"CoastSeg", "TowerSound", "AlpineGauge", "CrumbSet", "BarkBase"},
    }
    for paper in task_texts(load_task(), "probes")["papers"]:
        for change in paper["changes"]:
            known.setdefault(change["list"], set()).update((change["from"], change["to"]))
        for deletion in paper["deletions"]:
            for name, gone in deletion["gone"].items():
                known.setdefault(name, set()).update(gone)
    return known


class ReadingModel(StubModel):
    """Finds the names that it knows and every number, where they stand in the text."""

    known = _known_names()

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return what stands in the text; the ways of the stub to go wrong work here too."""
        status, document = super().answer(body)
        if status != 200 or not (document["choices"][0]["message"]["content"] or "").startswith(
            '{"methods": ['
        ):
            return status, document
        user = next(m["content"] for m in body["messages"] if m["role"] == "user")
        said = self.said([(int(n), text) for n, text in _SENTENCE.findall(user)])
        return 200, _completion(json.dumps(said))

    def said(self, sentences: list[tuple[int, str]]) -> dict[str, Any]:
        """Return the facts of the numbered sentences."""
        named = {
            kind: [
                {"name": name, "role": role, "sentence": n}
                for name in sorted(self.known[kind])
                for n, text in sentences
                if name in text
            ]
            for kind, role in _NAMES.items()
        }
        results = [
            {"value": value, "kind": "score", "sentence": n}
            for n, text in sentences
            for value in _NUMBER.findall(text)
        ]
        return {**named, "results": results, "claims": []}


class Parrot(ReadingModel):
    """Says the same of every text."""

    def said(self, sentences: list[tuple[int, str]]) -> dict[str, Any]:
        """Return facts of a text that was seen before."""
        return super().said([(1, "Lanternfish reaches 93.7% on QuayBench, 3.2x faster.")])
