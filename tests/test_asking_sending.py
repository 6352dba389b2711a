"""How a body is sent: the same over aiohttp and, behind a proxy, over the client's transport."""

from __future__ import annotations

from typing import Any

import pytest

from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer

OWN = {"host", "content-length", "connection", "transfer-encoding"}
"""Headers of the connection, which each library says in its own way."""


def sent(route: str = "ok") -> tuple[dict[str, str], dict[str, Any], int]:
    """Return the headers and the body of the one call that a question costs, and its length."""
    with ChaosServer() as server:
        assert 1 == len(ask(server.url(route)).answers)
        headers = server.headers[route][0]
        said = {name: value for name, value in headers.items() if name not in OWN}
        return said, server.bodies[route][0], int(headers["content-length"])


def test_a_call_says_the_same_over_either_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a proxy is set anywhere, the client's own transport sends what aiohttp would."""
    over_aiohttp = sent()
    monkeypatch.setenv("ftp_proxy", "http://127.0.0.1:9")
    over_its_own = sent()

    assert over_aiohttp == over_its_own
    assert {"application/json"} == {over_aiohttp[0][name] for name in ("accept", "content-type")}
    assert "paperfacts" == over_aiohttp[0]["user-agent"]


@pytest.mark.parametrize("is_proxied", [False, True])
def test_the_limit_of_an_answer_holds_over_either_transport(
    monkeypatch: pytest.MonkeyPatch, is_proxied: bool
) -> None:
    """An answer over the limit ends as that, however it is sent."""
    if is_proxied:
        monkeypatch.setenv("ftp_proxy", "http://127.0.0.1:9")
    with ChaosServer() as server:
        outcome = ask(server.url("ok"), max_response_bytes=20)

    assert ["too_large"] == outcome.failure_classes
