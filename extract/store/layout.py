"""What the database looks like: tables, views, and the columns that a task's records become.

People query the views; the tables keep history. `docs/tables.md` documents both, and a test
compares the two. A task's columns follow from the markers of its schema.

    papers completions extractions runs mentions metrics    tables of every database
    batches batch_requests                                  what a provider answers later
    spending                                                what runs with a budget may have spent
    current_extractions                                     which extraction of a paper counts
    history.TASK_KIND                                       every fact ever derived
    task_TASK.KIND, and KIND where it is free               views of the current, grounded facts
    task_TASK.KIND_all                                      those, the missing and the doubtful ones
    history.TASK_gaps, task_TASK.gaps, and gaps             checked gaps, where a task has them

Not here: connections (`connection`) and what is written when (`database`).
"""

from __future__ import annotations

from extract.gapplan import TABLE as GAPS_TABLE
from extract.gapplan import gap_plan
from extract.task import RecordKind, Task, TaskField

SCHEMA_VERSION = 1

Columns = dict[str, str]

META: Columns = {"schema_version": "INTEGER", "tool_version": "VARCHAR", "flush_seq": "BIGINT"}
PAPERS: Columns = {
    "paper_id": "VARCHAR",
    "title": "VARCHAR",
    "abstract": "VARCHAR",
    "url": "VARCHAR",
    "published": "VARCHAR",
    "authors": "VARCHAR[]",
    "venue": "VARCHAR",
    "feeds": "VARCHAR[]",
    "text_hash": "VARCHAR",
    "sentence_spans": "INTEGER[][]",
    "added_at": "TIMESTAMP",
    "signs": "VARCHAR[]",
}
COMPLETIONS: Columns = {
    "completion_key": "VARCHAR",
    "status": "VARCHAR",
    "model": "VARCHAR",
    "model_id": "VARCHAR",
    "task": "VARCHAR",
    "task_version": "VARCHAR",
    "prompt_version": "VARCHAR",
    "wire": "VARCHAR",
    "request": "VARCHAR",
    "content": "VARCHAR",
    "answer": "VARCHAR",
    "finish_reason": "VARCHAR",
    "failure_class": "VARCHAR",
    "failure_message": "VARCHAR",
    "is_transient": "BOOLEAN",
    "repaired": "BOOLEAN",
    "attempts": "INTEGER",
    "calls": "INTEGER",
    "http_status": "INTEGER",
    "request_id": "VARCHAR",
    "input_tokens": "BIGINT",
    "output_tokens": "BIGINT",
    "cached_tokens": "BIGINT",
    "price": "DOUBLE",
    "price_at_most": "DOUBLE",
    "latency_s": "DOUBLE",
    "token_logprobs": "VARCHAR",
    "run_id": "VARCHAR",
    "created_at": "TIMESTAMP",
}
EXTRACTIONS: Columns = {
    "extraction_id": "VARCHAR",
    "paper_id": "VARCHAR",
    "text_hash": "VARCHAR",
    "task": "VARCHAR",
    "ask_id": "VARCHAR",
    "derivation": "VARCHAR",
    "completion_key": "VARCHAR",
    "run_id": "VARCHAR",
    "facts": "INTEGER",
    "missing": "INTEGER",
    "created_at": "TIMESTAMP",
}
CURRENT: Columns = {"task": "VARCHAR", "paper_id": "VARCHAR", "extraction_id": "VARCHAR"}
RUNS: Columns = {
    "run_id": "VARCHAR",
    "started_at": "TIMESTAMP",
    "finished_at": "TIMESTAMP",
    "state": "VARCHAR",
    "exit_code": "INTEGER",
    "feed": "VARCHAR",
    "model": "VARCHAR",
    "task": "VARCHAR",
    "tool_version": "VARCHAR",
    "papers": "INTEGER",
    "cached": "INTEGER",
    "asked": "INTEGER",
    "failed": "INTEGER",
    "problems": "INTEGER",
    "facts": "INTEGER",
    "missing": "INTEGER",
    "calls": "BIGINT",
    "input_tokens": "BIGINT",
    "output_tokens": "BIGINT",
    "cached_tokens": "BIGINT",
    "price": "DOUBLE",
    "price_at_most": "DOUBLE",
    "price_per_paper": "DOUBLE",
    "price_per_fact": "DOUBLE",
    "probe": "VARCHAR",
}
SPENDING: Columns = {
    "run_id": "VARCHAR",
    "budget": "DOUBLE",
    "at_most": "DOUBLE",
    "price": "DOUBLE",
    "is_settled": "BOOLEAN",
    "updated_at": "TIMESTAMP",
}
PROBES: Columns = {
    "probe_id": "VARCHAR",
    "suite": "VARCHAR",
    "model": "VARCHAR",
    "model_id": "VARCHAR",
    "ask_id": "VARCHAR",
    "task": "VARCHAR",
    "verdict": "VARCHAR",
    "reasons": "VARCHAR[]",
    "counts": "VARCHAR",
    "rate": "DOUBLE",
    "texts": "INTEGER",
    "calls": "BIGINT",
    "input_tokens": "BIGINT",
    "output_tokens": "BIGINT",
    "probed_at": "TIMESTAMP",
    "tool_version": "VARCHAR",
}
BATCHES: Columns = {
    "batch_id": "VARCHAR",
    "state": "VARCHAR",
    "status": "VARCHAR",
    "provider_batch_id": "VARCHAR",
    "file_id": "VARCHAR",
    "output_file_id": "VARCHAR",
    "error_file_id": "VARCHAR",
    "model": "VARCHAR",
    "place": "VARCHAR",
    "base_url": "VARCHAR",
    "mode": "VARCHAR",
    "path": "VARCHAR",
    "task": "VARCHAR",
    "ask_id": "VARCHAR",
    "requests": "INTEGER",
    "bytes": "BIGINT",
    "completed": "INTEGER",
    "failed": "INTEGER",
    "answered": "INTEGER",
    "failures": "INTEGER",
    "not_asked": "INTEGER",
    "budget": "DOUBLE",
    "words": "VARCHAR",
    "tool_version": "VARCHAR",
    "created_at": "TIMESTAMP",
    "submitted_at": "TIMESTAMP",
    "checked_at": "TIMESTAMP",
    "fetched_at": "TIMESTAMP",
}
BATCH_REQUESTS: Columns = {
    "batch_id": "VARCHAR",
    "completion_key": "VARCHAR",
    "paper_ids": "VARCHAR[]",
    "outcome": "VARCHAR",
    "held": "DOUBLE",
}
MENTIONS: Columns = {
    "extraction_id": "VARCHAR",
    "fact_id": "VARCHAR",
    "paper_id": "VARCHAR",
    "kind": "VARCHAR",
    "sentence": "INTEGER",
    "span_start": "INTEGER",
    "span_end": "INTEGER",
    "surface": "VARCHAR",
}
METRICS: Columns = {
    "metric_name": "VARCHAR",
    "aliases": "VARCHAR[]",
    "higher_is_better": "BOOLEAN",
    "low": "DOUBLE",
    "high": "DOUBLE",
    "unit": "VARCHAR",
}
KINDS: Columns = {"task": "VARCHAR", "kind": "VARCHAR", "columns": "VARCHAR"}

