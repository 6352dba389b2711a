"""What a run would ask, and what that would cost: `paperfacts run --dry-run`.

It goes the way of a run (`extract.pipeline`) as far as the first call: papers whose facts are
current, answers that only have to be grounded, failures that are not tried again, and the rest.
The database is opened for reading, and not made where it is not there.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from extract.feeds import Feed
from extract.grounding import DERIVATION, digest
from extract.models import Model
from extract.money.budget import Budget
from extract.money.estimate import Estimate, Load, estimate, past_of
from extract.money.prices import prices_of
from extract.money.reserve import PRICE_FACTOR
from extract.papers import Paper
from extract.store.database import Database
from extract.store.spending import SpentBefore, spent_before
from extract.store.versions import check_readable
from extract.todo import Todo, prepare

CHUNK = 250


@dataclass
class Plan:
    """What a run would do. `cached` are papers without a call, `failed` those left as they are.

    `too_long` papers would fail without a call; `to_ask` papers with the same text share one.
    """

    model: str
    is_local: bool
    database: Path
    papers: int = 0
    cached: int = 0
    failed: int = 0
    too_long: int = 0
    to_ask: int = 0
    estimate: Estimate | None = None
    price_source: str | None = None
    before: SpentBefore = field(default_factory=SpentBefore)
    is_batch: bool = False
    """True for `--batch`, whose price is half."""
    limit: Decimal | None = None
    """What a budget allows this run to spend."""
    problem_counts: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The plan as data, for `--json`."""
        return {
            "schema_version": 1,
            "dry_run": True,
            "batch": self.is_batch,
            "model": self.model,
            "database": str(self.database),
            "papers": self.papers,
            "to_ask": self.to_ask,
            "cached": self.cached,
            "failed_before": self.failed,
            "too_long": self.too_long,
            "expected": self.estimate.as_json() if self.estimate else None,
            "price_source": self.price_source,
            "spent_before": float(self.before.at_most),
            "unpriced_runs": self.before.unpriced,
            "budget_left": None if self.limit is None else float(self.limit),
            "problem_counts": self.problem_counts,
        }


def plan(
    feed: Feed,
    model: Model,
    database: Path,
    *,
    limit: int | None = None,
    retry_failed: bool = False,
    budget: Budget | None = None,
    is_batch: bool = False,
) -> Plan:
    """Return what a run of *feed* into *database* would ask, and what it would cost."""
    planning = _Planning(model, database, retry_failed=retry_failed)
    planning.plan.is_batch = is_batch
    return planning.of(feed, limit, budget)


class _Planning:
    """A plan, while it is made."""

    def __init__(self, model: Model, database: Path, *, retry_failed: bool) -> None:
        self.model, self.recipe, self.retry_failed = model, model.recipe, retry_failed
        self.plan = Plan(model.name, model.is_local, database)
        self.load = Load()
        self.keys: set[int] = set()
        is_there = check_readable(database)
        self.database = Database(database, self.recipe.task, read_only=True) if is_there else None

    def of(self, feed: Feed, limit: int | None, budget: Budget | None) -> Plan:
        """Read the feed, and return the plan."""
        plan = self.plan
        papers: Iterable[Paper] = itertools.islice(feed.papers, limit)
        while chunk := list(itertools.islice(papers, CHUNK)):
            self._chunk(chunk)
        plan.problem_counts = dict(feed.problems.counts)
        prices = prices_of(self.model)
        past = past_of(plan.database, self.recipe)
        plan.estimate = estimate(self.load, past, prices.now() if prices else None)
        if plan.is_batch and (price := plan.estimate.price) is not None:
            plan.estimate = replace(plan.estimate, price=price.times(float(PRICE_FACTOR)))
        plan.price_source = prices.source if prices else None
        plan.before = spent_before(plan.database)
        if budget is not None:
            plan.limit = budget.limit(plan.before.at_most)
        return plan

    def _chunk(self, papers: Sequence[Paper]) -> None:
        """Count the papers of one chunk."""
        self.plan.papers += len(papers)
        hashes = {paper.paper_id: digest(paper.title, paper.abstract) for paper in papers}
        current = self.database.current(list(hashes)) if self.database else {}
        todos = []
        for paper in papers:
            known = current.get(paper.paper_id)
            wanted = (hashes[paper.paper_id], self.recipe.ask_id, DERIVATION)
            if known and known[:3] == wanted:
                self.plan.cached += 1
            elif len(paper.title) + len(paper.abstract) > self.model.max_chars:
                self.plan.too_long += 1
            else:
                todos.append(prepare(paper, self.recipe))
        stored = self.database.completions([todo.key for todo in todos]) if self.database else {}
        for todo in todos:
            self._todo(todo, stored.get(todo.key))

    def _todo(self, todo: Todo, known: dict[str, Any] | None) -> None:
        """Count a paper whose facts are not current."""
        if known and known["status"] == "ok" and self._is_answer(todo, known["content"]):
            self.plan.cached += 1
        elif known and known["status"] == "failed" and not self._is_retried(known):
            self.plan.failed += 1
        else:
            self.plan.to_ask += 1
            if hash(todo.key) not in self.keys:
                self.keys.add(hash(todo.key))
                self.load.add(todo.request)

    def _is_answer(self, todo: Todo, content: str) -> bool:
        """Say whether a stored answer is still one."""
        try:
            self.recipe.answer(content, todo.shown)
        except ValueError:
            return False
        return True

    def _is_retried(self, known: dict[str, Any]) -> bool:
        return self.retry_failed or bool(known["is_transient"])
