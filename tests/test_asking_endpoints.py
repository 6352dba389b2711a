"""Where a model is reached."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys

import pytest
from pydantic import SecretStr

from extract.asking import Asker, Endpoint, KeyRejected, Unreachable
from extract.errors import InputError
from tests.asking_kit import KEY, ask
from tests.faults.chaos_server import ChaosServer


def test_nothing_heavy_is_imported_before_a_model_is_asked():
    """openai alone costs most of a second."""
    code = (
        "import sys, extract.asking; "
        "print([n for n in ('openai','instructor','tenacity','httpx2') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout


@pytest.mark.parametrize(
    ("endpoint", "mode"),
    [
        (Endpoint("openai", "m", None, None), "responses"),
        (Endpoint("openai", "m", "http://localhost:8080/v1", None), "json_schema"),
        (Endpoint("together", "m", None, None), "tools"),
        (Endpoint("openai", "m", None, None, "tools"), "tools"),
    ],
)
def test_the_mode_follows_from_the_provider_unless_it_is_given(endpoint: Endpoint, mode: str):
    """Each is asked in the way that holds its model to the schema."""
    assert mode == endpoint.answer_mode


def test_no_key_for_a_hosted_model_is_said_before_any_call():
    """With the variable to set."""

    async def run() -> None:
        async with Asker(Endpoint("openai", "m", None, None)):
            raise AssertionError("opened")

    with pytest.raises(KeyRejected) as caught:
        asyncio.run(run())
    assert "OPENAI_API_KEY" in caught.value.hint


def test_another_key_in_the_environment_is_not_sent_to_a_base_url(
    monkeypatch: pytest.MonkeyPatch,
):
    """The SDK would take it by itself."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    with ChaosServer() as server:
        endpoint = Endpoint("openai", "m", server.url("ok"), None)
        asyncio.run(_ask_once(endpoint))
        sent = server.headers["ok"][0]["authorization"]

    assert "bearer none-needed" == sent


def test_a_proxy_in_the_environment_does_not_see_a_local_model(monkeypatch: pytest.MonkeyPatch):
    """Loopback is called directly."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with ChaosServer() as server:
        assert 1 == len(ask(server.url("ok")).answers)


def test_nobody_at_the_url_stops_the_run_at_the_first_paper():
    """After retries, and with what to check."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    outcome = ask(url, papers=3)

    assert [Unreachable] * 3 == [type(each) for each in outcome.results]
    assert "is running" in outcome.errors[0].hint
    assert 5 == outcome.calls


def test_a_server_that_dies_in_the_middle_fails_papers_and_not_the_run():
    """It has answered before, and somebody may start it again."""

    async def run() -> tuple[object, object]:
        from tests.asking_kit import REQUEST, Finding, PassingTime

        passing = PassingTime()
        with ChaosServer() as server:
            endpoint = Endpoint("openai", "m", server.url("ok"), SecretStr(KEY))
            asker = Asker(endpoint, clock=passing.clock, sleep=passing.sleep)
            async with asker:
                first = await asker.ask(REQUEST, Finding.model_validate_json, Finding)
                server.stop()
                second = await asker.ask(REQUEST, Finding.model_validate_json, Finding)
                return first, second

    _, second = asyncio.run(run())
    assert "transport" == getattr(second, "failure_class", None)


def test_a_provider_that_nobody_knows_is_an_error_with_a_next_step():
    """Ours and not instructor's, which is a list of Python names."""
    with pytest.raises(InputError, match="no provider is called 'gorq'") as caught:
        ask(None, provider="gorq")
    assert "Did you mean groq?" in caught.value.hint


async def _ask_once(endpoint: Endpoint) -> None:
    from tests.asking_kit import REQUEST, Finding

    async with Asker(endpoint) as asker:
        await asker.ask(REQUEST, Finding.model_validate_json, Finding)
