"""The weights of a registered model as a verified file on this machine.

Looked for in the user's folders and in the cache; fetched into the cache if in neither. Two
processes that want the same weights fetch them once. A file with a wrong hash is never used,
and never overwritten unseen: it is put aside as `.bad`.

Not here: where the bytes come from (`fetching.py`), and the user's own GGUF file, which needs no
registry and no hash.
"""

from __future__ import annotations

import errno
from pathlib import Path

from extract.errors import ModelError
from extract.local.fetching import ORIGINS, Origins, fetch, put_aside
from extract.local.folders import CACHE_VARIABLE, kept_folders, models_cache
from extract.local.progress import FetchProgress, Progress, silent
from extract.local.registry import LocalModel
from extract.local.verifying import difference


def ensure_weights(
    model: LocalModel, *, progress: Progress = silent, origins: Origins = ORIGINS
) -> Path:
    """Return a file with exactly the bytes of *model*, fetched if need be.

    `ModelError` if no source has them; it names each source and what went wrong there.
    """
    found = find_weights(model, progress=progress)
    if found is not None:
        return found
    target = cached_path(model)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return _fetch_once(model, target, progress, origins)
    except OSError as error:
        raise _cannot_keep(model, target, error) from error


def find_weights(model: LocalModel, *, progress: Progress = silent) -> Path | None:
    """Return a verified file with the bytes of *model* that is already here, None if none is.

    *progress* is told of files that go by the right name and are not used.
    """
    candidates = [folder / model.file for folder in kept_folders()] + [cached_path(model)]
    for candidate in filter(Path.is_file, candidates):
        if not (wrong := difference(candidate, size=model.bytes, sha256=model.sha256)):
            return candidate
        progress(FetchProgress(model.name, f"not used: {candidate} {wrong}", 0, model.bytes))
    return None


def cached_path(model: LocalModel) -> Path:
    """Return where the cache keeps the weights of *model*."""
    return models_cache() / model.name / model.file


def _fetch_once(model: LocalModel, target: Path, progress: Progress, origins: Origins) -> Path:
    """Fetch *model* unless another process does; then wait for it and take what it got."""
    import filelock

    lock = filelock.FileLock(f"{target}.lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        progress(FetchProgress(model.name, "waiting for another process", 0, model.bytes))
        lock.acquire()
    try:
        if target.exists():
            if not difference(target, size=model.bytes, sha256=model.sha256):
                return target  # the other process has fetched it
            put_aside(target)
        fetch(model, target, progress, origins)
    finally:
        lock.release()
    return target


def _cannot_keep(model: LocalModel, target: Path, error: OSError) -> ModelError:
    """Return what to tell when the cache cannot be written to."""
    what = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "failed"
    return ModelError(
        f"the weights of {model.name} cannot be kept in {target.parent}: {what} "
        f"({error.strerror or error})",
        hint=f"Make room or allow writing there, or name another folder in {CACHE_VARIABLE}. "
        "What has arrived is kept.",
    )
