"""Run one query that reads, in a process of its own, under limits.

The caller's SQL may be wrong, hostile or endless: it ends as rows, as a `QueryError`, or
as a `StoreError` when the database itself cannot be used. It changes nothing, reads no
other file, and takes no more time and memory than it is given.

`run_query` returns all rows at once; `iter_query` hands them over in chunks, for exports of
any size. While it runs, a query holds DuckDB's lock for readers: a writer has to wait.

Not here: what is refused (`query_rules`), how rows look (`extract.tables`).
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from extract.errors import InputError, PaperfactsError, QueryError
from extract.store import query_errors, query_rules
from extract.store.connection import check_path
from extract.store.query_wire import Row, read_line, read_rows
from extract.terminal import shell_word

_CHILD = Path(__file__).with_name("query_child.py")
#: What `run_query` collects at most, in bytes on the pipe; `iter_query` has no such bound.
MAX_RESULT_BYTES = 512 * 2**20
MIN_MEMORY_MB = 512


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result: its name, and DuckDB's name of its type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class QueryResult:
    """What a query answered; `truncated` says that there are more rows than these."""

    columns: list[Column]
    rows: list[Row]
    truncated: bool
    elapsed_s: float


@dataclass
class QueryRows:
    """The rows of a running query, in chunks; `truncated` is known when all are read."""

    columns: list[Column]
    chunks: Iterator[list[Row]]
    truncated: bool = False
    bytes_read: int = 0

    def __iter__(self) -> Iterator[list[Row]]:
        return self.chunks


def run_query(
    db: Path,
    sql: str,
    *,
    max_rows: int | None = 1000,
    timeout_s: float | None = 30,
    memory_mb: int = 2048,
    cpu_s: int | None = None,
) -> QueryResult:
    """Return what *sql* answers from the database at *db*, at most *max_rows* rows of it."""
    begin = time.monotonic()
    with iter_query(
        db, sql, max_rows=max_rows, timeout_s=timeout_s, memory_mb=memory_mb, cpu_s=cpu_s
    ) as running:
        rows: list[Row] = []
        for chunk in running:
            rows += chunk
            if running.bytes_read > MAX_RESULT_BYTES:
                raise QueryError(
                    f"the result is bigger than {MAX_RESULT_BYTES // 2**20} MB",
                    hint="ask for less (where, limit), or export it to a file",
                )
    return QueryResult(running.columns, rows, running.truncated, time.monotonic() - begin)


@contextmanager
def iter_query(
    db: Path,
    sql: str,
    *,
    max_rows: int | None = None,
    timeout_s: float | None = None,
    memory_mb: int = 2048,
    cpu_s: int | None = None,
) -> Iterator[QueryRows]:
    """Run *sql* and give its rows in chunks while the block lasts; leaving it ends the query.

    The time limit counts what the caller does with the rows, too: `None` for no limit.
    """
    order = _order(db, sql, max_rows, timeout_s, memory_mb, cpu_s)
    with _child(order) as child:
        kind, *rest = child.message()
        columns = [Column(*pair) for pair in rest[0]] if kind == "columns" else []
        running = QueryRows(columns, iter(()))
        running.chunks = child.rows(running)
        yield running


def _order(
    db: Path,
    sql: str,
    max_rows: int | None,
    timeout_s: float | None,
    memory_mb: int,
    cpu_s: int | None,
) -> dict[str, Any]:
    """Return the order to the child, after what can be checked without it."""
    if not os.path.exists(db):
        raise InputError(
            f"there is no database at {db}", hint=f"paperfacts run FEED --db {shell_word(db)}"
        )
    if os.path.isdir(db):
        raise InputError(f"{db} is a folder, not a file", hint="name a database after --db")
    if not os.path.isfile(db):
        raise InputError(f"{db} is not a file", hint="name a database after --db")
    check_path(db)
    if memory_mb < MIN_MEMORY_MB:
        raise InputError(f"a query needs at least {MIN_MEMORY_MB} MB of memory, not {memory_mb}")
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise QueryError(f"the query is no valid text: {error}") from error
    config = query_rules.config(memory_mb)
    if cpu_s is None and timeout_s is not None:
        cpu_s = math.ceil(timeout_s) * int(str(config["threads"]))
    return {
        "db": os.path.abspath(db),  # "md:" and ":memory:" are files here, too
        "sql": sql,
        "max_rows": max_rows,
        "timeout_s": timeout_s,
        "memory_mb": memory_mb,
        "cpu_s": cpu_s,
        "config": config,
        "rules": query_rules.rules(),
        "library": _library(),
    }


def _library() -> str:
    """Return the folder that DuckDB is installed in; the child looks in no other."""
    spec = importlib.util.find_spec("duckdb")
    if spec is None or spec.origin is None:
        raise PaperfactsError("duckdb is not installed", hint="pip install duckdb")
    return str(Path(spec.origin).parent.parent)


@dataclass
class _Child:
    process: subprocess.Popen[bytes]
    order: dict[str, Any]
    pipe: IO[bytes]
    is_over_time: threading.Event = field(default_factory=threading.Event)

    def message(self) -> list[Any]:
        """Return the next message, or raise the error that took its place."""
        return self.sized_message()[0]

    def sized_message(self) -> tuple[list[Any], int]:
        line = self.pipe.readline()
        if self.is_over_time.is_set():
            raise query_errors.over_time(self.order["timeout_s"])
        if not line.endswith(b"\n"):
            raise self._death()
        message = read_line(line)
        if message[0] == "error":
            db, memory_mb = Path(self.order["db"]), self.order["memory_mb"]
            raise query_errors.error_of(db, memory_mb, *message[1:])
        return message, len(line)

    def rows(self, running: QueryRows) -> Iterator[list[Row]]:
        """Yield the chunks of rows up to the end."""
        types = [column.type for column in running.columns]
        while True:
            (kind, content), size = self.sized_message()
            if kind == "end":
                running.truncated = content
                return
            running.bytes_read += size
            yield read_rows(content, types)

    def stop_for_time(self) -> None:
        self.is_over_time.set()
        self.process.kill()

    def _death(self) -> PaperfactsError:
        assert self.process.stderr is not None
        words = self.process.stderr.read(4096).decode(errors="replace").strip()
        last = words.splitlines()[-1] if words else ""
        return query_errors.died(self.process.wait(), self.order["memory_mb"], last)


@contextmanager
def _child(order: dict[str, Any]) -> Iterator[_Child]:
    """Start the child with its order; when the block ends, it is dead."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
    )
    assert process.stdin is not None and process.stdout is not None
    child = _Child(process, order, process.stdout)
    timer = threading.Timer(order["timeout_s"] or 0, child.stop_for_time)
    timer.daemon = True
    with process:
        try:
            if order["timeout_s"] is not None:
                timer.start()
            with suppress(BrokenPipeError):  # it died; reading says of what
                process.stdin.write(json.dumps(order).encode() + b"\n")
                process.stdin.close()
            yield child
        finally:
            timer.cancel()
            process.kill()
