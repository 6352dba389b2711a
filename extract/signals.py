"""Ends a run on SIGINT or SIGTERM: the first lets it write what it has, a second leaves at once."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import Any


class Signals:
    """Turns SIGINT and SIGTERM into the end of *task*; a second signal ends at once."""

    def __init__(self, task: asyncio.Task[Any] | None) -> None:
        self.task = task
        self.names: list[str] = []

    def __enter__(self) -> list[str]:
        loop = asyncio.get_running_loop()
        self.installed = []
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._came, signal.Signals(number))
                self.installed.append(number)
        return self.names

    def _came(self, number: signal.Signals) -> None:
        if self.names:
            os._exit(128 + number)
        self.names.append(number.name)
        # The loop stands still while the last rows are written, and would not hear a second one.
        for each in self.installed:
            signal.signal(each, lambda again, _: os._exit(128 + again))
        if self.task is not None:
            self.task.cancel()

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in self.installed:
            loop.remove_signal_handler(number)
