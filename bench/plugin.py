"""CPU milliseconds that the pytest plugin adds to a session that does not use it.

    python bench/plugin.py

Runs pytest on an empty test file with the plugin and without it, in turns, and prints the medians,
their difference and their ratio; nothing is asserted. Run it in a project's environment, where
paperfacts is installed: its entry point is what is left out.
"""

from __future__ import annotations

import statistics
import sys
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory

from commands import cpu_s

TURNS = 15
PLUGIN = "paperfacts"


def main() -> None:
    """Measure both sessions, interleaved so that a busy moment hits both."""
    if not entry_points(group="pytest11", name=PLUGIN):
        sys.exit(f"paperfacts is not installed for {sys.executable}: pip install .")
    with TemporaryDirectory() as folder:
        test = Path(folder, "test_nothing.py")
        test.write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        pytest += ["--rootdir", folder, str(test)]
        sessions = {"without": [*pytest, "-p", f"no:{PLUGIN}"], "with": pytest}
        times: dict[str, list[float]] = {name: [] for name in sessions}
        for command in sessions.values():
            cpu_s(command)  # compiles what is not compiled yet
        for _ in range(TURNS):
            for name, command in sessions.items():
                times[name].append(cpu_s(command) * 1000)
    # Pairs, because a busy machine moves both medians by more than the plugin takes.
    paired = [one - other for one, other in zip(times["with"], times["without"], strict=True)]
    for name, taken in times.items():
        print(f"pytest {name:<8} {statistics.median(taken):7.0f} ms CPU  (least {min(taken):.0f})")
    ratio = statistics.median(times["with"]) / statistics.median(times["without"])
    added = statistics.median(paired)
    print(f"the plugin adds {added:.1f} ms, median of {TURNS} pairs ({ratio:.3f} x)")


if __name__ == "__main__":
    main()
