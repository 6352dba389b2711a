"""Which error of ours a failed query is.

The child sends DuckDB's class and message; the message is kept as it is, caret lines and
all, and what to do now is added as the hint.
"""

from __future__ import annotations

import signal
from pathlib import Path

from extract.errors import PaperfactsError, QueryError
from extract.store.faults import store_error

_OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryException")
_BROKEN_FILE = ("Corrupt", "checksum", "Could not read enough bytes", "FATAL Error", "WAL file")
_READS_ONLY = "run one statement that reads: SELECT, WITH, FROM, PIVOT, DESCRIBE, SHOW, EXPLAIN"


def error_of(
    db: Path, memory_mb: int, stage: str, kind: str, message: str, tables: list[str]
) -> PaperfactsError:
    """Return the error for what the child reported."""
    if kind in _OUT_OF_MEMORY or "bad allocation" in message or "std::bad_alloc" in message:
        return _over_memory(memory_mb, message)
    if stage == "open" or kind in ("IOException", "FatalException"):
        return store_error(db, message)
    if stage == "run" and any(sign in message for sign in _BROKEN_FILE):
        return store_error(db, message)
    if kind == "Refused":
        return QueryError(f"query refused: {message}", hint=_READS_ONLY)
    if kind == "PermissionException" or "in read-only mode" in message:
        return QueryError(f"query refused: {message}", hint=_READS_ONLY)
    if stage == "start":
        return PaperfactsError(f"the query's process cannot start: {kind}: {message}")
    hint = f"tables: {', '.join(tables)}" if tables else ""
    return QueryError(message, hint=hint)


def over_time(timeout_s: float) -> QueryError:
    """Return the error for a query that was stopped by the clock."""
    return QueryError(
        f"the query was stopped after {timeout_s:g} s",
        hint="ask for less (where, limit), or allow more time",
    )


def died(code: int, memory_mb: int, last_words: str) -> PaperfactsError:
    """Return the error for a child that ended without an answer."""
    if code == -getattr(signal, "SIGXCPU", 24):
        return QueryError(
            "the query used up its processor time",
            hint="ask for less (where, limit), or allow more time",
        )
    if code < 0 or "emory" in last_words or "bad_alloc" in last_words:
        return _over_memory(memory_mb, last_words or f"the process ended with signal {-code}")
    return PaperfactsError(f"the query's process ended with code {code}: {last_words}")


def _over_memory(memory_mb: int, message: str) -> QueryError:
    # DuckDB's first line only: the advice below it names settings that are locked here.
    reason = message.strip().partition("\n")[0]
    return QueryError(
        f"the query needs more than {memory_mb} MB of memory: {reason}".rstrip(": "),
        hint="ask for less (where, limit, fewer columns), or allow more memory",
    )
