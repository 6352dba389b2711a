"""Which batches a command is about, and how they are reached.

A database says where its batches are. It may come from a stranger, so a key is only sent to a
server that the user names, to this machine, or to the provider itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from extract.errors import InputError
from extract.models import Model, find_model
from extract.store.batches import StoredBatch, stored_batches
from extract.store.lock import WAIT_S
from extract.task import Task
from extract.tasks import BUILT_IN, load_task
from extract.terminal import shell_word

if TYPE_CHECKING:
    from extract.asking import Endpoint


@dataclass(frozen=True)
class Chosen:
    """Which batches a command is about, and what is needed to reach them."""

    database: Path
    ids: Sequence[str] = ()
    """The beginning of an id of ours or of the provider's; none means all that are open."""
    base_url: str | None = None
    """The server that the user names for these batches."""
    known_url: str | None = None
    """The server of the user's settings, which may have their key."""
    task: str | None = None
    trust_code: bool = False
    lock_wait_s: float = WAIT_S

    def batches(self) -> list[StoredBatch]:
        """Return the chosen batches; `InputError` for an id that is none."""
        if not self.database.exists():
            raise InputError(
                f"there is no database at {self.database}",
                hint="paperfacts run FEED --batch --model openai/NAME"
                f" --db {shell_word(self.database)}",
            )
        stored = stored_batches(self.database)
        if not self.ids:
            return [batch for batch in stored if batch.is_open]
        return [_named(each, stored, self.database) for each in dict.fromkeys(self.ids)]


def _named(given: str, stored: Sequence[StoredBatch], database: Path) -> StoredBatch:
    """Return the batch whose id is, or begins with, *given*."""
    found = [
        batch
        for batch in stored
        if batch.batch_id.startswith(given) or (batch.provider_batch_id or "").startswith(given)
    ]
    if len(found) != 1:
        what = "means more than one" if found else "is no"
        raise InputError(
            f"{given} {what} batch of {database}",
            hint=f"It has: {', '.join(b.batch_id for b in found or stored) or 'none'}.",
        )
    return found[0]


def by_task(batches: Sequence[StoredBatch]) -> Iterator[tuple[str, list[StoredBatch]]]:
    for name, group in groupby(sorted(batches, key=lambda b: b.task), key=lambda b: b.task):
        yield name, list(group)


def task_of(chosen: Chosen, name: str, batches: Sequence[StoredBatch]) -> Task:
    """Return the task of a batch: a built-in one, or the folder that the user named."""
    if name in BUILT_IN and chosen.task is None:
        return load_task(name)
    task = load_task(chosen.task or name, trust_code=chosen.trust_code) if chosen.task else None
    if task is None or task.name != name:
        raise InputError(
            f"{batches[0].batch_id} is of the task {name}",
            hint="Name its folder with --task.",
        )
    return task


def by_model(
    chosen: Chosen, task: Task, batches: Sequence[StoredBatch]
) -> Iterator[tuple[Model, list[StoredBatch]]]:
    """Yield each model that batches were submitted to, with them."""

    def where(batch: StoredBatch) -> tuple[str, str, str]:
        return batch.model, batch.base_url or "", batch.mode

    for _, group in groupby(sorted(batches, key=where), key=where):
        of_model = sorted(group, key=lambda batch: batch.created_at)
        first = of_model[0]
        url = _url(chosen, first)
        yield find_model(first.model, task, base_url=url, mode=first.mode or None), of_model


def by_place(
    chosen: Chosen, batches: Sequence[StoredBatch]
) -> Iterator[tuple[Endpoint, list[StoredBatch]]]:
    for model, of_model in by_model(chosen, load_task(), batches):
        yield model.hosted_endpoint(), of_model


def _url(chosen: Chosen, batch: StoredBatch) -> str | None:
    """Return the server of a batch; `InputError` where the user has to say that it is theirs."""
    if batch.base_url is None:
        return None
    if chosen.base_url is not None:
        return chosen.base_url
    if chosen.known_url == batch.base_url:
        return chosen.known_url
    from extract.asking import Endpoint
    from extract.keys import GATEWAY_VARIABLE, find_key

    is_here = Endpoint("openai", "", batch.base_url, None).is_loopback
    if not is_here and find_key((GATEWAY_VARIABLE,)):
        raise InputError(
            f"{batch.batch_id} is with {batch.base_url}, says the database",
            hint=f"If your key may be sent there: --base-url {batch.base_url}",
        )
    return batch.base_url
