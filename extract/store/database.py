"""The database of a run: what is known already, and what is written in one commit.

Every method opens the file, does one thing, and closes it. `write` takes a whole batch and
commits it as one: a crash loses a batch or keeps it, never a part. What is done is read from
the file alone.

Not here: when a batch is written (`writer`), who may run at the same time (`lock`), and
people's queries (`query`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extract.errors import StoreError
from extract.metrics import metrics
from extract.store.connection import attached, connected
from extract.store.copying import copy_aside
from extract.store.faults import free_bytes, free_words
from extract.store.inserting import insert
from extract.store.layout import (
    SCHEMA_VERSION,
    TABLES,
    base_statements,
    history_table,
    identifier,
    task_statements,
    task_tables,
)
from extract.store.state import write_state
from extract.store.versions import Found, bring_up, check
from extract.task import Task
from extract.version import tool_version

if TYPE_CHECKING:
    import duckdb

Row = Mapping[str, Any]

MIN_FREE_BYTES = 2**20
"""Less is too little to begin with: DuckDB grows a file by blocks of a quarter of a megabyte."""

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
        """How many papers, at least, these rows are of."""
        return max(len(self.papers), len(self.completions), len(self.extractions))

    def without(self, extraction_ids: Set[str]) -> Batch:
        """Return the batch less these extractions, their facts and their mentions."""
        if not extraction_ids:
            return self

        def others(rows: list[Row]) -> list[Row]:
            return [row for row in rows if row.get("extraction_id") not in extraction_ids]

        return replace(
            self,
            extractions=others(self.extractions),
            mentions=others(self.mentions),
            facts={kind: others(rows) for kind, rows in self.facts.items()},
        )

    def add(self, other: Batch) -> None:
        """Take over the rows of another batch; an extraction that is here already only once."""
        mine = {row["extraction_id"] for row in self.extractions}
        other = other.without(mine & {row["extraction_id"] for row in other.extractions})
        self.papers += other.papers
        self.completions += other.completions
        self.extractions += other.extractions
        self.mentions += other.mentions
        self.current += other.current
        for kind, rows in other.facts.items():
            self.facts.setdefault(kind, []).extend(rows)


def now() -> str:
    """Return the present moment in UTC, as the database takes it."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


