"""What the tests of recordings share: a model that was recorded, and ways to change a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from extract.cassettes import Cassettes, CassetteSession, mode_of
from extract.cassettes.extracting import Extracted, extract_papers
from extract.models import Model, find_model
from extract.papers import Paper
from extract.recipe import Recipe
from extract.session import LiveSession
from extract.tasks import load_task
from tests.stub_model import StubModel

NET = Paper("one", "Alpha: A Net", "We train Alpha on 12 GPUs. It reaches 91.4% on HarbourSet.")
TOOL = Paper("two", "Beta: A Tool", "We measure Beta on DeltaSet. It takes 40 minutes.")
PAPERS = (NET, TOOL)
SILENT = "http://127.0.0.1:9"
"""Nobody listens there."""


def stub_model(url: str = SILENT, **changes: Any) -> Model:
    """Return the stub as a model, its recipe changed where that is asked."""
    model = find_model("openai/stub", load_task(), base_url=url)
    return replace(model, recipe=replace(model.recipe, **changes)) if changes else model


def session(place: Path, mode: str, model: Model, **options: Any) -> CassetteSession:
    """Return a session on the recordings at *place*."""
    live = LiveSession(model, 1, lambda progress: None).opened
    return CassetteSession(Cassettes(place), model.recipe, mode_of(mode), live=live, **options)


def record(
    place: Path,
    papers: Sequence[Paper] = PAPERS,
    *,
    server: StubModel | None = None,
    **options: Any,
) -> Extracted:
    """Record what the stub says of *papers*."""
    if server is not None:
        model = stub_model(server.url)
        return extract_papers(papers, model, session(place, "record", model, **options))
    with StubModel() as own:
        return record(place, papers, server=own, **options)


def replay(
    place: Path,
    papers: Sequence[Paper] = PAPERS,
    model: Model | None = None,
    recipe: Recipe | None = None,
) -> Extracted:
    """Replay *papers*; nothing listens where a model might be."""
    model = model or stub_model()
    model = replace(model, recipe=recipe or model.recipe)
    return extract_papers(papers, model, session(place, "replay", model))
