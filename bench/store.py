"""What the database costs: a flush of 100 answers, reopening after a crash, the safe query.

    python bench/store.py [TURNS]

Prints medians in milliseconds, each beside a yardstick that was measured in the same run, turn by
turn: raw DuckDB doing as little as the task allows. Nothing is asserted.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from extract.store.connection import connected
from extract.store.database import Batch, Database
from extract.store.query import run_query
from extract.tasks import load_task

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
PAPERS = 100
FACTS = 8
QUERY = "select count(*) from claims"
CONTENT = "An answer of some twelve hundred characters, as a model writes it. " * 18


def flush(batch: int) -> Batch:
    """Return 100 answers with eight facts each."""
    rows = Batch()
    for n in range(batch * PAPERS, (batch + 1) * PAPERS):
        key = {"extraction_id": f"e{n}", "paper_id": f"p{n}"}
        rows.completions.append({"completion_key": f"c{n}", "status": "ok", "content": CONTENT})
        rows.extractions.append(key | {"completion_key": f"c{n}", "facts": FACTS, "missing": 0})
        rows.current.append(key | {"task": "facts"})
        rows.facts.setdefault("claims", []).extend(
            key | {"fact_id": f"f{n}-{i}", "position": i, "text": "We show a thing.", "sentence": 1}
            for i in range(FACTS)
        )
    return rows


def raw_insert(path: Path, batch: int) -> None:
    """Insert 100 rows of two columns by one statement, opening and closing the file."""
    with duckdb.connect(str(path)) as connection:
        keys = [f"k{n}" for n in range(batch * PAPERS, (batch + 1) * PAPERS)]
        connection.execute(
            "insert into r select unnest($keys), unnest($texts)",
            {"keys": keys, "texts": [CONTENT] * PAPERS},
        )


def crash(path: Path) -> None:
    """Leave ten commits of 100 rows in the log of a killed process."""
    code = (
        "import duckdb, os, sys\n"
        "c = duckdb.connect(sys.argv[1])\n"
        "for b in range(10):\n"
        "    c.execute(\"insert into completions (completion_key, content) select 'x' || uuid(),"
        " repeat('y', 1200) from range(100)\")\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)


def ms(work: Callable[[], object]) -> float:
    """Return the milliseconds that *work* takes."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def reopen(path: Path) -> None:
    """Open the database as a run does, which takes in the log."""
    with connected(path):
        pass


def main() -> None:
    """Measure everything in turns, so that a busy moment hits all of it."""
    names = ["flush", "raw insert", "reopening", "raw reopening", "query", "raw query"]
    times: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        store = Database(Path(folder) / "papers.duckdb", load_task())
        store.prepare()
        raw = Path(folder) / "raw.duckdb"
        with duckdb.connect(str(raw)) as connection:
            connection.execute("create table r(key varchar primary key, text varchar)")
        for turn in range(RUNS):
            rows = flush(turn)
            times["flush"].append(ms(lambda rows=rows: store.write(rows)))
            times["raw insert"].append(ms(lambda turn=turn: raw_insert(raw, turn)))
            crash(store.path)
            times["reopening"].append(ms(lambda: reopen(store.path)))
            crash(store.path)
            times["raw reopening"].append(ms(lambda: duckdb.connect(str(store.path)).close()))
            times["query"].append(ms(lambda: run_query(store.path, QUERY)))
            times["raw query"].append(ms(lambda: raw_query(store.path)))
    median = {name: statistics.median(taken) for name, taken in times.items()}
    best = {name: min(taken) for name, taken in times.items()}
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {RUNS} turns")
    for name, yardstick, words in (
        ("flush", "raw insert", "flush of 100 answers with 800 facts, 5 tables"),
        ("reopening", "raw reopening", "reopening after a crash, 1000 rows in the log"),
        ("query", "raw query", "safe query in a process of its own"),
    ):
        print(
            f"{words:<48} {median[name]:7.1f} ms (best {best[name]:.1f});"
            f"  {yardstick} {median[yardstick]:.1f} ms (best {best[yardstick]:.1f})"
        )
    overhead = median["query"] - median["raw query"]
    print(f"overhead of the safe query {overhead:.0f} ms (best {best['query']:.0f} ms in all)")


def raw_query(path: Path) -> None:
    """Run the query in this process, with no limits."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute(QUERY).fetchall()


if __name__ == "__main__":
    main()
