"""What the tests of asking share: one small question, and time that passes without waiting."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, SecretStr

from extract.asking import Asked, Asker, Endpoint, Limits
from extract.completion import Failure
from extract.errors import ModelError
from extract.request import Request, Sampling
from tests.canary import KEY, RECORDED


class Finding(BaseModel):
    """A finding."""

    method: str
    n: int


REQUEST = Request(
    task="t",
    task_version="1",
    prompt_version="1",
    wire="json",
    model="openai/m",
    model_id="",
    sampling=Sampling(max_tokens=64),
    messages=({"role": "system", "content": "Extract."}, {"role": "user", "content": "Paper."}),
    answer_schema=Finding.model_json_schema(),
)
GRAMMAR_REQUEST = Request(
    task="t",
    task_version="1",
    prompt_version="1",
    wire="compact",
    model="local/m",
    model_id="",
    sampling=Sampling(
        max_tokens=64,
        seed=7,
        extra=(("dry_multiplier", 0.8), ("logprobs", True), ("top_logprobs", 3)),
    ),
    messages=({"role": "user", "content": "Paper."},),
    grammar='start: "{}"',
)


class PassingTime:
    """A clock and a sleep: sleeping takes no time, and the clock says that it did."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._slept = 0.0

    def clock(self) -> float:
        """Return the time, with all that was slept."""
        return time.monotonic() + self._slept

    async def sleep(self, wait_s: float) -> None:
        """Note the wait, and let others run."""
        self.waits.append(wait_s)
        self._slept += wait_s
        await asyncio.sleep(0)


@dataclass
class Outcome:
    """What came of asking: one result per paper, and what it took."""

    results: list[Any]
    calls: int
    waits: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def only(self) -> Any:
        """The result of the one paper."""
        assert len(self.results) == 1
        return self.results[0]

    @property
    def answers(self) -> list[Any]:
        """The answers, where there are any."""
        return [each.answer for each in self.results if isinstance(each, Asked)]

    @property
    def failure_classes(self) -> list[str]:
        """The classes of the failures, in order."""
        return [each.failure_class for each in self.results if isinstance(each, Failure)]

    @property
    def errors(self) -> list[ModelError]:
        """The errors that stop the run."""
        return [each for each in self.results if isinstance(each, ModelError)]


def ask(
    url: str | None,
    *,
    papers: int = 1,
    request: Request = REQUEST,
    validate: Callable[[str], Any] = Finding.model_validate_json,
    answer_model: type[BaseModel] | None = Finding,
    mode: str | None = None,
    provider: str = "openai",
    time_: PassingTime | None = None,
    **limits: Any,
) -> Outcome:
    """Ask the model at *url* about so many papers, all at once."""
    passing = time_ or PassingTime()
    endpoint = Endpoint(provider, "m", url, SecretStr(KEY), mode)
    limits = {"call_timeout_s": 5, "total_timeout_s": 600, **limits}

    async def run() -> Outcome:
        asker = Asker(endpoint, Limits(**limits), clock=passing.clock, sleep=passing.sleep)
        async with asker:
            results = await asyncio.gather(
                *(asker.ask(request, validate, answer_model) for _ in range(papers)),
                return_exceptions=True,
            )
        return Outcome(list(results), asker.calls, passing.waits, asker.notes)

    outcome = asyncio.run(run())
    record(outcome.results)
    for result in outcome.results:
        if isinstance(result, BaseException) and not isinstance(result, ModelError):
            raise result
    return outcome


def record(results: Sequence[Any]) -> None:
    """Keep how *results* look when they are shown, logged or pickled."""
    for result in results:
        RECORDED.append(f"{result!r} {result!s} {getattr(result, 'hint', '')}")
        if isinstance(result, BaseException):
            RECORDED.append("".join(traceback.format_exception(result)))
            RECORDED.extend(_links(result))


def _links(error: BaseException) -> list[str]:
    """Return every attribute of *error* and of what it was raised from, as text."""
    words = []
    link: BaseException | None = error
    while link is not None:
        words.append(f"{type(link)} {link!r} {vars(link)} {link.args}")
        request = getattr(link, "request", None)
        words.append(str(getattr(request, "headers", "")))
        assert request is None, "an error keeps the request, headers included"
        link = link.__cause__ or link.__context__
    return words
