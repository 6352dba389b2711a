"""One thing that went wrong with one call, and what follows from it.

A fault is raised inside this package only. It ends as a retry, as a `Failure` of one paper, or
as a `ModelError` that stops the run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from extract.completion import EXCERPT_CHARS, Failure, FailureClass, Heard, Usage
from extract.errors import ModelError

RATE_LIMIT_TRIES = 10
"""A paper that the provider asked to wait is bounded by time first; more calls are a storm."""


@dataclass(eq=False)
class Fault(Exception):
    """Why a call gave no answer.

    `tries` is how many calls may end so before the paper is given up: 1 is no retry. `stops` is
    the error that then stops the run instead of failing the paper; with `stops_only_first` only
    while the provider has never answered. `is_the_providers` faults
    count towards the breaker. `wants_fewer` asks for fewer calls at a time.
    """

    failure_class: FailureClass
    message: str
    tries: int = 1
    retry_after_s: float | None = None
    stops: ModelError | None = None
    stops_only_first: bool = False
    is_the_providers: bool = False
    wants_fewer: bool = False
    http_status: int | None = None
    finish_reason: str | None = None
    request_id: str | None = None
    excerpt: str | None = None
    is_transient: bool = field(default=False)
    was_sent: bool = True
    """False where nobody was reached: such a call cannot be billed."""

    @property
    def may_be_billed(self) -> bool:
        """True unless the provider refused the request before it read it, or never had it.

        A request that a filter refused may be billed, and so may one that the provider was slow
        to answer or failed at.
        """
        if not self.was_sent:
            return False
        is_refusal = self.http_status is not None and 300 <= self.http_status < 500
        return not is_refusal or self.failure_class in ("filtered", "server_error")

    def __str__(self) -> str:
        return self.message

    def as_failure(self, usage: Usage, heard: tuple[Heard, ...] = ()) -> Failure:
        """Return the row that the paper gets."""
        return Failure(
            failure_class=self.failure_class,
            message=self.message,
            usage=usage,
            attempts=usage.calls,
            http_status=self.http_status,
            finish_reason=self.finish_reason,
            excerpt=self.excerpt[:EXCERPT_CHARS] if self.excerpt else None,
            request_id=self.request_id,
            is_transient=self.is_transient,
            heard=heard,
        )


class LibraryError(Exception):
    """Another library's exception, in words: its own object holds the key and the paper."""
