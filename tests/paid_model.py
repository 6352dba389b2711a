"""A model that writes a bill: random tokens, delays and failures, billed whatever the client hears.

Every request that is worked on is billed, with tokens within what the request allows: also one
that ends with status 500, that is cut, that says no usage, or whose client is gone. Refusals
(429, 400) are free. The bill is a file, a line for each request: input and output tokens.

python -m tests.paid_model BILL SEED MAX_DELAY_S     prints its URL, and serves until killed
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.stub_model import StubModel

ROOT = Path(__file__).parents[1]
PRICES = "[prices.stub]\ninput = 1.0\noutput = 4.0\n"
INPUT, OUTPUT = Decimal("0.000001"), Decimal("0.000004")
"""Dollars for a token, as PRICES says."""

WAYS = {"ok": 12, "500": 1, "429": 1, "invalid": 1, "cut": 1, "silent": 1, "empty": 1}


class PaidModel(StubModel):
    """Answers as the stub does, or wrongly, and bills it."""

    def __init__(
        self, bill: Path, *, seed: int = 0, max_delay_s: float = 0.0, ways: dict[str, int] = WAYS
    ) -> None:
        super().__init__()
        self.max_delay_s, self.ways = max_delay_s, ways
        self._random = random.Random(seed)
        self._choosing = threading.Lock()
        self._bill = os.open(bill, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Bill one request and answer it, or fail."""
        size = len(json.dumps(body, ensure_ascii=False).encode())
        with self._choosing:
            way = self._random.choices(list(self.ways), list(self.ways.values()))[0]
            # A long tail, as real answers have: a few are as long as they may be.
            share = self._random.choice([0.02, 0.05, 0.1, 0.2, 1.0])
            output = max(1, int(share * body["max_tokens"]))
            tokens = self._random.randint(size // 8, size), output
            delay_s = self._random.uniform(0, self.max_delay_s)
        if way == "429":
            return 429, {"error": {"message": "slow down", "type": "rate_limit"}}
        os.write(self._bill, f"{tokens[0]} {tokens[1]}\n".encode())
        time.sleep(delay_s)
        if way == "500":
            return 500, {"error": {"message": "down", "type": "server_error"}}
        status, document = super().answer(body)
        choice = document["choices"][0]
        document["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
        if way == "invalid":
            choice["message"]["content"] = '{"methods":"none"}'
        elif way == "cut":
            choice["finish_reason"] = "length"
        elif way == "silent":
            del document["usage"]
        elif way == "empty":
            document["choices"] = []
        return status, document


def billed(bill: Path) -> Decimal:
    """Return the dollars of a bill."""
    rows = [line.split() for line in bill.read_text(encoding="utf-8").splitlines()]
    return sum((int(i) * INPUT + int(o) * OUTPUT for i, o in rows), Decimal(0))


@dataclass(frozen=True)
class Paid:
    """A running model; `bill` is where it writes what it wants to be paid."""

    url: str
    bill: Path


@contextmanager
def paid_process(bill: Path, *, seed: int = 0, max_delay_s: float = 0.0) -> Iterator[Paid]:
    """Serve in another process for as long as the block lasts."""
    bill.touch()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.paid_model", str(bill), str(seed), str(max_delay_s)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield Paid(process.stdout.readline().strip(), bill)
        finally:
            process.kill()


def main() -> None:
    """Serve until killed."""
    bill, seed, delay = sys.argv[1:4]
    with PaidModel(Path(bill), seed=int(seed), max_delay_s=float(delay)) as server:
        print(server.url, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
