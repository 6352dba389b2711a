"""The stub model in a process of its own, which notes every call in a file.

python -m tests.faults.stub_process LOG DELAY_S     prints its URL, and serves until killed
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stub_model import StubModel

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Stub:
    """A running stub; `calls` are the titles that were asked about, in order."""

    url: str
    log: Path

    @property
    def calls(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()


@contextmanager
def stub_process(log: Path, *, delay_s: float = 0.0) -> Iterator[Stub]:
    """Serve in another process for as long as the block lasts."""
    log.touch()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.stub_process", str(log), str(delay_s)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield Stub(process.stdout.readline().strip(), log)
        finally:
            process.kill()


class NotingStub(StubModel):
    """Notes each call before it answers it."""

    def __init__(self, log: Path, delay_s: float) -> None:
        super().__init__()
        self.delay_s = delay_s
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        status, document = super().answer(body)
        user = next(m["content"] for m in body["messages"] if m["role"] == "user")
        title = next(line for line in user.splitlines() if line.startswith("[0] "))
        os.write(self.log, title[4:].encode() + b"\n")
        time.sleep(self.delay_s)
        return status, document


def main() -> None:
    with NotingStub(Path(sys.argv[1]), float(sys.argv[2])) as stub:
        print(stub.url, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
