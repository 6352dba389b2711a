"""The database of a run: what is known already, and what is written in one commit.

Every method opens the file, does one thing, and closes it. `write` takes a whole batch and
commits it as one: a crash loses a batch or keeps it, never a part. What is done is read from
the file alone.

Not here: when a batch is written (`writer`), who may run at the same time (`lock`), and
people's queries (`query`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.errors import StoreError
from extract.metrics import metrics
from extract.store.connection import connected
from extract.store.layout import (
    SCHEMA_VERSION,
    TABLES,
    Columns,
    base_statements,
    history_table,
    identifier,
    task_statements,
    task_tables,
)
from extract.task import Task

if TYPE_CHECKING:
    import duckdb

Row = Mapping[str, Any]
_SURROGATE = re.compile("[\ud800-\udfff\x00]")

# Offsets into a text that is gone would point at other words. The facts stay in the history.
_FORGET_CHANGED = """
delete from current_extractions where extraction_id in (
    select e.extraction_id
    from extractions e
    join papers p using (paper_id)
    where e.paper_id in (select unnest($ids)) and e.text_hash <> p.text_hash
)
"""


@dataclass
class Batch:
    """Rows to be written in one commit, by table."""

    papers: list[Row] = field(default_factory=list)
    completions: list[Row] = field(default_factory=list)
    extractions: list[Row] = field(default_factory=list)
    facts: dict[str, list[Row]] = field(default_factory=dict)
    mentions: list[Row] = field(default_factory=list)
    current: list[Row] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.papers) + len(self.completions) + len(self.extractions)

    def add(self, other: Batch) -> None:
        """Take over the rows of another batch."""
        self.papers += other.papers
        self.completions += other.completions
        self.extractions += other.extractions
        self.mentions += other.mentions
        self.current += other.current
        for kind, rows in other.facts.items():
            self.facts.setdefault(kind, []).extend(rows)


def tool_version() -> str:
    """Return the installed version of paperfacts, `0` where it is not installed."""
    try:
        return version("paperfacts")
    except PackageNotFoundError:
        return "0"


def now() -> str:
    """Return the present moment in UTC, as the database takes it."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


