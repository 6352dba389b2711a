"""Ends long work between two steps: a first Ctrl-C lets it keep what it has, a second does not."""

from __future__ import annotations

import signal
import sys
from types import FrameType, TracebackType
from typing import Self

from extract.errors import PaperfactsError
from extract.signals import give_back_signals, take_signals


class StoppedBySignal(PaperfactsError):
    """A signal stopped the work after everything that was done had been kept."""

    def __init__(self, name: str, command: str) -> None:
        super().__init__(f"stopped by {name}; what is done is kept", hint=f"Go on with: {command}")
        self.exit_code = 128 + signal.Signals[name]


class Stopping:
    """Takes SIGINT and SIGTERM while its block lasts; `check` raises where one has come.

    *command* is what goes on with the work.
    """

    def __init__(self, command: str) -> None:
        self.command = command
        self.name = ""

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

    def check(self) -> None:
        """Raise `StoppedBySignal` if a signal has come."""
        if self.name:
            raise StoppedBySignal(self.name, self.command)

    def _came(self, number: int, frame: FrameType | None) -> None:
        """Remember the signal; at the second one, stop at once."""
        if self.name:
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name
        print(
            "paperfacts: stopping after this step (once more to stop at once)",
            file=sys.stderr,
            flush=True,
        )
