"""How one task is asked of one model: prompt, wire format and sampling, prepared once.

A recipe turns a paper into a request and a completion back into an answer. Its `ask_id` names
everything but the paper, so a rerun knows what is done without looking at a single text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from extract.calibration import Calibration, calibrated
from extract.completion import TokenLogprob
from extract.errors import InputError
from extract.grammar import compact_grammar
from extract.probability import Probabilities, probabilities
from extract.prompting import Prompt, read_prompt
from extract.request import KEY_RECIPE, Request, Sampling
from extract.shown import ShownPaper
from extract.task import Task
from extract.wire import CompactWire

RENDERING = "s1"
"""Changes whenever the same paper would be shown in another way (`shown`, `sentences`)."""


@dataclass(frozen=True)
class Recipe:
    """One task, one model, one way to ask."""

    task: Task
    model: str
    model_id: str
    style: str
    """Which prompt of the task: `json` for hosted models, `compact` or `tuned` for local ones."""
    mode: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    calibration: Calibration = field(default_factory=dict)
    """Per record kind, from the model's probability of a record to the share that is right."""

    @cached_property
    def prompt(self) -> Prompt:
        """The prompt file of this style, read."""
        if self.style not in self.task.prompts:
            raise InputError(
                f"task {self.task.name} has no prompt for {self.style!r} models",
                hint=f"It has: {', '.join(self.task.prompts) or 'none'}.",
            )
        return read_prompt(f"{self.task.name}.{self.style}", self.task.prompts[self.style])

    @cached_property
    def wire(self) -> str:
        """The form of the answer, as it stands in the request."""
        base = "json" if self.style == "json" else "compact"
        return f"{base}/{self.mode}" if self.mode else base

    @cached_property
    def compact(self) -> CompactWire | None:
        """The compact wire of local models, None for hosted ones."""
        return None if self.style == "json" else CompactWire(self.task)

    @cached_property
    def ask_id(self) -> str:
        """A name for everything but the paper that decides the answer."""
        parts = [
            KEY_RECIPE,
            RENDERING,
            self.task.version,
            self.prompt.version,
            self.wire,
            self.model,
            self.model_id,
            json.dumps(asdict(self.sampling)),
        ]
        return "a1-" + hashlib.blake2b("\x1f".join(parts).encode(), digest_size=10).hexdigest()

    def request(self, shown: ShownPaper) -> Request:
        """Return the request about one paper."""
        return Request(
            task=self.task.name,
            task_version=self.task.version,
            prompt_version=self.prompt.version,
            wire=self.wire,
            model=self.model,
            model_id=self.model_id,
            sampling=self.sampling,
            messages=tuple(self.prompt.messages(shown.text)),
            answer_schema=None if self.compact else self.task.json_schema,
            grammar=compact_grammar(self.compact, shown) if self.compact else None,
        )

    def answer(self, content: str, shown: ShownPaper) -> BaseModel:
        """Return the validated answer behind *content*; ValueError where it is none."""
        if self.compact is None:
            return self.task.answer.model_validate_json(content)
        return self.task.answer.model_validate(self.compact.decode(content, shown))

    def answer_text(self, content: str, shown: ShownPaper) -> str | None:
        """Return the validated answer as JSON of our own, None where *content* is none."""
        try:
            return answer_text(self.answer(content, shown))
        except ValueError:
            return None

    def probabilities(
        self, content: str, shown: ShownPaper, tokens: Sequence[TokenLogprob] | None
    ) -> Probabilities:
        """Return how sure the model was of the rows of an answer; empty where it did not say."""
        return probabilities(self.compact, content, shown, tokens) if self.compact else {}

    def confidence(self, kind: str, probability: float | None) -> float | None:
        """Return the share of such records that are right; None where it was not measured."""
        curve = self.calibration.get(kind)
        return calibrated(probability, curve) if curve and probability is not None else None


def answer_rows(answer: BaseModel) -> dict[str, list[dict[str, Any]]]:
    """Return an answer as plain lists of rows."""
    return answer.model_dump(mode="python")


def answer_text(answer: BaseModel) -> str | None:
    """Return an answer as JSON of our own, None where no JSON can hold it (half a character).

    What a model wrote may name a key twice, and readers of JSON do not agree on which counts.
    """
    try:
        return answer.model_dump_json()
    except ValueError:
        return None
