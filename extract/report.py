"""What a run did: counts, failures with their next step, and what it cost.

Not here: how it looks on a terminal (`extract.cli.progress`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from extract.completion import Failure, Spent, Usage
from extract.grounding import Fact

if TYPE_CHECKING:
    from extract.money.estimate import Interval

NEXT_STEP = {
    "truncated": "the answer was longer than the model's limit; try another model",
    "filtered": "the provider's content filter refused it; try another model",
    "refused": "the model refused; try another model",
    "empty_response": "run again with --retry-failed",
    "bad_envelope": "check --base-url; then run again",
    "schema_invalid": "run again with --retry-failed, or try another model",
    "too_long": "the abstract does not fit the model; try one with a longer context",
    "too_large": "the provider's answer passed the size limit; try another model",
    "empty_input": "the feed has no abstract for it",
    "rate_limited": "run the same command again later",
    "timeout": "run the same command again",
    "transport": "check the connection and run the same command again",
    "server_error": "run the same command again later",
    "bad_request": "read the message: the provider did not take the request",
    "local_crash": "run again with --retry-failed, with less else running on the machine",
    "grammar_dropped": "a fault of paperfacts or its llama.cpp: report it with this message",
}


@dataclass(frozen=True)
class FailedPaper:
    """A paper without facts, and why."""

    paper_id: str
    title: str
    failure: Failure


@dataclass
class RunReport:
    """The figures of one run. `facts` counts those that the views show by kind, `doubtful` those
    that are left out as unsure, `missing` those that are not in the text.

    `problems` are the first of the feed, `problem_counts` counts all of them by reason.
    `cached_facts` and `cached_missing` are those of the papers that were done before.
    """

    run_id: str
    feed: str
    database: str
    model: str
    task: str
    papers: int = 0
    is_all_read: bool = False
    """True once `papers` is the whole feed: feeds are read as the run goes on."""
    cached: int = 0
    asked: int = 0
    waiting: int = 0
    """Papers whose answers come with a batch."""
    problems: list[dict[str, Any]] = field(default_factory=list)
    problem_counts: dict[str, int] = field(default_factory=dict)
    failed: list[FailedPaper] = field(default_factory=list)
    facts: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    doubtful: Counter[str] = field(default_factory=Counter)
    cached_facts: int = 0
    cached_missing: int = 0
    min_grounded: float | None = None
    probe: str | None = None
    """What the last probe said of the model: `fit`, `weak`, `unfit`, or None for never probed."""
    machine_text: int = 0
    """Papers whose text has signs of being written for machines (`extract.machine_text`)."""
    usage: Usage = field(default_factory=Usage)
    spent: Spent | None = None
    """Dollars that the calls cost; None where the model's price is not known."""
    tried: int = 0
    """Papers that were asked about, failed ones too."""
    new_facts: int = 0
    """Facts of their answers that stand in the text."""
    budget: Decimal | None = None
    spent_before: Decimal = Decimal(0)
    """Dollars of the budget that earlier runs have used."""
    left: int = 0
    """Papers that were not asked about because the budget was reached."""
    left_price: Interval | None = None
    left_because: str = ""
    seconds: float = 0.0
    opening_seconds: float = 0.0
    """Those of `seconds` before the first question: an embedded model is fetched and started."""
    stopped_by: str | None = None
    notes: list[str] = field(default_factory=list)
    total: int | None = None

    def count(self, fact: Fact) -> None:
        """Count a fact of this run as one that is shown, doubtful, or not in the text."""
        if fact.is_shown:
            self.facts[fact.kind] += 1
        elif fact.is_doubtful:
            self.doubtful[fact.kind] += 1
        else:
            self.missing[fact.kind] += 1

    def add_usage(self, usage: Usage) -> None:
        """Count the tokens and calls of one paper."""
        self.usage += usage

    @property
    def all_facts(self) -> int:
        """How many facts the papers of this run state, those not found in the text included."""
        grounded = self.facts.total() + self.doubtful.total() + self.cached_facts
        return grounded + self.missing.total() + self.cached_missing

    @property
    def grounded_share(self) -> float | None:
        """The share of the facts that stand in the text; None where there is no fact."""
        grounded = self.facts.total() + self.doubtful.total() + self.cached_facts
        return grounded / self.all_facts if self.all_facts else None

    @property
    def is_under_grounded(self) -> bool:
        """True where a share was demanded, and the facts fall short of it."""
        share = self.grounded_share
        return share is not None and self.min_grounded is not None and share < self.min_grounded

    @property
    def exit_code(self) -> int:
        """0 all done, 3 papers failed or were left, or too many facts are not in their text."""
        return 3 if self.failed or self.left or self.is_under_grounded else 0

    @property
    def state(self) -> str:
        """What the row of a run says that came to its end."""
        return "stopped" if self.left else "finished"

    @property
    def price_per_paper(self) -> float | None:
        """Dollars for each paper that was asked about; None where unknown, or where none was."""
        return float(self.spent.price) / self.tried if self.spent and self.tried else None

    @property
    def price_per_fact(self) -> float | None:
        """Dollars for each fact that stands in the text; None where unknown, or without facts."""
        return float(self.spent.price) / self.new_facts if self.spent and self.new_facts else None

    def as_json(self) -> dict[str, Any]:
        """The report as data, for `--json`."""
        return {
            "schema_version": 1,
            "run_id": self.run_id,
            "feed": self.feed,
            "database": self.database,
            "model": self.model,
            "task": self.task,
            "papers": self.papers,
            "cached": self.cached,
            "asked": self.asked,
            "waiting": self.waiting,
            "facts": dict(self.facts),
            "doubtful": dict(self.doubtful),
            "ungrounded": dict(self.missing),
            "grounded_share": self.grounded_share,
            "min_grounded": self.min_grounded,
            "failed": [
                {"paper_id": f.paper_id, "title": f.title, **_failure(f.failure)}
                for f in self.failed
            ],
            "problems": self.problems,
            "problem_counts": self.problem_counts,
            "probe": self.probe,
            "machine_text": self.machine_text,
            "usage": asdict(self.usage),
            "price": float(self.spent.price) if self.spent else None,
            "price_at_most": float(self.spent.at_most) if self.spent else None,
            "price_per_paper": self.price_per_paper,
            "price_per_fact": self.price_per_fact,
            "budget": None if self.budget is None else float(self.budget),
            "spent_before": float(self.spent_before),
            "left": self.left,
            "left_price": self.left_price.as_json() if self.left_price else None,
            "left_because": self.left_because,
            "seconds": round(self.seconds, 3),
            "opening_seconds": round(self.opening_seconds, 3),
            "stopped_by": self.stopped_by,
            "notes": self.notes,
        }


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "class": failure.failure_class,
        "message": failure.message,
        "next_step": NEXT_STEP[failure.failure_class],
        "attempts": failure.attempts,
    }
