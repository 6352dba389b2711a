"""The one writer of a run: takes rows from the workers and commits them in batches.

A batch is written at 100 papers or after 250 milliseconds, whichever comes first, so a crash
loses at most the last quarter of a second of answers. A failed write stops the run: `put`
raises what the disk said, and nothing more is paid for.
"""

from __future__ import annotations

import queue
import threading
import time
from types import TracebackType
from typing import Self

from extract.store.database import Batch, Database

MAX_ROWS = 100
MAX_WAIT_S = 0.25


class Writer:
    """A thread that writes what it is given; a context manager that ends with a flush."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.flushes = 0
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
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def put(self, batch: Batch) -> None:
        """Hand rows over; raises what went wrong with earlier ones."""
        if self._error is not None:
            raise self._error
        self._queue.put(batch)

    def _work(self) -> None:
        """Gather and write until the end mark; after an error only drain."""
        is_open = True
        while is_open:
            batch = self._queue.get()
            if batch is None:
                return
            gathered = Batch()
            gathered.add(batch)
            is_open = self._gather(gathered)
            if self._error is None:
                try:
                    self.database.write(gathered)
                    self.flushes += 1
                except BaseException as error:  # handed to the run, which stops
                    self._error = error

    def _gather(self, batch: Batch) -> bool:
        """Add what comes within the window; False once the end mark came."""
        deadline = time.monotonic() + MAX_WAIT_S
        while len(batch.extractions) + len(batch.completions) < 2 * MAX_ROWS:
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
