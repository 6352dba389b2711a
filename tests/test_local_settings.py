"""How the embedded model's server is run for what a run asks at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from extract.local.progress import silent
from extract.local.settings import MOST_SLOTS, ServerSettings, settings_for
from extract.models import find_model
from extract.session import LiveSession
from extract.tasks import load_task


@pytest.mark.parametrize(
    ("concurrency", "slots"), [(1, ServerSettings().slots), (4, 4), (64, MOST_SLOTS)]
)
def test_as_many_answers_are_computed_together_as_are_asked_for(concurrency: int, slots: int):
    """One at a time is what a run asks by default, and has the default slots."""
    assert settings_for(concurrency) == ServerSettings(slots=slots)


def test_a_run_tells_the_server_how_much_it_asks_at_once(monkeypatch: pytest.MonkeyPatch):
    """`--concurrency 4` without four slots would only queue."""
    started: list[ServerSettings] = []

    def local_server(name: str, *, settings: ServerSettings, **_: Any) -> Any:
        started.append(settings)
        raise RuntimeError("seen enough")

    monkeypatch.setattr("extract.local.serving.local_server", local_server)
    live = LiveSession(find_model("local/smollm2-135m", load_task()), 4, silent)

    async def opened() -> None:
        async with live.opened():
            pass

    with pytest.raises(RuntimeError, match="seen enough"):
        asyncio.run(opened())

    assert [settings.slots for settings in started] == [4]
