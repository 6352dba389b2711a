"""Ends a run on SIGINT or SIGTERM: the first lets it write what it has, a second leaves at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

Handler = Callable[[int, FrameType | None], None]
NUMBERS = (signal.SIGINT, signal.SIGTERM)


def take_signals(handler: Handler) -> dict[signal.Signals, Any]:
    """Let *handler* have both signals; return who had them, nobody outside the main thread."""
    before: dict[signal.Signals, Any] = {}
    for number in NUMBERS:
        with suppress(ValueError):
            before[number] = signal.signal(number, handler)
    return before


def give_back_signals(before: Mapping[signal.Signals, Any]) -> None:
    """Let those have the signals again that `take_signals` returned."""
    for number, handler in before.items():
        signal.signal(number, handler)


class Signals:
    """Takes SIGINT and SIGTERM while its block lasts, around the event loop and all its ends.

    The first ends the task that `end` has named, a second the process. Not the loop's own
    handlers: those hear nothing while the last rows wait for the file, and are gone when the
    loop is. Outside the main thread, which alone may take signals, it does nothing.
    """

    def __init__(self) -> None:
        self.name = ""
        """The first signal that came."""
        self._before: dict[signal.Signals, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> Self:
        self._before = take_signals(self._came)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        give_back_signals(self._before)

    def end(self, task: asyncio.Task[Any] | None) -> None:
        """Let the first signal cancel *task* of the running loop, also one that came before."""
        self._loop, self._task = asyncio.get_running_loop(), task
        for number in self._before:
            # For what it does besides: a signal that another thread is given wakes the loop.
            with suppress(NotImplementedError, RuntimeError, ValueError):
                self._loop.add_signal_handler(number, lambda: None)
            signal.signal(number, self._came)
        if self.name:
            self._cancel()

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self.name:
            os._exit(128 + number)
        self.name = signal.Signals(number).name
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: the run has ended
                self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