class Database:
    """One DuckDB file and the task whose tables it holds."""

    def __init__(self, path: Path, task: Task) -> None:
        self.path, self.task = path, task

    def prepare(self) -> None:
        """Make or check the tables of this version and of the task."""
        with connected(self.path) as connection:
            if self._is_ready(connection):
                return
            connection.execute("begin")
            for statement in base_statements():
                connection.execute(statement)
            self._check_version(connection)
            claimed = dict(
                connection.execute(
                    "select kind, min(task) from task_kinds group by kind"
                ).fetchall()
            )
            self._check_columns(connection)
            for statement in task_statements(self.task, claimed):
                connection.execute(statement)
            if self.task.views:
                # A task may come from a stranger: its views read this file and no other.
                connection.execute("set enable_external_access = false")
                connection.execute(self.task.views)
            _insert(connection, "task_kinds", TABLES["task_kinds"][0], self._kinds(), "or replace")
            _insert(connection, "metrics", TABLES["metrics"][0], _metric_rows(), "or replace")
            connection.execute("commit")
            connection.execute("checkpoint")

    def _is_ready(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """True where a run of this version made these very tables before."""
        tables = connection.execute(
            "select count(*) from duckdb_tables() where table_name in ('meta', 'task_kinds')"
        ).fetchone()
        if not tables or tables[0] != 2:
            return False
        self._check_version(connection)
        stored = connection.execute("select task, kind, columns from task_kinds").fetchall()
        wanted = {(row["task"], row["kind"], row["columns"]) for row in self._kinds()}
        return wanted <= set(stored)

    def _kinds(self) -> list[Row]:
        views = {"views": self.task.views, "tool": tool_version()}
        return [
            {
                "task": self.task.name,
                "kind": kind,
                "columns": json.dumps({**columns, **views}),
            }
            for kind, columns in task_tables(self.task).items()
        ]

    def _check_version(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Refuse a file of a newer version; sign a new one."""
        row = connection.execute("select schema_version, tool_version from meta").fetchone()
        if row is None:
            connection.execute(
                "insert into meta values (?, ?, 0)", [SCHEMA_VERSION, tool_version()]
            )
        elif row[0] > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path} was written by paperfacts {row[1]}, you have {tool_version()}",
                hint="Upgrade with: pip install --upgrade paperfacts. The file is untouched.",
            )

    def _check_columns(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Add the columns that a changed task has gained; refuse one that changed its type."""
        for kind, columns in task_tables(self.task).items():
            found = connection.execute(
                "select column_name, data_type from duckdb_columns()"
                " where schema_name = 'history' and table_name = ?",
                [f"{self.task.name}_{kind}"],
            ).fetchall()
            types = dict(found)
            for column, type_ in columns.items():
                if types and column not in types:
                    table = history_table(self.task.name, kind)
                    connection.execute(
                        f"alter table {table} add column {identifier(column)} {type_}"
                    )
                elif types and types[column] != type_:
                    raise StoreError(
                        f"{self.path}: column {column} of {self.task.name}.{kind} is"
                        f" {types[column]}, and the task now says {type_}",
                        hint="Give the task another name, or use another database.",
                    )

    def known_papers(self, paper_ids: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
        """Return the text hash and the feeds of those papers that are stored."""
        with connected(self.path) as connection:
            rows = connection.execute(
                "select paper_id, text_hash, feeds from papers where paper_id in"
                " (select unnest($ids))",
                {"ids": list(paper_ids)},
            ).fetchall()
        return {row[0]: (row[1], row[2] or []) for row in rows}

    def current(self, paper_ids: Sequence[str]) -> dict[str, tuple[str, str, str, str, int, int]]:
        """Return of each paper's current extraction: text hash, ask id, derivation, extraction,
        and how many of its facts stand in the text and do not."""
        with connected(self.path) as connection:
            rows = connection.execute(
                "select e.paper_id, e.text_hash, e.ask_id, e.derivation, e.extraction_id,"
                " e.facts, e.missing"
                " from current_extractions c join extractions e using (extraction_id)"
                " where c.task = $task and c.paper_id in (select unnest($ids))",
                {"task": self.task.name, "ids": list(paper_ids)},
            ).fetchall()
        return {row[0]: tuple(row[1:]) for row in rows}

    def completions(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the stored completions of these keys, failures too."""
        wanted = "completion_key, status, content, failure_class, failure_message, is_transient"
        with connected(self.path) as connection:
            rows = connection.execute(
                f"select {wanted} from completions where completion_key in (select unnest($keys))",
                {"keys": list(keys)},
            ).fetchall()
        names = wanted.split(", ")
        return {row[0]: dict(zip(names, row, strict=True)) for row in rows}

    def extraction_ids(self, ids: Sequence[str]) -> set[str]:
        """Return which of these extractions are stored."""
        with connected(self.path) as connection:
            rows = connection.execute(
                "select extraction_id from extractions"
                " where extraction_id in (select unnest($ids))",
                {"ids": list(ids)},
            ).fetchall()
        return {row[0] for row in rows}

    def write(self, batch: Batch) -> None:
        """Write *batch* in one commit. Rows that are there already are left as they are."""
        with connected(self.path) as connection:
            connection.execute("begin")
            for name, mode in (
                ("papers", "or replace"),
                ("completions", "or replace"),
                ("extractions", "or ignore"),
                ("mentions", ""),
            ):
                _insert(connection, name, TABLES[name][0], getattr(batch, name), mode)
            for kind, columns in task_tables(self.task).items():
                table = history_table(self.task.name, kind)
                _insert(connection, table, columns, batch.facts.get(kind, []), "")
            if batch.papers:
                connection.execute(_FORGET_CHANGED, {"ids": [p["paper_id"] for p in batch.papers]})
            columns = TABLES["current_extractions"][0]
            _insert(connection, "current_extractions", columns, batch.current, "or replace")
            connection.execute("update meta set flush_seq = flush_seq + 1")
            connection.execute("commit")

    def write_run(self, row: Row) -> None:
        """Write or replace the row of a run."""
        with connected(self.path) as connection:
            _insert(connection, "runs", TABLES["runs"][0], [row], "or replace")


def _insert(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Columns,
    rows: Sequence[Row],
    mode: str,
) -> None:
    """Insert *rows* as one statement; values travel as one JSON parameter, never in the SQL."""
    keys = [k.strip() for k in TABLES[table][1].split(",")] if table in TABLES and mode else []
    if keys:
        rows = list({tuple(row[key] for key in keys): row for row in rows}.values())
    if not rows:
        return
    shape = json.dumps([dict(columns)])
    values = json.dumps(
        [{name: _plain(row.get(name)) for name in columns} for row in rows], ensure_ascii=False
    )
    names = ", ".join(identifier(name) for name in columns)
    connection.execute(
        f"insert {mode} into {table} ({names}) select {names} from"
        " (select unnest(from_json($rows::json, $shape), recursive := true))",
        {"rows": values, "shape": shape},
    )


def _plain(value: Any) -> Any:
    """Return *value* as JSON can hold it: no surrogate, no NUL, no infinite number."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value


def _metric_rows() -> list[Row]:
    return [
        {
            "metric_name": metric.name,
            "aliases": list(metric.aliases),
            "higher_is_better": metric.higher_is_better,
            "low": metric.low,
            "high": metric.high,
            "unit": metric.unit,
        }
        for metric in metrics()
    ]
