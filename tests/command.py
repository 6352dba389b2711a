"""The command line in a process of its own, as a user calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
MAIN = "from extract.cli import main; main()"


def paperfacts(
    *arguments: str | Path, cwd: Path, timeout_s: float = 120, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Call the command and return what it printed."""
    return subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        **options,
    )


def called(*arguments: str | Path) -> int:
    """Call the command in this process and return its exit code; its output is captured."""
    from extract.cli import main

    argv, sys.argv = sys.argv, ["paperfacts", *map(str, arguments)]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = argv
    return 0
