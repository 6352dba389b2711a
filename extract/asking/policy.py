"""Whether a call is made again, and when: the one place that retries.

The SDK's retries and instructor's are off. A paper has a number of calls and a time; a fault
says how often its kind may happen. Where the provider names a wait, that is the wait.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from extract.asking.endpoint import Limits
from extract.asking.fault import Fault
from extract.asking.gate import Clock, Sleep
from extract.asking.purse import Counted
from extract.completion import Heard, Spent, Usage

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

BACKOFF_S = 0.5
MAX_BACKOFF_S = 30.0
RATE_LIMIT_BACKOFF_S = 1.0
MAX_RATE_LIMIT_BACKOFF_S = 60.0


@dataclass
class Tally:
    """What one paper has cost so far, over all attempts and re-asks.

    `sent` counts the requests that went out, and `counted` has the tokens of those whose answer
    said them. `spent` stays None where no price is known.
    """

    started: float
    calls: int = 0
    sent: int = 0
    counted: list[Counted] = field(default_factory=list)
    spent: Spent | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    heard: list[Heard] = field(default_factory=list)

    def add_usage(self, document: dict[str, Any]) -> None:
        """Count the tokens that *document* reports, in either endpoint's words."""
        usage = document.get("usage")
        if not isinstance(usage, dict):
            return
        details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
        counted = Counted(
            input_tokens=_count(usage, "prompt_tokens", "input_tokens"),
            cached_tokens=_count(details, "cached_tokens") if isinstance(details, dict) else 0,
            output_tokens=_count(usage, "completion_tokens", "output_tokens"),
        )
        self.input_tokens += counted.input_tokens
        self.output_tokens += counted.output_tokens
        self.cached_tokens += counted.cached_tokens
        if counted.input_tokens:  # no request is free of tokens: without them nothing was said
            self.counted.append(counted)

    def count_sent(self) -> None:
        """Count a request that goes out."""
        self.sent += 1

    def add_spent(self, spent: Spent | None) -> None:
        """Count what an attempt cost."""
        if spent is not None:
            self.spent = (self.spent or Spent()) + spent

    def usage(self) -> Usage:
        """Return the cost as the value that is stored."""
        return Usage(self.input_tokens, self.output_tokens, self.cached_tokens, self.calls)

    def may_try_again(self, fault: Fault, limits: Limits) -> bool:
        """Say whether another call is allowed after *fault*; being asked to wait is no attempt."""
        attempts = self.faults.total() - self.faults["rate_limited"]
        return self.faults[fault.failure_class] < fault.tries and attempts < limits.max_attempts


def retrying(limits: Limits, tally: Tally, *, clock: Clock, sleep: Sleep) -> AsyncRetrying:
    """Return the policy for one paper, ready to be iterated over."""
    import tenacity

    def is_worth_it(error: BaseException) -> bool:
        return isinstance(error, Fault) and tally.may_try_again(error, limits)

    def is_too_late(state: RetryCallState) -> bool:
        return clock() + state.upcoming_sleep - tally.started >= limits.total_timeout_s

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(is_worth_it),
        stop=is_too_late,
        wait=_wait_s,
        sleep=sleep,
        reraise=True,
    )


def _wait_s(state: RetryCallState) -> float:
    """Return how long to wait after the fault of *state*: the fault says it, or the back-off."""
    assert state.outcome is not None
    fault = state.outcome.exception()
    assert isinstance(fault, Fault)
    if fault.retry_after_s is not None:
        return fault.retry_after_s
    return backoff_s(state.attempt_number)


def backoff_s(attempt: int, *, is_rate_limit: bool = False) -> float:
    """Return a wait that doubles with each attempt, less up to two fifths at random.

    Jitter over the whole range draws waits of nearly nothing, which a provider cannot tell from
    a client that does not wait at all.
    """
    first = RATE_LIMIT_BACKOFF_S if is_rate_limit else BACKOFF_S
    most = MAX_RATE_LIMIT_BACKOFF_S if is_rate_limit else MAX_BACKOFF_S
    return random.uniform(0.6, 1.0) * min(most, first * 2.0 ** min(attempt - 1, 16))


def _count(usage: dict[str, Any], *names: str) -> int:
    """Return the first of *names* that holds a count."""
    for name in names:
        value = usage.get(name)
        if isinstance(value, int) and value > 0:
            return value
    return 0
