"""What a training run is made of: one TOML file, and nothing else that could change its result."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path

from extract.errors import InputError


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a training run makes; see `docs/training.md`.

    Paths are as given on the command line or relative to the config file. `annotations` are
    read in order; `epochs` counts passes over all of them.
    """

    base: str = "smollm2-135m"
    task: str = "facts"
    annotations: tuple[str, ...] = ()
    start_from: str = ""
    epochs: int = 2
    batch: int = 4
    rank: int = 32
    alpha: int = 64
    learning_rate: float = 5e-4
    warmup_steps: int = 10
    drop_sentences: float = 0.0
    seed: int = 7
    folds: int = 5
    hold_out: int = -1
    checkpoint_every: int = 50


def read_config(path: Path) -> TrainingConfig:
    """Read a training config; raise `InputError` for a key that is not known or has another type."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"training config {path}: {error}") from error
    known = {f.name: f for f in dataclasses.fields(TrainingConfig)}
    default = TrainingConfig()
    for key, value in values.items():
        if key not in known:
            raise InputError(
                f"training config {path}: unknown key {key!r}",
                hint=f"Known keys: {', '.join(known)}.",
            )
        wanted = type(getattr(default, key))
        if wanted is tuple and isinstance(value, list):
            values[key] = tuple(value)
        elif wanted is float and type(value) is int:
            values[key] = float(value)
        elif type(value) is not wanted:
            raise InputError(f"training config {path}: {key} should be a {wanted.__name__}")
    return TrainingConfig(**values)