TABLES: dict[str, tuple[Columns, str]] = {
    "meta": (META, ""),
    "papers": (PAPERS, "paper_id"),
    "completions": (COMPLETIONS, "completion_key"),
    "extractions": (EXTRACTIONS, "extraction_id"),
    "current_extractions": (CURRENT, "task, paper_id"),
    "runs": (RUNS, "run_id"),
    "spending": (SPENDING, "run_id"),
    "probes": (PROBES, "probe_id"),
    "batches": (BATCHES, "batch_id"),
    "batch_requests": (BATCH_REQUESTS, "batch_id, completion_key"),
    "mentions": (MENTIONS, ""),
    "metrics": (METRICS, "metric_name"),
    "task_kinds": (KINDS, "task, kind"),
}

FACT: Columns = {
    "fact_id": "VARCHAR",
    "extraction_id": "VARCHAR",
    "paper_id": "VARCHAR",
    "position": "INTEGER",
    "sentence": "INTEGER",
    "span_start": "INTEGER",
    "span_end": "INTEGER",
    "alignment": "VARCHAR",
    "reason": "VARCHAR",
    "evidence": "VARCHAR",
    "probability": "DOUBLE",
    "confidence": "DOUBLE",
    "doubtful": "BOOLEAN",
    "completion_key": "VARCHAR",
}
QUANTITY: Columns = {
    "number": "DOUBLE",
    "low": "DOUBLE",
    "high": "DOUBLE",
    "unit": "VARCHAR",
    "comparator": "VARCHAR",
    "relative": "BOOLEAN",
}
GAPS: Columns = {
    "fact_id": "VARCHAR",
    "extraction_id": "VARCHAR",
    "paper_id": "VARCHAR",
    "value": "VARCHAR",
    "stated": "DOUBLE",
    "verdict": "VARCHAR",
    "expected": "DOUBLE",
    "reading": "VARCHAR",
    "low_id": "VARCHAR",
    "low_value": "VARCHAR",
    "low": "DOUBLE",
    "high_id": "VARCHAR",
    "high_value": "VARCHAR",
    "high": "DOUBLE",
}
SIDE_SPAN: Columns = {
    "sentence": "INTEGER",
    "start": "INTEGER",
    "end": "INTEGER",
    "alignment": "VARCHAR",
}


