"""What `paperfacts doctor` looks at: is the file whole, and does what it says agree with itself?

Every check reads, in the child process that people's queries run in. Each one says that all is
well, what is worth knowing, or what is wrong and what to do now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from extract.errors import InputError, PaperfactsError
from extract.store.copying import wal_path
from extract.store.faults import not_ours
from extract.store.layout import META, SCHEMA_VERSION, TABLES, identifier
from extract.store.lock import holder
from extract.store.reading import literal, rows_of
from extract.store.rescue import waiting
from extract.store.state import read_state
from extract.store.versions import lost_words
from extract.terminal import shell_word
from extract.version import tool_version

Verdict = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `next_step` is empty where there is nothing to do."""

    name: str
    verdict: Verdict
    words: str
    next_step: str = ""


def examine(db: Path) -> Iterator[Check]:
    """Yield the checks of *db*; where it cannot be opened, the first one is the last."""
    if not db.exists():
        raise InputError(
            f"there is no database at {db}", hint=f"paperfacts run FEED --db {shell_word(db)}"
        )
    running = holder(db)
    yield _log(db, running)
    try:
        tables = _tables(db)
    except PaperfactsError as error:
        yield Check("file", "wrong", str(error), error.hint)
        return
    yield Check("file", "ok", "opens")
    names = {name for schema, name in tables if schema == "main"}
    if missing := sorted(TABLES.keys() - names):
        yield _lacking(db, missing, tables.get(("main", "meta"), []))
        return
    checks: list[Callable[[], Check]] = [
        lambda: _version(db),
        lambda: _commits(db),
        lambda: _blocks(db, tables),
        lambda: _spans(db, tables),
        lambda: _orphans(db, tables),
        lambda: _runs(db, running),
        lambda: _rescue(db),
    ]
    for check in checks:
        try:
            yield check()
        except PaperfactsError as error:
            yield Check("reading", "wrong", str(error), _repair(db))


def _repair(db: Path) -> str:
    return f"paperfacts repair {db}, which works on a copy and leaves this file as it is"


def _tables(db: Path) -> dict[tuple[str, str], list[str]]:
    """Return the columns of each table, by schema and name."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows_of(
        db,
        "select c.schema_name, c.table_name, c.column_name from duckdb_columns() c"
        " join duckdb_tables() t on t.table_oid = c.table_oid and t.schema_name = c.schema_name"
        " where c.schema_name in ('main', 'history') order by c.column_index",
    ):
        found.setdefault((row["schema_name"], row["table_name"]), []).append(row["column_name"])
    return found


def _log(db: Path, running: str | None) -> Check:
    """A log that stays behind is no damage, and deleting it would be."""
    if running:
        return Check("log", "note", f"{running} is writing to it now")
    if wal_path(db).exists():
        return Check(
            "log",
            "note",
            f"{wal_path(db)} was left by a process that ended without closing the database",
            "keep it: the next run takes in the rows that it holds",
        )
    return Check("log", "ok", "none left behind")


def _lacking(db: Path, missing: list[str], meta: list[str]) -> Check:
    words = f"there is no table {', '.join(missing)}"
    if not META.keys() <= set(meta):
        return Check("version", "wrong", str(not_ours(db)), "name a database of paperfacts")
    return Check("version", "note", words, "the next run makes it, after a backup")


def _version(db: Path) -> Check:
    """The file is of this version, or of one that a run brings up to date."""
    [row] = rows_of(db, "select schema_version, tool_version from meta") or [{}]
    if not row:
        return Check("version", "wrong", "nothing says which version made this file", _repair(db))
    version, tool = row["schema_version"], row["tool_version"]
    if version > SCHEMA_VERSION:
        return Check(
            "version",
            "wrong",
            f"written by paperfacts {tool}, you have {tool_version()}",
            "pip install --upgrade paperfacts",
        )
    if version < SCHEMA_VERSION:
        words = f"tables of version {version}, made by paperfacts {tool}"
        return Check("version", "note", words, "the next run brings them up, after a backup")
    return Check("version", "ok", f"tables of version {version}, made by paperfacts {tool}")


def _commits(db: Path) -> Check:
    """The file has all commits that were confirmed."""
    rows = rows_of(db, "select flush_seq from meta")
    if not rows:
        return Check("commits", "wrong", "nothing says how many there were", _repair(db))
    has, known = rows[0]["flush_seq"], read_state(db)
    if known is None and has:
        return Check("commits", "note", f"{has}; {db.name}.state, which confirms them, is missing")
    if known is not None and has < known:
        return Check("commits", "wrong", lost_words(db, has, known), "run the same feed again")
    return Check("commits", "ok", f"{has}, all that were confirmed")


def _blocks(db: Path, tables: dict[tuple[str, str], list[str]]) -> Check:
    """Every value of every table can be read: DuckDB checks the sum of each block it reads."""
    named = [f"{identifier(schema)}.{identifier(name)}" for schema, name in tables]
    read = "select {what} as name, count(*) as n, bit_xor(hash(t)) from {table} t"
    questions = [read.format(what=literal(table), table=table) for table in named]
    try:
        rows = rows_of(db, " union all ".join(questions))
    except PaperfactsError as error:
        for table, question in zip(named, questions, strict=True):
            try:
                rows_of(db, question)
            except PaperfactsError as worse:
                return Check("blocks", "wrong", f"{table}: {worse}", _repair(db))
        return Check("blocks", "wrong", str(error), _repair(db))
    total = sum(row["n"] for row in rows)
    return Check("blocks", "ok", f"{total:,} rows in {len(tables)} tables can be read")


def _spans(db: Path, tables: dict[tuple[str, str], list[str]]) -> Check:
    """Every fact lies in its sentence, is what stands there, and has that sentence as evidence."""
    wrong: list[str] = []
    total = 0
    for (schema, name), columns in tables.items():
        has_span = {"sentence", "span_start", "span_end", "extraction_id"} <= set(columns)
        if not has_span or (schema, name) == ("main", "papers"):
            continue
        table = f"{schema}.{identifier(name)}"
        [row] = rows_of(db, _SPANS.format(table=table, wrong=_misquotes(columns)))
        total += row["total"]
        if row["wrong"]:
            wrong.append(f"{row['wrong']} of {schema}.{name} (first in paper {row['first']})")
    if wrong:
        words = f"spans that their text does not bear out: {', '.join(wrong)}"
        return Check("spans", "wrong", words, f"{_repair(db)}; a run then derives them anew")
    return Check("spans", "ok", f"{total:,} spans agree with their text")


def _misquotes(columns: list[str]) -> str:
    """Return the condition under which a row is not what stands at its span."""
    if "surface" in columns:
        return "word <> f.surface"
    own = columns[columns.index("completion_key") + 1 :]
    said = ", ".join(f"f.{identifier(column)}::varchar" for column in own)
    # Which column is the name of the record is known to the task alone; one of them must be it.
    return f"source[lo + 1:hi] <> f.evidence or f.alignment = 'exact' and word not in ({said})"


# Of papers whose text is still the one that was read: offsets into another say nothing.
_SPANS = """
with places as (
    select
        f,
        case when f.sentence = 0 then p.title else p.abstract end as source,
        case when f.sentence = 0 then 0 else p.sentence_spans[f.sentence][1] end as lo,
        case when f.sentence = 0 then length(p.title)
             else p.sentence_spans[f.sentence][2] end as hi
    from {table} f
    join extractions e using (extraction_id)
    join papers p on p.paper_id = e.paper_id and p.text_hash = e.text_hash
    where f.span_start is not null
),
words as (
    select *, source[f.span_start + 1:f.span_end] as word from places
),
checked as (
    select
        f.paper_id,
        coalesce(
            f.span_start < lo or f.span_end > hi or f.span_start >= f.span_end or {wrong}, true
        ) as is_wrong
    from words
)
select
    count(*) as total,
    count(*) filter (is_wrong) as wrong,
    min(paper_id) filter (is_wrong) as first
