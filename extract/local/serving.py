"""From the name of a local model to a running server: weights, adapter, settings put together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from extract.errors import ModelError
from extract.local.progress import Progress, silent
from extract.local.registry import RegisteredAdapter, local_model
from extract.local.server import LocalServer
from extract.local.settings import Adapter, ServerSettings
from extract.local.verifying import difference
from extract.local.weights import ensure_weights


def local_server(
    name: str,
    *,
    task: str | None = None,
    settings: ServerSettings | None = None,
    progress: Progress = silent,
) -> LocalServer:
    """Return a server, not yet started, for the registered model *name* as it answers *task*."""
    model = local_model(name)
    path = ensure_weights(model, progress=progress)
    settings = settings or ServerSettings()
    settings = replace(settings, context_per_slot=min(settings.context_per_slot, model.context))
    if adapter := model.adapter_for(task):
        shipped = Adapter(verified_adapter(adapter), adapter.scale)
        settings = replace(settings, adapters=(*settings.adapters, shipped))
    return LocalServer(path, model_name=name, settings=settings)


def verified_adapter(adapter: RegisteredAdapter) -> Path:
    """Return where the adapter lies, after comparing it with the registry."""
    if not adapter.path.is_file():
        wrong = "is missing"
    else:
        wrong = difference(adapter.path, size=adapter.bytes, sha256=adapter.sha256)
    if wrong:
        raise ModelError(f"the adapter {adapter.path} {wrong}", hint="Install paperfacts again.")
    return adapter.path
