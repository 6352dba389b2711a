"""From a training config to an adapter: one call that can be stopped and called again.

The folder holds everything of a run: `run.json` (what it is made of), `checkpoint.pt`, `log.jsonl`
with a line a step, and in the end `adapter.gguf` and `card.json`. A folder that was begun with
other examples, another base or another config is refused, not continued.

Needs the extra `train`. Not here: the training itself (`lora`), what it is made of (`plan`), and
what it is measured on (`dev`).
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.local.cores import usable_cores
from extract.local.verifying import sha256_of
from extract.training.adapter_file import (
    NO_TRAIN,
    check_adapter_size,
    read_base_shape,
    write_adapter,
)
from extract.training.plan import Plan, read_plan

Report = Callable[[dict[str, Any]], None]

LOSS_TAIL_STEPS = 20
_LIBRARIES = ("paperfacts", "torch", "transformers", "peft", "gguf", "xllamacpp")
_NEEDED = ("torch", "transformers", "peft", "gguf")


def train_adapter(
    config_path: Path,
    folder: Path,
    *,
    threads: int | None = None,
    report: Report,
    dev: Any = None,
    hold_out: int | None = None,
    folds: int | None = None,
) -> Path:
    """Train what the config describes in *folder*, and return the adapter's file.

    Goes on where an earlier call was stopped, and trains nothing that is trained already. *report*
    gets one mapping a step and one a measured paper; what it raises stops the run, after a
    checkpoint. *dev* (`extract.training.dev.DevWish`) says what is measured; without it, the fold
    held out. *hold_out* and *folds* are used in place of the config's.

    Raises `InputError` for a config, example or folder that cannot be used and where the extra
    `train` is missing, `ModelError` where the base's weights are.
    """
    require_train()
    from extract.training.dev import DevWish, dev_of

    changed = {"hold_out": hold_out, "folds": folds}
    plan = read_plan(config_path, **{k: v for k, v in changed.items() if v is not None})
    measured = dev_of(plan, dev or DevWish())
    # Before the folder is claimed: else it would belong to a config that is refused.
    shape, config = read_base_shape(plan.weights), plan.config
    check_adapter_size(shape, config.rank, eight_bits=config.eight_bits)
    fingerprint = plan.fingerprint()
    threads = threads or usable_cores()
    with claimed(folder, fingerprint):
        adapter, card = folder / "adapter.gguf", finished_card(folder, fingerprint)
        if card is None:
            training = _trained(plan, folder, threads, measured, report)
            card = _card(plan, adapter, fingerprint, training)
            _write_json(folder / "card.json", card)
        if measured and _is_new(card.get(measured.source), measured):
            card[measured.source] = measured.figures(plan, adapter, threads, report)
            _write_json(folder / "card.json", card)
    return adapter


def require_train() -> None:
    """Raise `InputError` unless all packages of the extra `train` are installed."""
    if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
        raise InputError(f"training needs {', '.join(missing)}", hint=NO_TRAIN)


@contextmanager
def claimed(folder: Path, fingerprint: dict[str, Any]) -> Iterator[None]:
    """Keep *folder* to one process and one run; raise `InputError` where it is another's."""
    import filelock

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(folder / "run.lock", timeout=0):
            claim_folder(folder, fingerprint)
            yield
    except filelock.Timeout as error:
        raise InputError(
            f"another process trains in {folder}", hint="Wait for it, or name another folder."
        ) from error
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}") from error


def claim_folder(folder: Path, fingerprint: dict[str, Any]) -> None:
    """Make *folder* the run's own; raise `InputError` where it is another run's."""
    claim = folder / "run.json"
    if claim.is_file():
        begun = _read_json(claim)
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
        _write_json(claim, fingerprint)


def finished_card(folder: Path, fingerprint: dict[str, Any]) -> dict[str, Any] | None:
    """Return the card of a run that has ended, None where there is something left to do."""
    card, adapter = folder / "card.json", folder / "adapter.gguf"
    if not (card.is_file() and adapter.is_file()):
        return None
    ended = _read_json(card)
    is_this = all(ended.get(key) == value for key, value in fingerprint.items())
    return ended if is_this and ended.get("adapter_sha256") == sha256_of(adapter) else None


def _trained(plan: Plan, folder: Path, threads: int, dev: Any, report: Report) -> dict[str, Any]:
    """Run the steps that are left, write the adapter, and return how it went."""
    # Bars of the libraries would tear our own lines apart; read when tqdm is first imported.
    os.environ.setdefault("TQDM_DISABLE", "1")
    import torch

    from extract.training.dev import measured_on_the_way
    from extract.training.lora import Trainer, too_long, train

    config = plan.config
    torch.set_num_threads(threads)
    report({"loading": config.base})
    trainer = Trainer(config, plan.weights, folder, plan.chat)
    is_resumed = trainer.resume()
    if not is_resumed and plan.start_from is not None:
        trainer.start_from(plan.start_from)
    report(
        {
            "device": trainer.device_name,
            "resumed_at": trainer.step,
            "examples": len(plan.trained),
        }
    )
    left_out = too_long(trainer, plan.prompt, plan.as_annotated())

    def after_step(event: dict[str, Any]) -> None:
        report(event)
        if dev is not None and dev.is_due(event):
            report(measured_on_the_way(dev, plan, trainer, threads, report))

    train(trainer, plan.make, len(plan.trained), plan.prompt, after_step)
    write_adapter(
        trainer.state(),
        folder / "adapter.gguf",
        rank=config.rank,
        alpha=config.alpha,
        base=read_base_shape(plan.weights),
        eight_bits=config.eight_bits,
    )
    return {
        "device": trainer.device_name,
        "threads": threads,
        "steps": trainer.step,
        "wall_s": round(trainer.wall_s),
        "too_long": left_out,
        "loss_tail": _loss_tail(folder / "log.jsonl"),
    }


def _card(
    plan: Plan, adapter: Path, fingerprint: dict[str, Any], training: dict[str, Any]
) -> dict[str, Any]:
    """Return what there is to know about the adapter."""
    return {
        "adapter_sha256": sha256_of(adapter),
        "adapter_bytes": adapter.stat().st_size,
        **fingerprint,
        "annotations": [*plan.config.annotations, *plan.config.databases],
        "libraries": _library_versions(),
        **training,
    }


def _is_new(figures: dict[str, Any] | None, measured: Any) -> bool:
    """Say whether the card has no figures on exactly these papers."""
    from extract.training.sources import digest_of

    return figures is None or figures.get("examples_sha256") != digest_of(measured.papers)


def _loss_tail(log: Path) -> list[float]:
    """Return the losses of the last steps; a step that was run twice counts as it was run last."""
    losses: dict[int, float] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # cut off when a run was killed; its step was run again
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


def _read_json(path: Path) -> dict[str, Any]:
    """Read a file that a run has written; `InputError` where it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read: {error}", hint="Name an empty folder to begin again."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no object", hint="Name an empty folder to begin again.")
    return content


def _write_json(path: Path, content: dict[str, Any]) -> None:
    """Write *path* whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)
