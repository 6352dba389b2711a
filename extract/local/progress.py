"""What is told to whoever waits while weights are fetched and prepared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far it has come: `done` of `total` bytes, and what is being done in words.

    A `total` of 0 is a remark: there is nothing to count.
    """

    model: str
    step: str
    done: int
    total: int


Progress = Callable[[FetchProgress], None]


def silent(progress: FetchProgress) -> None:
    """Tell nobody."""
