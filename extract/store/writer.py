"""The one writer of a run: takes rows from the workers and commits them in batches.

A batch is written at 100 papers or after 250 milliseconds, whichever comes first, so a crash
loses at most the last quarter of a second of answers.

A disk that is full may have room again soon: the writer tries three times more, and says
`is_waiting` meanwhile, so that the run asks nothing new. What cannot be written in the end goes
to a file elsewhere (`rescue`), and the run ends with what the disk said: `put` and `check`
raise it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from extract.errors import PaperfactsError, StoreError
from extract.store.database import Batch, Database
from extract.store.rescue import Rescue

MAX_ROWS = 100
MAX_WAIT_S = 0.25


JOIN_S = 0.1
RETRY_WAITS_S = (0.5, 2.0, 5.0)
"""Waits for a full disk to have room again."""


class Writer:
    """A thread that writes what it is given; a context manager that ends with a flush."""

    def __init__(
        self, database: Database, *, retry_waits_s: Sequence[float] = RETRY_WAITS_S
    ) -> None:
        self.database = database
        self.retry_waits_s = retry_waits_s
        self.flushes = 0
        self.is_waiting = False
        self.rescue = Rescue(database)
        self._queue: queue.Queue[Batch | None] = queue.Queue(maxsize=1000)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="paperfacts-writer")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._queue.put(None)
        while self._thread.is_alive():
            # Signals are heard between the joins. The system may give one to another thread,
            # and a join of any length would sleep through it.
            self._thread.join(JOIN_S)
        if self._error is not None:
            if isinstance(self._error, PaperfactsError):
                self._error.hint = f"{self._error.hint} {self.rescue.words()}".lstrip()
            else:
                self._error.add_note(self.rescue.words())
            if error is not self._error:
                raise self._error from error

    def put(self, batch: Batch) -> None:
        """Hand rows over, which are kept in any case; raises what went wrong with earlier ones."""
        self._queue.put(batch)
        self.check()

    def check(self) -> None:
        """Raise what went wrong with the rows handed over so far."""
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        """Gather and write until the end mark; after an error keep the rest elsewhere."""
        is_open = True
        while is_open:
            batch = self._queue.get()
            if batch is None:
                return
            gathered = Batch()
            gathered.add(batch)
            is_open = self._gather(gathered)
            if self._error is None:
                self._error = self._write(gathered)
            if self._error is not None:
                self.rescue.keep(gathered)

    def _write(self, batch: Batch) -> BaseException | None:
        """Write *batch*, with patience for a full disk; return what went wrong in the end."""
        waits = list(self.retry_waits_s)
        while True:
            try:
                self.database.write(batch)
            except BaseException as error:  # handed to the run, which stops
                if not (isinstance(error, StoreError) and error.fault == "full" and waits):
                    self.is_waiting = False
                    return error
                self.is_waiting = True
                time.sleep(waits.pop(0))
            else:
                self.is_waiting = False
                self.flushes += 1
                return None

    def _gather(self, batch: Batch) -> bool:
        """Add what comes within the window; False once the end mark came."""
        deadline = time.monotonic() + MAX_WAIT_S
        while len(batch) < MAX_ROWS:
            left = deadline - time.monotonic()
            if left <= 0:
                return True
            try:
                more = self._queue.get(timeout=left)
            except queue.Empty:
                return True
            if more is None:
                return False
            batch.add(more)
        return True
