"""Asks 120 papers at once in a process that may open few files; prints what came of it."""

import json
import resource
import sys

from tests.asking_kit import ask

resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
outcome = ask(sys.argv[1], papers=120, concurrency=100)
print(json.dumps({"answers": len(outcome.answers), "notes": outcome.notes}))
