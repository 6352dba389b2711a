"""From a training config to an adapter: one call that can be stopped and called again.

The folder holds everything of a run: `run.json` (what it is made of), `checkpoint.pt`, `log.jsonl`
with a line a step, and in the end `adapter.gguf` and `card.json`. A folder that was begun with
other examples, another base or another config is refused, not continued.

Needs the extra `train`. Not here: the training itself (`lora`), the examples (`examples`).
"""

from __future__ import annotations

import importlib.util
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from extract.errors import InputError, ModelError
from extract.local.cores import usable_cores
from extract.local.registry import local_model
from extract.local.verifying import sha256_of
from extract.local.weights import ensure_weights
from extract.prompting import Prompt, read_prompt
from extract.task import Task
from extract.tasks import BUILT_IN, load_task
from extract.training.adapter_file import NO_TRAIN, read_base_shape, write_adapter
from extract.training.config import TrainingConfig, read_config
from extract.training.examples import Annotation, Example, example, with_sentences_dropped
from extract.training.sources import all_annotations, digest_of, without_fold

Report = Callable[[dict[str, Any]], None]

LOSS_TAIL_STEPS = 20
_LIBRARIES = ("paperfacts", "torch", "transformers", "peft", "gguf", "xllamacpp")
_NEEDED = ("torch", "transformers", "peft", "gguf")
_NOT_IN_FINGERPRINT = ("annotations", "databases", "start_from", "checkpoint_every")


@dataclass(frozen=True)
class Plan:
    """All that a run is made of, read and checked before anything is trained."""

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
        return {
            "config": config,
            "examples": len(self.trained),
            "examples_sha256": digest_of(self.trained),
            "base_sha256": sha256_of(self.weights),
            "start_from_sha256": sha256_of(self.start_from) if self.start_from else None,
            "task_version": self.task.version,
            "prompt_version": self.prompt.version,
        }

    def undropped(self) -> Iterator[Example]:
        """Yield all examples as they are annotated."""
        return (example(self.task, annotation) for annotation in self.trained)

    def make(self, number: int, epoch: int) -> Example:
        """Return one example; whether sentences are dropped follows from seed, epoch, number."""
        annotation = self.trained[number]
        rng = random.Random(f"{self.config.seed}/{epoch}/{number}")
        if rng.random() < self.config.drop_sentences:
            annotation = with_sentences_dropped(annotation, rng)
        return example(self.task, annotation)


def train_adapter(
    config_path: Path, folder: Path, *, threads: int | None = None, report: Report
) -> Path:
    """Train what the config describes in *folder*, and return the adapter's file.

    Goes on where an earlier call was stopped. *report* gets one mapping a step, and one a
    held-out paper. Raises `InputError` for a config, example or folder that cannot be used,
    `ModelError` where the extra `train` or the base's weights are missing.
    """
    require_train()
    plan = read_plan(config_path)
    fingerprint = plan.fingerprint()
    claim_folder(folder, fingerprint)
    threads = threads or usable_cores()
    adapter, training = _trained(plan, folder, threads, report)
    card: dict[str, Any] = {
        "adapter_sha256": sha256_of(adapter),
        "adapter_bytes": adapter.stat().st_size,
        **fingerprint,
        "annotations": [*plan.config.annotations, *plan.config.databases],
        "libraries": _library_versions(),
        "threads": threads,
        **training,
    }
    if plan.held_out:
        from extract.training.held_out import adapted_server, dev_figures

        server = adapted_server(plan.weights, adapter, threads=threads)
        card["held_out"] = dev_figures(plan.task, plan.held_out, server, report)
    (folder / "card.json").write_text(
        json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return adapter


def require_train() -> None:
    """Raise `ModelError` unless all packages of the extra `train` are installed."""
    if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
        raise ModelError(f"training needs {', '.join(missing)}", hint=NO_TRAIN)


def read_plan(config_path: Path) -> Plan:
    """Read the config and everything that it names; the base's weights are fetched if need be."""
    config = read_config(config_path)
    task = load_task(
        config.task if config.task in BUILT_IN else str(config_path.parent / config.task)
    )
    if "tuned" not in task.prompts:
        raise InputError(
            f"task {task.name} has no prompt for a trained model",
            hint="Write prompt.tuned.md in the task's folder; prompts/facts.tuned.md is one.",
        )
    prompt = read_prompt(f"{task.name}.tuned", task.prompts["tuned"])
    annotations = all_annotations(config, config_path.parent, task)
    for annotation in annotations:
        example(task, annotation)  # a mistake in the last one should not wait for its turn
    trained, held_out = without_fold(annotations, config)
    start_from = config_path.parent / config.start_from if config.start_from else None
    if start_from is not None and not start_from.is_file():
        raise InputError(f"training config {config_path}: start_from: no file {start_from}")
    weights = ensure_weights(local_model(config.base))
    return Plan(config, task, prompt, trained, held_out, weights, start_from)


def claim_folder(folder: Path, fingerprint: dict[str, Any]) -> None:
    """Make *folder* the run's own; raise `InputError` where it is another run's."""
    folder.mkdir(parents=True, exist_ok=True)
    claim = folder / "run.json"
    if claim.is_file():
        begun = json.loads(claim.read_text(encoding="utf-8"))
        different = [key for key in fingerprint if begun.get(key) != fingerprint[key]]
        if different:
            raise InputError(
                f"{folder} holds another run: it differs in {', '.join(different)}",
                hint="Name an empty folder, or go back to the config that began this one.",
            )
    elif (folder / "checkpoint.pt").exists():
        raise InputError(
            f"{folder} holds a checkpoint and no run.json that says of what",
            hint="Name an empty folder; the checkpoint can be its start_from.",
        )
    else:
        claim.write_text(json.dumps(fingerprint, indent=1) + "\n", encoding="utf-8")


def _trained(plan: Plan, folder: Path, threads: int, report: Report) -> tuple[Path, dict[str, Any]]:
    """Run the steps that are left, write the adapter, and return it with how it went."""
    import torch

    from extract.training.lora import Trainer, too_long, train

    config = plan.config
    shape = read_base_shape(plan.weights)
    torch.set_num_threads(threads)
    trainer = Trainer(config, plan.weights, folder)
    is_resumed = trainer.resume()
    if not is_resumed and plan.start_from is not None:
        trainer.load_state(torch.load(plan.start_from, weights_only=True)["adapter"])
    left_out = too_long(trainer.tokenizer, plan.prompt, plan.undropped())
    train(trainer, plan.make, len(plan.trained), plan.prompt, report)
    adapter = write_adapter(
        trainer.state(), folder / "adapter.gguf", rank=config.rank, alpha=config.alpha, base=shape
    )
    return adapter, {
        "steps": trainer.step,
        "wall_s": round(trainer.wall_s),
        "too_long": left_out,
        "loss_tail": _loss_tail(folder / "log.jsonl"),
    }


def _loss_tail(log: Path) -> list[float]:
    """Return the losses of the last steps; a step that was run twice counts as it was run last."""
    losses: dict[int, float] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        losses[event["step"]] = event["loss"]
    return [losses[step] for step in sorted(losses)[-LOSS_TAIL_STEPS:]]


def _library_versions() -> dict[str, str | None]:
    """Return the installed version of every library that has a part in the result."""
    versions: dict[str, str | None] = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return versions