class Database:
    """One DuckDB file and the task whose tables it holds."""

    def __init__(self, path: Path, task: Task, *, read_only: bool = False) -> None:
        self.path, self.task, self.read_only = path, task, read_only

    def prepare(self) -> list[str]:
        """Make, check or bring up to date the tables; return what the user should be told."""
        free = free_bytes(self.path)
        if free is not None and free < MIN_FREE_BYTES:
            raise StoreError(
                f"no room for {self.path} to grow: {free_words(self.path)}",
                hint="Free some space and run the same command again.",
                fault="full",
            )
        found, notes = check(self.path)
        if found.is_older:
            backup = copy_aside(self.path, f"v{found.schema_version}.bak")
            notes.append(
                f"{self.path} was made by paperfacts {found.tool_version} and has been brought up"
                f" to date; as it was: {backup}"
            )
        if found.is_older or not self._is_ready(found):
            self._make_tables(found)
        return notes

    def _make_tables(self, found: Found) -> None:
        """Make the tables that are not there, in one commit."""
        with connected(self.path) as connection:
            connection.execute("begin")
            if found.is_older:
                bring_up(connection, self.path, found)
            for statement in base_statements():
                connection.execute(statement)
            is_new = connection.execute("select count(*) from meta").fetchone() == (0,)
            if is_new:
                connection.execute(
                    "insert into meta values (?, ?, 0)", [SCHEMA_VERSION, tool_version()]
                )
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
            for name, rows in (("task_kinds", self._kinds()), ("metrics", _metric_rows())):
                _put(connection, name, rows, "or replace")
            connection.execute("commit")
            # A log that alters tables is the one that older versions of DuckDB stumble over.
            connection.execute("checkpoint")
        if is_new:
            write_state(self.path, 0)

    def _is_ready(self, found: Found) -> bool:
        """True where a run of this version made these very tables before."""
        wanted = {(row["task"], row["kind"], row["columns"]) for row in self._kinds()}
        return found.schema_version is not None and wanted <= found.kinds

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
        with attached(self.path) as connection:
            rows = connection.execute(
                "select paper_id, text_hash, feeds from papers where paper_id in"
                " (select unnest($ids))",
                {"ids": list(paper_ids)},
            ).fetchall()
        return {row[0]: (row[1], row[2] or []) for row in rows}

    def current(self, paper_ids: Sequence[str]) -> dict[str, tuple[str, str, str, str, int, int]]:
        """Return of each paper's current extraction: text hash, ask id, derivation, extraction,
        and how many of its facts stand in the text and do not."""
        with self._opened() as connection:
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
        wanted = (
            "completion_key, status, content, token_logprobs, failure_class, failure_message, "
            "is_transient"
        )
        with self._opened() as connection:
            rows = connection.execute(
                f"select {wanted} from completions where completion_key in (select unnest($keys))",
                {"keys": list(keys)},
            ).fetchall()
        names = wanted.split(", ")
        found = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
        for row in found.values():
            tokens = row["token_logprobs"]
            row["token_logprobs"] = json.loads(tokens) if tokens else None
        return found

    def write(self, batch: Batch) -> None:
        """Write *batch* in one commit. Writing the same batch again changes nothing.

        A commit that failed may have reached the disk all the same, so what is written again
        after a failure must not be there twice.
        """
        import duckdb

        with attached(self.path) as connection:
            connection.execute("begin")
            try:
                self._insert(connection, batch, is_new=True)
            except duckdb.ConstraintException:
                # Something of it is there. To look first costs more than to find out here.
                connection.execute("rollback")
                connection.execute("begin")
                batch = batch.without(_stored(connection, batch))
                self._insert(connection, batch, is_new=False)
            flush_seq = _commit(connection)
        write_state(self.path, flush_seq)

    def _insert(self, connection: duckdb.DuckDBPyConnection, batch: Batch, *, is_new: bool) -> None:
        """Insert the rows of *batch*: where it is not all new, in place of those of the same key.

        The tables that a paper has a row in already come first, so that it is found out early.
        """
        replacing, ignoring = ("", "") if is_new else ("or replace", "or ignore")
        _put(connection, "papers", batch.papers, replacing)
        if batch.papers:
            connection.execute(_FORGET_CHANGED, {"ids": [p["paper_id"] for p in batch.papers]})
        _put(connection, "current_extractions", batch.current, replacing)
        _put(connection, "extractions", batch.extractions, ignoring)
        _put(connection, "completions", batch.completions, replacing)
        insert(connection, "mentions", TABLES["mentions"][0], batch.mentions)
        for kind, columns in task_tables(self.task).items():
            table = history_table(self.task.name, kind)
            insert(connection, table, columns, batch.facts.get(kind, []))

    def write_run(self, row: Row) -> None:
        """Write or replace the row of a run."""
        self._write_row("runs", row)

    def write_spending(self, row: Row) -> None:
        """Write or replace what a run can have spent; it is on the disk when this returns."""
        self._write_row("spending", row)

    def _opened(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return connected(self.path, read_only=True) if self.read_only else attached(self.path)

    def _write_row(self, table: str, row: Row) -> None:
        with attached(self.path) as connection:
            connection.execute("begin")
            _put(connection, table, [row], "or replace")
            flush_seq = _commit(connection)
        write_state(self.path, flush_seq)


def _put(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row], mode: str) -> None:
    """Insert rows into a table that every database has; of equal keys the last counts."""
    columns, key = TABLES[table]
    names = tuple(name.strip() for name in key.split(","))
    insert(connection, table, columns, rows, mode=mode, key=names)


def _commit(connection: duckdb.DuckDBPyConnection) -> int:
    """Commit, and return the number of this commit."""
    row = connection.execute(
        "update meta set flush_seq = flush_seq + 1 returning flush_seq"
    ).fetchone()
    connection.execute("commit")
    return int(row[0]) if row else 0


def _stored(connection: duckdb.DuckDBPyConnection, batch: Batch) -> set[str]:
    """Return which extractions of *batch* are in the database."""
    rows = connection.execute(
        "select extraction_id from extractions where extraction_id in (select unnest($ids))",
        {"ids": [row["extraction_id"] for row in batch.extractions]},
    ).fetchall()
    return {row[0] for row in rows}


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
