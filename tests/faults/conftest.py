"""The server of wrong answers, and the search for the key after every test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.asking_kit import KEY, RECORDED
from tests.faults.chaos_server import ChaosServer


@pytest.fixture
def server() -> Iterator[ChaosServer]:
    """A provider that answers wrongly, as its URL asks."""
    with ChaosServer() as chaos:
        yield chaos


@pytest.fixture(autouse=True)
def no_key_is_shown(
    caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> Iterator[None]:
    """The key is in nothing that was printed, logged or raised, SDKs at DEBUG included."""
    # One test may use only one of the two.
    capturing = "capsys" if "capsys" in request.fixturenames else "capfd"
    captured = request.getfixturevalue(capturing)
    caplog.set_level(logging.DEBUG)
    RECORDED.clear()
    yield
    printed = captured.readouterr()
    seen = [*RECORDED, caplog.text, printed.out, printed.err]
    seen.extend(str(vars(each)) for each in caplog.records)

    assert [] == [words for words in seen if KEY in words]
