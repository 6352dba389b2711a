"""What a training run is made of: one TOML file, and nothing else that could change its result."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.errors import InputError


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a training run makes; see `docs/training.md`.

    Paths are relative to the config file. `annotations` are read in order, then `databases`;
    `epochs` counts passes over all of them, and `max_steps` ends them earlier (0: never).
    """

    base: str = "smollm2-135m"
    task: str = "facts"
    annotations: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    start_from: str = ""
    epochs: int = 2
    max_steps: int = 0
    batch: int = 4
    rank: int = 32
    alpha: int = 64
    eight_bits: bool = False
    learning_rate: float = 5e-4
    warmup_steps: int = 10
    drop_sentences: float = 0.0
    swap_names: float = 0.0
    swap_numbers: float = 0.0
    shuffle_sentences: float = 0.0
    latex_remnants: float = 0.0
    seed: int = 7
    folds: int = 5
    hold_out: int = -1
    checkpoint_every: int = 50


SHARES = ("drop_sentences", "swap_names", "swap_numbers", "shuffle_sentences", "latex_remnants")
"""Keys that say how many of the examples are varied, from 0 to 1."""

_AT_LEAST_ONE = ("epochs", "batch", "rank", "alpha", "folds", "checkpoint_every")


def read_config(path: Path) -> TrainingConfig:
    """Read a training config; raise `InputError` for a key or a value that cannot be used."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # a number of thousands of digits too
        raise InputError(f"training config {path}: {error}") from error
    known = {f.name for f in dataclasses.fields(TrainingConfig)}
    if unknown := [key for key in values if key not in known]:
        raise InputError(
            f"training config {path}: unknown key {unknown[0]!r}",
            hint=f"Known keys: {', '.join(sorted(known))}.",
        )
    default = TrainingConfig()
    config = TrainingConfig(
        **{key: _typed(path, key, value, getattr(default, key)) for key, value in values.items()}
    )
    if wrong := _out_of_range(config):
        raise InputError(f"training config {path}: {wrong}", hint="See docs/training.md.")
    return config


def _typed(path: Path, key: str, value: Any, default: Any) -> Any:
    """Return *value* in the type that *default* has; whole numbers may stand for others."""
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise InputError(f"training config {path}: {key} should be a list of strings")
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        raise InputError(f"training config {path}: {key} should be a {type(default).__name__}")
    return value


def _out_of_range(config: TrainingConfig) -> str:
    """Say which value makes no sense; empty where all do."""
    for key in _AT_LEAST_ONE:
        if getattr(config, key) < 1:
            return f"{key} should be at least 1"
    if config.max_steps < 0 or config.warmup_steps < 0:
        return "max_steps and warmup_steps should not be negative"
    if not 0 < config.learning_rate < 1:
        return "learning_rate should lie between 0 and 1"
    for key in SHARES:
        if not 0 <= getattr(config, key) <= 1:
            return f"{key} is a share, from 0 to 1"
    if not -1 <= config.hold_out < config.folds:
        return f"hold_out should be a fold from 0 to {config.folds - 1}, or -1 for none"
    return ""
