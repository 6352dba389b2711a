"""What runs spent, as the database has it: for budgets, and for estimates.

A run with a budget keeps a row in `spending` that is never less than what it has spent, written
before its calls. A run without one has its price in `runs`, once it has ended, and in its
completions before that. What batches may cost is held with their requests, until it is settled by
the row in `spending` of the run that fetched them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from extract.store.connection import connected
from extract.store.database import now
from extract.store.layout import TABLES
from extract.store.versions import look

SAMPLE = 2000
"""So many past papers tell what the next ones will cost."""

_SPENT = """
with stored as (
    select run_id, sum(price_at_most) as at_most from completions group by run_id
)
select greatest(s.at_most, r.price_at_most, c.at_most), coalesce(r.calls, 0) > 0
from runs r
full join spending s using (run_id)
left join stored c on c.run_id = coalesce(r.run_id, s.run_id)
"""
# In whole billionths, rounded up: a sum of floats may fall short.
_HELD = "select sum(ceil(held * 1e9)::hugeint) from batch_requests where held is not null"
_PAST = """
select
    list_sum([len(said) for said in json_extract_string(request, '$.messages[*].content')]),
    len(json_extract_string(request, '$.messages[#-1].content')),
    input_tokens, cached_tokens, output_tokens, calls
from completions
where model = $model and model_id = $model_id and task = $task and wire = $wire
    and prompt_version = $prompt_version and task_version = $task_version
    and calls > 0 and input_tokens > 0 and request is not null
order by created_at desc
limit $sample
"""


@dataclass(frozen=True)
class SpentBefore:
    """What the runs of a database cost at most; `unpriced` are those whose price is unknown.

    `held` is the part of it that is held for batches, which may cost less.
    """

    at_most: Decimal = Decimal(0)
    unpriced: int = 0
    held: Decimal = Decimal(0)


@dataclass(frozen=True)
class PastPaper:
    """What asking about one paper took, with its retries and re-asks."""

    request_chars: int
    paper_chars: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    calls: int


def spent_before(database: Path) -> SpentBefore:
    """Return what all runs on *database* cost so far; nothing where there is none."""
    if not _has(database, "spending", "runs", "completions"):
        return SpentBefore()
    has_batches = _has(database, "batch_requests")  # not in a file of an older version
    with connected(database, read_only=True) as connection:
        rows = connection.execute(_SPENT).fetchall()
        billionths = connection.execute(_HELD).fetchone() if has_batches else None
    held = Decimal(int(billionths[0] or 0) if billionths else 0) / 10**9
    spent = sum((Decimal(repr(row[0])) for row in rows if row[0] is not None), Decimal(0))
    return SpentBefore(
        at_most=spent + held,
        unpriced=sum(row[0] is None and row[1] for row in rows),
        held=held,
    )


def past_papers(database: Path, asked: Mapping[str, str]) -> list[PastPaper]:
    """Return the newest papers that were asked in the same way; *asked* names model and prompt."""
    if not _has(database, "completions"):
        return []
    with connected(database, read_only=True) as connection:
        rows = connection.execute(_PAST, {**asked, "sample": SAMPLE}).fetchall()
    return [PastPaper(*(int(value or 0) for value in row)) for row in rows]


def spending_row(
    run_id: str, budget: Decimal | None, at_most: Decimal, price: Decimal, *, is_settled: bool
) -> dict[str, Any]:
    """Return the row of a run; what it can have spent is rounded up where a column is too short."""
    return {
        "run_id": run_id,
        "budget": None if budget is None else float(budget),
        "at_most": rounded_up(at_most),
        "price": float(price),
        "is_settled": is_settled,
        "updated_at": now(),
    }


def rounded_up(amount: Decimal) -> float:
    """Return the least float that is read again, by its shortest form, as *amount* or more."""
    number = float(amount)
    return number if Decimal(repr(number)) >= amount else math.nextafter(number, math.inf)


def _has(database: Path, *tables: str) -> bool:
    """Say whether *database* is there with all columns of these tables."""
    if not database.exists():
        return False
    found = look(database).columns
    return all(TABLES[name][0].keys() <= found.get(name, {}).keys() for name in tables)
