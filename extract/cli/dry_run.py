"""`paperfacts run --dry-run`: what would be asked, and what it would cost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from extract.money.words import dollars
from extract.terminal import safe_text

if TYPE_CHECKING:
    from extract.models import Model
    from extract.money.estimate import Estimate, Interval
    from extract.money.plan import Plan
    from extract.pipeline import RunOptions


def dry_run(options: RunOptions, model: Model, *, as_json: bool, is_batch: bool = False) -> int:
    """Print what a run with *options* would ask of *model*; nothing is asked or written."""
    from extract.errors import InputError
    from extract.feeds import read_feed
    from extract.money.account import check_budget
    from extract.money.plan import plan

    if is_batch and model.is_local:
        raise InputError(
            f"{model.name} runs on this machine and has no Batch API",
            hint="Leave out --batch, or name a hosted model: --model openai/NAME.",
        )
    check_budget(model, options.budget)
    found = plan(
        read_feed(options.feed, format=options.format, columns=options.columns),
        model,
        options.database,
        limit=options.limit,
        retry_failed=options.retry_failed,
        budget=options.budget,
        is_batch=is_batch,
    )
    if as_json:
        print(json.dumps(found.as_json(), ensure_ascii=False, indent=1))
    else:
        print("\n".join(safe_text(line) for line in plan_lines(found)))
    return 0


def plan_lines(plan: Plan) -> list[str]:
    """Return what a plan says, a line each."""
    lines = [f"{plan.papers:,} papers: {plan.to_ask:,} to ask, {plan.cached:,} already done"]
    lines[0] += f", {plan.failed:,} failed before and not tried again" if plan.failed else ""
    lines[0] += f", {plan.too_long:,} too long for the model" if plan.too_long else ""
    lines += [f"feed: {count} {reason}" for reason, count in plan.problem_counts.items()]
    if plan.failed:
        lines.append("--retry-failed asks about those that failed too")
    if plan.to_ask and plan.estimate is not None:
        lines += _estimate_lines(plan, plan.estimate)
    if plan.before.at_most:
        lines.append(f"spent so far: {dollars(plan.before.at_most)} by the runs on this database")
        if plan.before.held:
            lines[-1] += f", {dollars(plan.before.held)} of it held for open batches"
    if plan.before.unpriced:
        lines.append(f"spent so far: {plan.before.unpriced} runs of unknown price")
    if plan.limit is not None and not plan.is_local:
        lines.append(f"budget: {dollars(plan.limit)} are left for this run")
    return [*lines, "dry run: nothing was asked, and nothing was written"]


def _estimate_lines(plan: Plan, estimate: Estimate) -> list[str]:
    """Tell the calls, the tokens and the price that are expected."""
    lines = [
        f"calls: about {_counted(estimate.calls)}",
        f"tokens: about {_counted(estimate.input_tokens)} in,"
        f" {_counted(estimate.output_tokens)} out",
    ]
    if (price := estimate.price) is not None:
        ends = f"{dollars(price.low)} to {dollars(price.high)}"
        lines.append(
            f"price: about {dollars(price.expected)} ({ends}), by the prices of {plan.price_source}"
            + (", halved for a batch" if plan.is_batch else "")
        )
    elif plan.is_local:
        lines.append("price: none, the model runs on this machine")
    else:
        lines.append(
            f"price: unknown; give the price of {plan.model} in paperfacts.toml, under [prices]"
        )
    if estimate.papers:
        lines.append(f"these follow from {estimate.papers:,} papers that were asked the same way")
    else:
        lines.append("these are guessed from characters: this database has too few such answers")
    return lines


def _counted(interval: Interval) -> str:
    """Write a count and its ends."""
    low, expected, high = (round(end) for end in (interval.low, interval.expected, interval.high))
    return f"{expected:,}" if low == high else f"{expected:,} ({low:,} to {high:,})"
