"""The verdict of llmock, which judges a client by every attempt it makes and its timing."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from llmock.scenarios import Fail
from pydantic import SecretStr

from extract.asking import Asked, Asker, Endpoint, Limits
from extract.completion import Failure
from tests.asking_kit import KEY, REQUEST, Finding

PAPERS = 500
ROUNDS: tuple[Callable[[Any], object], ...] = (
    lambda mock: mock.rate_limit(times=6, retry_after=0.3),
    lambda mock: mock.add(Fail(429, times=6)),
    lambda mock: mock.add(Fail(500, times=8)),
    lambda mock: mock.add(Fail(503, retry_after=0.2, times=6)),
    lambda mock: mock.add(Fail(502, times=8), Fail(504, times=4)),
    lambda mock: mock.add(Fail(400, times=2)),
    lambda mock: mock.context_overflow(times=3),
    lambda mock: mock.delay(0.3, times=8),
    lambda mock: mock.reply('{"method": "no number"}', times=6),
    lambda mock: mock.reply('Sure!\n```json\n{"method": "a", "n": 1}\n```', times=6),
)
"""What goes wrong in each tenth of the papers."""


def test_llmock_finds_nothing_wrong_over_500_papers_with_mixed_faults(
    llmock: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    """Rate limits, outages, refused requests, delays, wrong answers, with real waits."""
    caplog.set_level(logging.WARNING)  # debug lines of five hundred calls take longer than they

    async def run() -> tuple[list[Asked[Finding] | Failure], int]:
        endpoint = Endpoint("openai", "gpt-4o", llmock.base_url("openai"), SecretStr(KEY))
        results = []
        async with Asker(endpoint, Limits(concurrency=16)) as asker:
            for number, go_wrong in enumerate(ROUNDS):
                go_wrong(llmock)
                papers = range(number * 50, (number + 1) * 50)
                results += await asyncio.gather(*(_ask(asker, paper) for paper in papers))
            return results, asker.calls

    results, calls = asyncio.run(run())
    verdict = llmock.verdict()
    failed = [each.failure_class for each in results if isinstance(each, Failure)]
    with capfd.disabled():
        print(f"\n{verdict.render()}\n{len(results)} papers, {calls} calls, {len(failed)} failed")

    assert ([], []) == (list(verdict.errors), list(verdict.warnings))
    assert PAPERS == len(results)
    assert ["bad_request"] * 2 + ["too_long"] * 3 == sorted(failed)
    assert calls == len(llmock.requests)


async def _ask(asker: Asker, number: int) -> Asked[Finding] | Failure:
    """Ask about one paper; each has words of its own, so that llmock can tell them apart."""
    messages = ({"role": "user", "content": f"Paper {number}."},)
    return await asker.ask(
        replace(REQUEST, messages=messages), Finding.model_validate_json, Finding
    )
