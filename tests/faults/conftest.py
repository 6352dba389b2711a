"""The server of wrong answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.chaos_server import ChaosServer


@pytest.fixture
def server() -> Iterator[ChaosServer]:
    """A provider that answers wrongly, as its URL asks."""
    with ChaosServer() as chaos:
        yield chaos