SHOWN = "alignment <> 'missing' and not coalesce(doubtful, false)"
"""The facts that people query by default; the views that end in `_all` have the others too."""


def identifier(name: str) -> str:
    """Quote *name* for SQL. Names of tasks come from users; values are always bound."""
    return '"' + name.replace('"', '""') + '"'


def fact_columns(kind: RecordKind) -> Columns:
    """Return the columns of one record kind's table, in order."""
    columns = dict(FACT)
    if kind.key is None:
        columns["text"] = "VARCHAR"
    for f in kind.fields:
        columns |= _field_columns(f, is_key=f is kind.key)
    return columns


def _field_columns(f: TaskField, *, is_key: bool) -> Columns:
    """Return the columns that one field becomes."""
    if f.type == "sentence":
        return {}
    if f.type == "quantity":
        prefix = "" if f.name == "value" else f"{f.name}_"
        return {f.name: "VARCHAR"} | {prefix + name: type_ for name, type_ in QUANTITY.items()}
    plain = {"aliases": "VARCHAR[]", "number": "DOUBLE", "flag": "BOOLEAN"}
    columns = {f.name: plain.get(f.type, "VARCHAR")}
    if f.type == "ref":
        columns[f"{f.name}_id"] = "VARCHAR"
    if f.is_metric:
        columns |= {f"{f.name}_name": "VARCHAR", f"{f.name}_higher_is_better": "BOOLEAN"}
    if f.type == "verbatim" and not is_key:
        columns |= {f"{f.name}_{part}": type_ for part, type_ in SIDE_SPAN.items()}
    return columns


def task_schema(task: str) -> str:
    """Return the quoted name of the schema that holds a task's views.

    It is not the bare name: DuckDB calls a database after its file, and `facts.results` would
    mean two things in a file called facts.duckdb.
    """
    return identifier(f"task_{task}")


def history_table(task: str, kind: str) -> str:
    """Return the quoted name of the table that keeps every fact of a kind."""
    return f"history.{identifier(f'{task}_{kind}')}"


def base_statements() -> list[str]:
    """Return the statements that make the tables of every database."""
    statements = ["create schema if not exists history"]
    for name, (columns, key) in TABLES.items():
        statements.append(_create(identifier(name), columns, key))
    return statements


def _create(name: str, columns: Columns, key: str) -> str:
    body = ", ".join(f"{identifier(column)} {type_}" for column, type_ in columns.items())
    primary = f", primary key ({key})" if key else ""
    return f"create table if not exists {name} ({body}{primary})"


def task_tables(task: Task) -> dict[str, Columns]:
    """Return the columns of each history table of a task: one per list, and its gaps."""
    tables = {kind.name: fact_columns(kind) for kind in task.kinds}
    return tables | ({GAPS_TABLE: GAPS} if gap_plan(task) else {})


def task_statements(task: Task, claimed: dict[str, str]) -> list[str]:
    """Return the statements that make a task's tables and views.

    *claimed* says which task the plain view of a kind belongs to already.
    """
    schema = task_schema(task.name)
    statements = [f"create schema if not exists {schema}"]
    for kind, columns in task_tables(task).items():
        table = history_table(task.name, kind)
        statements.append(_create(table, columns, ""))
        shown = ", ".join(f"f.{identifier(c)}" for c in columns if c not in ("extraction_id",))
        current = (
            f"select {shown} from {table} f"
            " join main.current_extractions c on c.extraction_id = f.extraction_id"
        )
        every = f"{schema}.{identifier(kind + '_all')}"
        name = f"{schema}.{identifier(kind)}"
        if "alignment" in columns:
            statements.append(f"create or replace view {every} as {current}")
            current = f"select * from {every} where {SHOWN}"
        statements.append(f"create or replace view {name} as {current}")
        if claimed.get(kind, task.name) == task.name:
            statements.append(
                f"create or replace view main.{identifier(kind)} as select * from {name}"
            )
    return statements
