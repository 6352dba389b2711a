"""The child process that runs one query, under limits, and writes its rows to a pipe.

Run from this file by `query.py`, with `python -I -S -B` and an empty environment: it imports
nothing of ours, sees no variable of the user, and reads one JSON line with what to do.
It answers with JSON lines: `["columns", ...]`, then `["rows", ...]` as often as needed,
then `["end", truncated]`; or, at any point, `["error", stage, class, message, tables]`.

In a row, every JSON object is a tag with one key that says what its value is
(`{"decimal": "1.10"}`), so that the parent gets back what DuckDB gave.

This guards against accidents and hostile text; it is no sandbox for hostile users.
"""

# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

LOCK_WAIT_S = 2.0
#: A line of rows is grown towards this, so that neither many small nor few big rows hurt.
CHUNK_BYTES = 256 * 1024
CHUNK_ROWS = 8192

#: Types whose Python values say less than DuckDB knows; asked for as text instead.
LOSSY = re.compile(r"\b(INTERVAL|TIMESTAMPTZ_NS|TIMESTAMP_NS|TIME_NS)\b")
KEYED = re.compile(r"STRUCT|MAP|UNION|VARIANT")


class Refused(Exception):
    """The statement is none that the query command runs."""


def main() -> None:
    """Read the order, run it, and end; what fails is told in the answer, not by a traceback."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)  # whatever else prints, it is not part of the answer
    order = json.loads(sys.stdin.readline())
    limit(order)
    stage, connection = "start", None
    try:
        duckdb = load(order["library"])
        stage = "open"
        connection = connect(duckdb, order)
        stage = "gate"
        statement = gate(duckdb, connection, order["sql"], order["rules"])
        stage = "run"
        for line in answer(duckdb, connection, statement, order["max_rows"]):
            pipe.write(line)
    except Exception as error:
        is_missing = connection is not None and type(error).__name__ == "CatalogException"
        tables = table_names(connection) if is_missing else []
        pipe.write(line_of(["error", stage, type(error).__name__, str(error), tables]))
    pipe.flush()
    os._exit(0)  # closing a connection that was stopped in the middle can take its time


def limit(order: dict[str, Any]) -> None:
    """Bound memory, processor time and file size of this process, and when it ends by itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    if order["timeout_s"] is not None:
        # Only if the parent is gone: it stops the query before this.
        signal.setitimer(signal.ITIMER_REAL, order["timeout_s"] + 1)
    try:
        import resource
    except ImportError:  # Windows has no such limits; DuckDB's own and the parent's clock remain
        return
    amounts = {resource.RLIMIT_AS: order["memory_mb"] * 2**20}
    amounts |= {resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    if order["cpu_s"] is not None:
        amounts[resource.RLIMIT_CPU] = order["cpu_s"]
    for kind, amount in amounts.items():
        # The signal that names processor time comes only where the hard limit is higher.
        hard = amount + 1 if kind == resource.RLIMIT_CPU else amount
        try:
            resource.setrlimit(kind, (amount, hard))
        except (ValueError, OSError):  # macOS knows RLIMIT_AS and refuses it
            continue


def load(library: str) -> Any:
    """Import DuckDB's extension module alone: the package around it takes twice as long."""
    sys.path.append(library)
    sys.modules["pytz"] = utc_only()
    try:
        import _duckdb as duckdb
    except ImportError:
        import duckdb  # type: ignore[no-redef]
    return duckdb


def utc_only() -> Any:
    """Stand in for pytz, without which DuckDB hands out no TIMESTAMP WITH TIME ZONE."""
    import datetime
    import types

    class Utc(datetime.tzinfo):
        def utcoffset(self, at: object) -> datetime.timedelta:
            return datetime.timedelta(0)

        dst = utcoffset

        def tzname(self, at: object) -> str:
            return "UTC"

        def fromutc(self, at: datetime.datetime) -> datetime.datetime:
            return at

        def localize(self, at: datetime.datetime) -> datetime.datetime:
            return at.replace(tzinfo=self)

    module: Any = types.ModuleType("pytz")
    module.utc = module.UTC = Utc()
    module.timezone = lambda name: module.utc
    return module


def connect(duckdb: Any, order: dict[str, Any]) -> Any:
    """Open the database read-only with everything else shut, waiting for a writer to let go."""
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            connection = duckdb.connect(order["db"], read_only=True, config=order["config"])
            break
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    connection.execute("set enable_progress_bar = false")
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set lock_configuration = true")
    return connection


def gate(duckdb: Any, connection: Any, sql: str, rules: dict[str, Any]) -> Any:
    """Return the one statement of *sql*, if it is one that reads."""
    try:
        statements = connection.extract_statements(sql)
        kinds = [statement.type.name for statement in statements]
    except ValueError as error:  # a kind that has no name in the Python client
        raise Refused("this statement does not read") from error
    if len(statements) != 1:
        raise Refused(f"{len(statements)} statements" if statements else "there is no statement")
    words = words_of(duckdb, statements[0].query)
    first = next((word for word in words if word not in rules["before"]), "")
    if kinds[0] == "PRAGMA" and words[1:2] and words[1] in rules["pragmas"]:
        return statements[0]
    if kinds[0] not in rules["kinds"] or first not in rules["reading"]:
        raise Refused(refusal(first, kinds[0]))
    name, call = re.compile(rules["name"]), re.compile(rules["call"])
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if name.fullmatch(word) or (following == "(" and call.fullmatch(word)):
            raise Refused(f"{word} reaches beyond the tables")
    return statements[0]


def refusal(first: str, kind: str) -> str:
    """Say why a statement is none that reads."""
    if first == "with":  # WITH itself reads: it is what comes after it
        return f"it changes data: WITH ... {kind.replace('_', ' ')}"
    return f"{(first or kind).upper()} does not read"


def words_of(duckdb: Any, sql: str) -> list[str]:
    """Return the words and signs of *sql* in lower case, unquoted; strings count as empty."""
    text = sql.encode()
    tokens = duckdb.tokenize(sql)
    ends = [start for start, _ in tokens[1:]] + [len(text)]
    words = []
    for (start, kind), end in zip(tokens, ends, strict=True):
        name = kind.name
        if name == "comment":
            continue
        word = "" if name == "string_const" else text[start:end].decode().strip().lower()
        words.append(word[1:-1].replace('""', '"') if word.startswith('"') else word)
    return words


def answer(duckdb: Any, connection: Any, statement: Any, max_rows: int | None) -> Iterator[str]:
    """Run *statement* and yield the lines of its columns, its rows and its end."""
    cursor = connection.execute(statement)
    names = [column[0] for column in cursor.description or []]
    types = [type_name(column[1]) for column in cursor.description or []]
    if any(LOSSY.search(name) for name in types) and statement.type.name == "SELECT":
        cursor = as_text(duckdb, connection, statement, types) or connection.execute(statement)
    yield line_of(["columns", list(zip(names, types, strict=True))])
    is_keyed = any(KEYED.search(name) for name in types)
    size, left = 64, max_rows
    while left is None or left > 0:
        rows = cursor.fetchmany(size if left is None else min(size, left))
        if not rows:
            break
        left = left if left is None else left - len(rows)
        line = line_of(["rows", pack(rows) if is_keyed else rows])
        yield line
        size = max(1, size // 2) if len(line) > CHUNK_BYTES else min(CHUNK_ROWS, size * 2)
    yield line_of(["end", left == 0 and bool(cursor.fetchmany(1))])


def as_text(duckdb: Any, connection: Any, statement: Any, types: list[str]) -> Any:
    """Run *statement* again with the columns of lossy types as text, or return None."""
    columns = [f"c{place}" for place in range(len(types))]
    wanted = [
        f"{column}::{LOSSY.sub('VARCHAR', name)}" if LOSSY.search(name) else column
        for column, name in zip(columns, types, strict=True)
    ]
    inner = statement.query.strip().rstrip(";")
    sql = f"select {', '.join(wanted)}\nfrom (\n{inner}\n) as q({', '.join(columns)})"
    try:
        return connection.execute(sql)
    except duckdb.Error:  # SHOW and its like stand in no subquery
        return None


def type_name(kind: object) -> str:
    name = str(kind).replace('"NULL"', "NULL")
    return "ENUM" if name.startswith("ENUM(") and name.endswith(")") else name


def pack(value: Any) -> Any:
    """Return *value* with its dicts as pairs: keys need not be strings."""
    if isinstance(value, dict):
        return {"map": [[pack(key), pack(entry)] for key, entry in value.items()]}
    if isinstance(value, (list, tuple)):
        return [pack(entry) for entry in value]
    return value


def tag(value: Any) -> dict[str, str]:
    """Return what JSON has no word for as a tagged text."""
    kind = type(value).__name__.lower()
    if isinstance(value, bytes):
        return {kind: value.hex()}
    return {kind: value.isoformat() if hasattr(value, "isoformat") else str(value)}


def line_of(message: list[Any]) -> str:
    return json.dumps(message, default=tag, ensure_ascii=True, separators=(",", ":")) + "\n"


def table_names(connection: Any) -> list[str]:
    """Return what can be queried, each once: by its bare name where that will do."""
    rows = connection.execute(
        "select table_schema, table_name from information_schema.tables"
        " order by table_schema <> 'main', table_schema = 'history', 1, 2 limit 100"
    ).fetchall()
    bare = {name for schema, name in rows if schema == "main"}
    return [
        quoted(name) if schema == "main" else f"{quoted(schema)}.{quoted(name)}"
        for schema, name in rows
        # A task's view of a name that is free has that name, too.
        if schema in ("main", "history") or name not in bare
    ]


def quoted(name: str) -> str:
    """Return *name* as a query has to write it."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


if __name__ == "__main__":
    main()
