"""Asks 120 papers at once in a process that may open few files; prints what came of it.

The first line is `full`, printed at the first wait before a retry: the server that reads it knows
that the limit was met. The second is the outcome.
"""

import json
import resource
import sys

from tests.asking_kit import PassingTime, ask


class ToldTime(PassingTime):
    """Time that tells of its first wait."""

    async def sleep(self, wait_s: float) -> None:
        """Wait; say so the first time."""
        if not self.waits:
            print("full", flush=True)
        await super().sleep(wait_s)


resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
outcome = ask(sys.argv[1], papers=120, concurrency=100, call_timeout_s=30, time_=ToldTime())
print(json.dumps({"answers": len(outcome.answers), "notes": outcome.notes}))
