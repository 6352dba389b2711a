"""CPU seconds of the commands that people wait for: --help, sql, and a rerun that asks nothing.

    python bench/commands.py papers.duckdb FEED

FEED must have been run into papers.duckdb before. Prints medians of several runs, and the ratio
to a bare interpreter of the same run; nothing is asserted. Run it on a byte-compiled install.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

RUNS = 9


def cpu_s(command: list[str]) -> float:
    """Return the CPU seconds that a command and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def main() -> None:
    """Measure each command, interleaved so that a busy moment hits all of them."""
    database, feed = sys.argv[1:3]
    tool = [sys.executable, "-c", "from extract.cli import main; main()"]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "paperfacts --help": [*tool, "--help"],
        "paperfacts sql": [*tool, "sql", "select count(*) from results", "--db", database],
        "paperfacts run (cached)": [*tool, "run", feed, "--db", database],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            times[name].append(cpu_s(command))
    bare = statistics.median(times["python -c pass"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:<26} {median * 1000:7.0f} ms CPU   {median / bare:6.1f} x bare interpreter")


if __name__ == "__main__":
    main()
