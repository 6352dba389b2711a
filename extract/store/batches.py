"""The rows of `batches` and `batch_requests`: what a provider was asked to answer later.

A batch is written down before anything of it is sent, and again after each step, so that
whoever opens the file next knows which steps may have been taken:

    planned     nothing of it is known to be with the provider; it cannot have been started
    uploaded    its file is there; it may have been started, and the provider has to be asked
    submitted   it is running, or has ended, under the provider's own id
    fetched     all that it brought is stored
    dropped     it was given up; its papers are free to be asked again

Not here: what is done in each state (`extract.batching`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from extract.papers import Paper
from extract.store.connection import connected
from extract.store.inserting import insert
from extract.store.layout import TABLES
from extract.store.spending import rounded_up
from extract.store.state import write_state

if TYPE_CHECKING:
    import duckdb

Row = Mapping[str, Any]
State = Literal["planned", "uploaded", "submitted", "fetched", "dropped"]
OPEN = ("planned", "uploaded", "submitted")


@dataclass(frozen=True)
class StoredBatch:
    """One row of `batches`; docs/tables.md says what each column is."""

    batch_id: str
    state: State
    model: str
    place: str
    base_url: str | None
    mode: str
    path: str
    task: str
    ask_id: str
    requests: int
    bytes: int
    tool_version: str
    created_at: str
    status: str | None = None
    provider_batch_id: str | None = None
    file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    completed: int | None = None
    failed: int | None = None
    answered: int | None = None
    failures: int | None = None
    not_asked: int | None = None
    budget: float | None = None
    words: str | None = None
    submitted_at: str | None = None
    checked_at: str | None = None
    fetched_at: str | None = None

    @property
    def is_open(self) -> bool:
        """True where something is still to be done about it."""
        return self.state in OPEN


def stored_batches(database: Path) -> list[StoredBatch]:
    """Return all batches of a file, the oldest first; none where it has no such table."""
    if not database.exists():
        return []
    with connected(database, read_only=True) as connection:
        there = connection.execute(
            "select count(*) from duckdb_tables()"
            " where schema_name = 'main' and table_name = 'batches'"
        ).fetchone()
        if there == (0,):
            return []
        return _batches(connection)


def _batches(connection: duckdb.DuckDBPyConnection) -> list[StoredBatch]:
    there = {row[0] for row in connection.execute("describe batches").fetchall()}
    # A file of an older version lacks the newer columns.
    names = [field.name for field in fields(StoredBatch) if field.name in there]
    columns = ", ".join(f"{n}::varchar as {n}" if n.endswith("_at") else n for n in names)
    rows = connection.execute(
        f"select {columns} from batches order by created_at, batch_id"
    ).fetchall()
    return [StoredBatch(**dict(zip(names, row, strict=True))) for row in rows]


class BatchBook:
    """The batches of one database, while a run holds its lock."""

    def __init__(self, database: Path) -> None:
        self.database = database

    def write(self, batch: StoredBatch) -> StoredBatch:
        """Write a batch as it is now; return it."""
        self._commit([batch], [])
        return batch

    def plan(
        self,
        batch: StoredBatch,
        papers: Mapping[str, Sequence[str]],
        held: Mapping[str, Decimal | None],
    ) -> None:
        """Write a new batch with its requests: the papers that each key is asked about.

        *held* is the most that each may cost, which counts as spent from here on.
        """
        rows = [
            {
                "batch_id": batch.batch_id,
                "completion_key": key,
                "paper_ids": list(ids),
                "held": None if (amount := held.get(key)) is None else rounded_up(amount),
            }
            for key, ids in papers.items()
        ]
        self._commit([batch], rows)

    def release(self, batch: StoredBatch) -> StoredBatch:
        """Write a batch as it is now, and that none of its requests can cost anything."""
        self._commit([batch], [], released=list(self.requests(batch.batch_id)))
        return batch

    def settle(self, batch: StoredBatch, keys: Sequence[str], spending: Row | None) -> None:
        """Write that these requests of a batch are settled; *spending* has what they cost."""
        self._commit([batch], [], released=keys, spending=spending)

    def close(
        self,
        batch: StoredBatch,
        papers: Mapping[str, Sequence[str]],
        outcomes: Mapping[str, str],
        spending: Row | None,
    ) -> StoredBatch:
        """Write how a batch ended, with the outcome of each request, in one commit.

        What was held for them is given back; *spending* has what they cost instead.
        """
        rows = [
            {
                "batch_id": batch.batch_id,
                "completion_key": key,
                "paper_ids": list(ids),
                "outcome": outcomes.get(key),
            }
            for key, ids in papers.items()
        ]
        self._commit([batch], rows, spending=spending)
        return batch

    def requests(self, batch_id: str) -> dict[str, list[str]]:
        """Return the keys of a batch with the papers that each is about."""
        rows = self._rows(
            "select completion_key, paper_ids from batch_requests where batch_id = $id"
            " order by completion_key",
            id=batch_id,
        )
        return dict(rows)

    def outcomes(self, batch_id: str) -> dict[str, str | None]:
        """Return the keys of a batch with what became of each."""
        rows = self._rows(
            "select completion_key, outcome from batch_requests where batch_id = $id", id=batch_id
        )
        return dict(rows)

    def held(self, batch_id: str) -> dict[str, Decimal]:
        """Return the most that the unsettled requests of a batch may cost."""
        rows = self._rows(
            "select completion_key, held from batch_requests"
            " where batch_id = $id and held is not null",
            id=batch_id,
        )
        return {key: Decimal(repr(amount)) for key, amount in rows}

    def open_keys(self) -> set[str]:
        """Return the keys that are in open batches."""
        rows = self._rows(
            "select completion_key from batch_requests join batches using (batch_id)"
            " where state in (select unnest($open))",
            open=list(OPEN),
        )
        return {row[0] for row in rows}

    def cut_keys(self) -> set[str]:
        """Return the keys whose answer was cut in a batch before."""
        rows = self._rows("select completion_key from batch_requests where outcome = 'truncated'")
        return {row[0] for row in rows}

    def taken(self, keys: Iterable[str]) -> set[str]:
        """Return which of *keys* need no asking: answered, or in a batch that is open."""
        rows = self._rows(
            "select completion_key from completions"
            " where status = 'ok' and completion_key in (select unnest($keys))"
            " union select completion_key from batch_requests join batches using (batch_id)"
            " where state in (select unnest($open)) and completion_key in (select unnest($keys))",
            keys=list(keys),
            open=list(OPEN),
        )
        return {row[0] for row in rows}

    def answered(self, keys: Iterable[str]) -> set[str]:
        """Return which of *keys* have an answer."""
        rows = self._rows(
            "select completion_key from completions"
            " where status = 'ok' and completion_key in (select unnest($keys))",
            keys=list(keys),
        )
        return {row[0] for row in rows}

    def failures(self, keys: Iterable[str]) -> dict[str, list[str]]:
        """Return the outcomes other than an answer that *keys* had in batches."""
        rows = self._rows(
            "select completion_key, list(outcome) from batch_requests"
            " where outcome not in ('answered', 'cancelled', 'not_asked')"
            " and completion_key in (select unnest($keys)) group by 1",
            keys=list(keys),
        )
        return dict(rows)

    def unanswered(self, ask_id: str) -> dict[str, list[str]]:
        """Return the keys that ended batches of *ask_id* left to be asked again, with their papers.

        Not those that were cancelled, nor those that failed for good.
        """
        rows = self._rows(
            "select r.completion_key, list_distinct(flatten(list(r.paper_ids)))"
            " from batch_requests r join batches b using (batch_id)"
            " left join completions c using (completion_key)"
            " where b.ask_id = $ask_id and b.state = 'fetched' and r.outcome <> 'answered'"
            " and r.outcome <> 'cancelled'"
            " and (c.status is null or c.status = 'failed' and c.is_transient)"
            " group by 1 order by 1",
            ask_id=ask_id,
        )
        return dict(rows)

    def same_text(self, paper_ids: Iterable[str]) -> dict[str, list[str]]:
        """Return for each paper all that have its very text, itself among them."""
        rows = self._rows(
            "select p.paper_id, list(q.paper_id order by q.paper_id)"
            " from papers p join papers q using (text_hash)"
            " where p.paper_id in (select unnest($ids)) group by 1",
            ids=list(paper_ids),
        )
        return dict(rows)

    def papers(self, paper_ids: Iterable[str]) -> dict[str, Paper]:
        """Return stored papers by id, with the text that they have now."""
        rows = self._rows(
            "select paper_id, title, abstract from papers where paper_id in (select unnest($ids))",
            ids=list(paper_ids),
        )
        return {row[0]: Paper(*row) for row in rows}

    def _rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with connected(self.database) as connection:
            return connection.execute(sql, values).fetchall()

    def _commit(
        self,
        batches: Sequence[StoredBatch],
        requests: Sequence[Row],
        *,
        released: Sequence[str] = (),
        spending: Row | None = None,
    ) -> None:
        with connected(self.database) as connection:
            connection.execute("begin")
            for table, rows in (
                ("batches", list(map(asdict, batches))),
                ("batch_requests", requests),
                ("spending", [spending] if spending else []),
            ):
                columns, key = TABLES[table]
                names = tuple(name.strip() for name in key.split(","))
                insert(connection, table, columns, rows, mode="or replace", key=names)
            if released:
                connection.execute(
                    "update batch_requests set held = null where batch_id = $id"
                    " and completion_key in (select unnest($keys))",
                    {"id": batches[0].batch_id, "keys": list(released)},
                )
            row = connection.execute(
                "update meta set flush_seq = flush_seq + 1 returning flush_seq"
            ).fetchone()
            connection.execute("commit")
        if row:
            write_state(self.database, int(row[0]))
