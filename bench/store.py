"""What the database costs: a flush of 100 answers, reopening after a crash, the safe query.

    python bench/store.py [TURNS]

Prints medians in milliseconds, each beside a yardstick that was measured in the same run, turn by
turn: raw DuckDB doing as little as the task allows. Of a flush that is the same rows in the same
tables, every column of them filled: a list for each column, no check, no look at what is there.
A flush waits for the disk five times, so the milliseconds of one fsync are printed too. Nothing
is asserted.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from extract.store.connection import connected
from extract.store.database import Batch, Database
from extract.store.layout import COMPLETIONS, CURRENT, EXTRACTIONS, Columns, task_tables
from extract.store.query import run_query
from extract.tasks import load_task

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
PAPERS = 100
FACTS = 8
CLAIMS = task_tables(load_task())["claims"]
QUERY = "select count(*) from claims"
CONTENT = "An answer of some twelve hundred characters, as a model writes it. " * 18


def filled(columns: Columns, number: int, **given: Any) -> dict[str, Any]:
    """Return a row with a value in every column: those *given*, or one of the column's type."""
    plain = {
        "VARCHAR": f"some words {number % 7}",
        "VARCHAR[]": ["one", "two"],
        "INTEGER": number,
        "BIGINT": number,
        "DOUBLE": number / 7,
        "BOOLEAN": number % 2 == 0,
        "TIMESTAMP": "2026-11-01 10:20:30.405060",
    }
    return {name: given.get(name, plain[type_]) for name, type_ in columns.items()}


def completions(batch: int) -> Batch:
    """Return the completions of 100 answers."""
    return Batch(
        completions=[
            filled(COMPLETIONS, n, completion_key=f"c{n}", content=CONTENT, answer=CONTENT)
            for n in range(batch * PAPERS, (batch + 1) * PAPERS)
        ]
    )


def answers(batch: int) -> Batch:
    """Return 100 answers with eight facts each."""
    rows = completions(batch)
    for n in range(batch * PAPERS, (batch + 1) * PAPERS):
        key = {"extraction_id": f"e{n}", "paper_id": f"p{n}"}
        rows.extractions.append(filled(EXTRACTIONS, n, completion_key=f"c{n}", **key))
        rows.current.append(key | {"task": "facts"})
        rows.facts.setdefault("claims", []).extend(
            filled(CLAIMS, n, fact_id=f"f{n}-{i}", **key) for i in range(FACTS)
        )
    return rows


def raw_write(path: Path, batch: Batch) -> None:
    """Write the rows as DuckDB takes them, in one commit, opening and closing the file."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("begin")
        for table, columns, rows in (
            ("completions", COMPLETIONS, batch.completions),
            ("extractions", EXTRACTIONS, batch.extractions),
            ("current_extractions", CURRENT, batch.current),
            ("history.facts_claims", CLAIMS, batch.facts.get("claims", [])),
        ):
            if rows:
                lists = ", ".join(f"unnest(?::{type_}[])" for type_ in columns.values())
                values = [[row[name] for row in rows] for name in columns]
                connection.execute(f"insert into {table} select {lists}", values)
        connection.execute("update meta set flush_seq = flush_seq + 1")
        connection.execute("commit")


def sync(folder: Path) -> None:
    """Write a little and wait until it is on the disk."""
    with (folder / "sync").open("wb") as file:
        file.write(b"x" * 4096)
        file.flush()
        os.fsync(file.fileno())


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
    times: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        # Each arm has a file of its own, so that all of them grow alike.
        stores = {
            name: Database(Path(folder) / f"{name}.duckdb", load_task())
            for name in ("completions", "raw completions", "answers", "raw answers")
        }
        for each in stores.values():
            each.prepare()
        store = stores["answers"]
        for turn in range(RUNS):
            for name, rows in (("completions", completions(turn)), ("answers", answers(turn))):
                raw = stores[f"raw {name}"].path
                times[name].append(ms(partial(stores[name].write, rows)))
                times[f"raw {name}"].append(ms(partial(raw_write, raw, rows)))
            times["fsync"].append(ms(partial(sync, Path(folder))))
            crash(store.path)
            times["reopening"].append(ms(lambda: reopen(store.path)))
            crash(store.path)
            times["raw reopening"].append(ms(lambda: duckdb.connect(str(store.path)).close()))
            times["query"].append(ms(lambda: run_query(store.path, QUERY)))
            times["raw query"].append(ms(lambda: raw_query(store.path)))
    median = {name: statistics.median(taken) for name, taken in times.items()}
    best = {name: min(taken) for name, taken in times.items()}
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {RUNS} turns")
    for name, words in (
        ("completions", "flush of 100 rows of completions"),
        ("answers", "flush of 100 answers with 800 facts, 5 tables"),
        ("reopening", "reopening after a crash, 1000 rows in the log"),
        ("query", "safe query in a process of its own"),
    ):
        raw = f"raw {name}"
        print(
            f"{words:<46} {median[name]:7.1f} ms (best {best[name]:.1f});"
            f"  raw {median[raw]:.1f} ms (best {best[raw]:.1f})"
        )
    overhead = median["query"] - median["raw query"]
    print(f"overhead of the safe query {overhead:.0f} ms (best {best['query']:.0f} ms in all)")
    print(f"one fsync on this disk {median['fsync']:.1f} ms (best {best['fsync']:.1f})")


def raw_query(path: Path) -> None:
    """Run the query in this process, with no limits."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute(QUERY).fetchall()


if __name__ == "__main__":
    main()
