"""From the name of a local model to a running server: weights, adapter, settings put together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from extract.errors import ModelError
from extract.local.chat import chat_format
from extract.local.prepared import ensure_prepared, served_id, why_unmerged
from extract.local.progress import FetchProgress, Progress, silent
from extract.local.registry import RegisteredAdapter, local_model
from extract.local.server import LocalServer
from extract.local.settings import Adapter, ServerSettings
from extract.local.verifying import difference
from extract.local.weights import ensure_weights


def local_server(
    name: str,
    *,
    task: str | None = None,
    model_id: str = "",
    settings: ServerSettings | None = None,
    progress: Progress = silent,
) -> LocalServer:
    """Return a server, not yet started, for the registered model *name* as it answers *task*.

    It serves the weights that *model_id* names, or none: `served_id` where it is left out.
    """
    model = local_model(name)
    settings = settings or ServerSettings()
    settings = replace(
        settings,
        context_per_slot=min(settings.context_per_slot, model.context),
        chat_template=chat_format(model.chat_template).template,
    )
    adapter = model.adapter_for(task)
    if adapter is None:
        return LocalServer(
            ensure_weights(model, progress=progress), model_name=name, settings=settings
        )

    def sources() -> tuple[Path, Path]:
        return ensure_weights(model, progress=progress), verified_adapter(adapter)

    if (model_id or served_id(model, task)) == model.model_id(task, merged=True) and model.merge:
        path = ensure_prepared(model, task, sources, progress)
        return LocalServer(path, model_name=name, settings=settings)
    path, shipped = sources()
    if model.merge:
        reason = why_unmerged(model, task) or "asked for"
        slower = f"the model runs unprepared, at about half its speed ({reason}):"
        progress(FetchProgress(name, slower, 0, 0))
    adapters = (*settings.adapters, Adapter(shipped, adapter.scale))
    return LocalServer(path, model_name=name, settings=replace(settings, adapters=adapters))


def verified_adapter(adapter: RegisteredAdapter) -> Path:
    """Return where the adapter lies, after comparing it with the registry."""
    if not adapter.path.is_file():
        wrong = "is missing"
    else:
        wrong = difference(adapter.path, size=adapter.bytes, sha256=adapter.sha256)
    if wrong:
        raise ModelError(f"the adapter {adapter.path} {wrong}", hint="Install paperfacts again.")
    return adapter.path
