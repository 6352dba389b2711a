"""Adapters that the user has trained: folders with `adapter.gguf` and `card.json`.

    local/runs/mine     the folder by its path
    local/mine          a folder `mine` in one of the folders of PAPERFACTS_MODELS

Such a folder stands for its base with that adapter. The card says which base, task and prompt
the adapter belongs to; the hash of its bytes is compared with the card and is part of the
model's id, so that answers of two adapters are never taken for each other's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.local.folders import MODELS_VARIABLE, kept_folders
from extract.local.registry import LocalModel, RegisteredAdapter, local_models
from extract.local.verifying import difference
from extract.local.weights import cached_path

CARD, ADAPTER = "card.json", "adapter.gguf"


def trained_model(name: str) -> LocalModel:
    """Return the base with the adapter of the folder that *name* leads to."""
    folder = trained_folder(name)
    card = _card(folder)
    base = local_models().get(card["config"]["base"])
    if base is None or base.sha256 != card["base_sha256"]:
        raise InputError(
            f"the adapter of {folder} belongs to a base {card['config']['base']!r} with SHA-256"
            f" {card['base_sha256']}, which is not among the local models",
            hint="Train it again on one of these: paperfacts models",
        )
    path = (folder / ADAPTER).absolute()
    size, sha256 = card["adapter_bytes"], card["adapter_sha256"]
    wrong = difference(path, size=size, sha256=sha256) if path.is_file() else "is missing"
    if wrong:
        raise InputError(f"{path} {wrong}", hint=f"It is not what {folder / CARD} describes.")
    # A file's absolute path stays what it is where the folder of shipped adapters is put before.
    adapter = RegisteredAdapter(str(path), size, sha256, 1.0, _task_of(card))
    return replace(base, adapter=adapter)


def check_trained_for(name: str, task_version: str, prompt_version: str) -> None:
    """Raise `InputError` where an adapter was trained for another task, schema or prompt."""
    folder = trained_folder(name)
    card = _card(folder)
    for key, wanted in (("task_version", task_version), ("prompt_version", prompt_version)):
        if card[key] != wanted:
            raise InputError(
                f"the adapter of {folder} was trained for {card[key]}, and asked would be {wanted}",
                hint="Give the task that it was trained for, or train it again on this one.",
            )


def trained_folder(name: str) -> Path:
    """Return the folder that *name* leads to; `InputError` where there is none."""
    for folder in [*(kept / name for kept in kept_folders()), Path(name).expanduser()]:
        if (folder / CARD).is_file():
            return folder
    raise InputError(
        f"there is no local model {name!r}",
        hint=f"Known are: {', '.join(local_models())}. A folder with your own {ADAPTER} and {CARD}"
        f" is named by its path, or kept in a folder of {MODELS_VARIABLE}.",
    )


def trained_folders() -> Iterator[Path]:
    """Yield the folders of trained adapters that can be named without their path."""
    for kept in filter(Path.is_dir, kept_folders()):
        yield from sorted(folder.parent for folder in kept.glob(f"*/{CARD}"))


def trained_rows() -> list[dict[str, Any]]:
    """Return what a list of models says of the adapters in the user's folders."""
    rows: list[dict[str, Any]] = []
    for folder in trained_folders():
        row: dict[str, Any] = {"model": f"local/{folder.name}", "default": False}
        try:
            model = trained_model(str(folder))
            assert model.adapter is not None
            row |= {
                "title": f"{model.title}, with the adapter in {folder}",
                "megabytes": round(model.bytes / 1e6),
                "adapter": f"{model.adapter.for_task} ({model.adapter.bytes / 1e6:.0f} MB)",
                "licence": model.licence,
                "sha256": model.adapter.sha256,
                "fetched": cached_path(model).is_file(),
            }
        except InputError as error:
            row |= {"title": f"cannot be used: {error}", "megabytes": 0, "adapter": None}
            row |= {"licence": "", "sha256": "", "fetched": False}
        rows.append(row)
    return rows


def _task_of(card: dict[str, Any]) -> str:
    """Return the name of the task that a card's version belongs to."""
    version: str = card["task_version"]
    return version.rpartition("-")[0]


def _card(folder: Path) -> dict[str, Any]:
    """Read the card of *folder*, with all that is needed of it."""
    wanted = {
        "adapter_sha256": str,
        "adapter_bytes": int,
        "base_sha256": str,
        "task_version": str,
        "prompt_version": str,
        "config": dict,
    }
    try:
        card: Any = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / CARD} cannot be read: {error}") from error
    wrong = [
        key
        for key, kind in wanted.items()
        if not isinstance(card, dict) or not isinstance(card.get(key), kind)
    ]
    if wrong or not isinstance(card["config"].get("base"), str):
        missing = ", ".join(wrong) or "config.base"
        raise InputError(
            f"{folder / CARD} is not the card of a trained adapter: {missing} missing",
            hint="paperfacts train writes it when the training has ended.",
        )
    found: dict[str, Any] = card
    return found