from checked
"""


def _orphans(db: Path, tables: dict[tuple[str, str], list[str]]) -> Check:
    """Every row leads to what it says that it comes from."""
    questions = {
        "current extractions that are not there": (
            "from current_extractions anti join extractions using (extraction_id)"
        ),
        "extractions without their paper": "from extractions anti join papers using (paper_id)",
        "extractions without their answer": (
            "from extractions anti join completions using (completion_key)"
        ),
        "mentions without their extraction": (
            "from mentions anti join extractions using (extraction_id)"
        ),
    }
    kinds = [(name, columns) for (schema, name), columns in tables.items() if schema == "history"]
    counted = []
    for name, columns in kinds:
        table = f"history.{identifier(name)}"
        questions[f"rows of {name} without their extraction"] = (
            f"from {table} anti join extractions using (extraction_id)"
        )
        if "alignment" in columns:
            counted.append(f"select extraction_id from {table}")
    if counted:
        questions["extractions that lack some of their facts, or have too many"] = (
            "from (select e.extraction_id, any_value(e.facts + e.missing) as wanted,"
            " count(f.extraction_id) as found from extractions e left join"
            f" ({' union all '.join(counted)}) f using (extraction_id) group by all)"
            " where wanted <> found"
        )
    sql = " union all ".join(
        f"select {literal(what)} as what, count(*) as n {question}"
        for what, question in questions.items()
    )
    wrong = [f"{row['n']} {row['what']}" for row in rows_of(db, sql) if row["n"]]
    if wrong:
        words = ", ".join(wrong)
        return Check("orphans", "wrong", words, f"{_repair(db)}; a run then derives them anew")
    return Check("orphans", "ok", "every row leads to its extraction, paper and answer")


def _runs(db: Path, running: str | None) -> Check:
    """A run that never said how it ended was killed, or is under way."""
    left: list[dict[str, Any]] = rows_of(
        db, "select run_id, started_at from runs where state = 'running' order by started_at"
    )
    if left and not running:
        return Check(
            "runs",
            "note",
            f"{len(left)} ended without a word, the last one begun at {left[-1]['started_at']}",
            "run the same command again: what it had stored is not asked again",
        )
    return Check("runs", "ok", "each says how it ended" if not left else "one is under way")


def _rescue(db: Path) -> Check:
    """Answers that the database did not take wait elsewhere."""
    if paths := waiting(db):
        words = f"answers wait to be written in {', '.join(map(str, paths))}"
        return Check("rescue", "note", words, "the next run on this database writes them")
    return Check("rescue", "ok", "no answers wait elsewhere")
