"""All that a training run is made of, read and checked before anything is trained.

A mistake in the last example should not wait for its turn. Not here: the run itself (`run`).
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.local.chat import ChatFormat, chat_format
from extract.local.registry import local_model, local_models
from extract.local.verifying import sha256_of
from extract.local.weights import ensure_weights
from extract.prompting import Prompt, read_prompt
from extract.task import Task
from extract.tasks import BUILT_IN, load_task
from extract.training.augmenting import (
    Names,
    names_of,
    shuffled,
    swapped_names,
    swapped_numbers,
    with_latex,
)
from extract.training.config import TrainingConfig, read_config
from extract.training.examples import Annotation, Example, example, with_sentences_dropped
from extract.training.sources import all_annotations, digest_of, without_fold

_NOT_IN_FINGERPRINT = ("annotations", "databases", "start_from", "checkpoint_every")
# A run that was begun before these keys existed can go on: nought and false change nothing.
_IN_FINGERPRINT_IF_SET = (
    "swap_names",
    "swap_numbers",
    "shuffle_sentences",
    "latex_remnants",
    "eight_bits",
)


@dataclass(frozen=True)
class Plan:
    """A config with the task, prompt, examples and weights behind its words."""

    config: TrainingConfig
    task: Task
    prompt: Prompt
    trained: Sequence[Annotation]
    held_out: Sequence[Annotation]
    weights: Path
    start_from: Path | None

    def fingerprint(self) -> dict[str, Any]:
        """Return what decides the result; paths do not, the bytes behind them do."""
        config = {k: v for k, v in asdict(self.config).items() if k not in _NOT_IN_FINGERPRINT}
        for key in _IN_FINGERPRINT_IF_SET:
            if not config[key]:
                del config[key]
        return {
            "config": config,
            "examples": len(self.trained),
            "examples_sha256": digest_of(self.trained),
            "base_sha256": sha256_of(self.weights),
            "start_from_sha256": sha256_of(self.start_from) if self.start_from else None,
            "task_version": self.task.version,
            "prompt_version": self.prompt.version,
        }

    @property
    def chat(self) -> ChatFormat:
        """How the base reads a conversation, in training as in use."""
        return chat_format(local_model(self.config.base).chat_template)

    @cached_property
    def names(self) -> Names:
        """The names that may stand for each other in what is trained on."""
        return names_of(self.trained, self.task)

    def as_annotated(self) -> Iterator[Example]:
        """Yield all examples without any variation."""
        return (example(self.task, annotation) for annotation in self.trained)

    def make(self, number: int, epoch: int) -> Example:
        """Return one example; how it is varied follows from seed, epoch and number alone."""
        annotation, task, config = self.trained[number], self.task, self.config
        rng = self._chance(epoch, number)
        if rng.random() < config.drop_sentences:
            annotation = with_sentences_dropped(annotation, rng)
        # A generator for each, so that one share changes nothing of the others' choices.
        if (rng := self._chance(epoch, number, "names")).random() < config.swap_names:
            annotation = swapped_names(annotation, task, rng, self.names)
        if (rng := self._chance(epoch, number, "numbers")).random() < config.swap_numbers:
            annotation = swapped_numbers(annotation, task, rng)
        if (rng := self._chance(epoch, number, "order")).random() < config.shuffle_sentences:
            annotation = shuffled(annotation, task, rng)
        if (rng := self._chance(epoch, number, "latex")).random() < config.latex_remnants:
            annotation = with_latex(annotation, task, rng)
        return example(task, annotation)

    def _chance(self, epoch: int, number: int, *what: str) -> random.Random:
        """Return the random numbers of one decision about one example."""
        return random.Random("/".join([str(self.config.seed), str(epoch), str(number), *what]))


def read_plan(config_path: Path, **changed: Any) -> Plan:
    """Read the config and everything that it names; the base's weights are fetched if need be.

    *changed* are keys of the config that have another value than in the file.
    """
    config = dataclasses.replace(read_config(config_path), **changed)
    if config.base not in local_models():
        raise InputError(
            f"training config {config_path}: there is no base {config.base!r}",
            hint=f"Known are: {', '.join(local_models())}.",
        )
    task = task_of(config, config_path)
    if "tuned" not in task.prompts:
        raise InputError(
            f"task {task.name} has no prompt for a trained model",
            hint="Write prompt.tuned.md in the task's folder; prompts/facts.tuned.md is one.",
        )
    prompt = read_prompt(f"{task.name}.tuned", task.prompts["tuned"])
    annotations = all_annotations(config, config_path.parent, task)
    for annotation in annotations:
        example(task, annotation)
    trained, held_out = without_fold(annotations, config)
    start_from = config_path.parent / config.start_from if config.start_from else None
    if start_from is not None and not start_from.is_file():
        raise InputError(f"training config {config_path}: start_from: no file {start_from}")
    weights = ensure_weights(local_model(config.base))
    return Plan(config, task, prompt, trained, held_out, weights, start_from)


def task_of(config: TrainingConfig, config_path: Path) -> Task:
    """Return the task that a config names; a folder's path is relative to the config."""
    is_built_in = config.task in BUILT_IN
    return load_task(config.task if is_built_in else str(config_path.parent / config.task))
