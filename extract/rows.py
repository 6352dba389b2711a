"""The rows that a run writes, made from what it read, asked and grounded.

Not here: the tables themselves (`extract.store.layout`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from typing import Any

from extract.completion import Completion, Failure, Spent
from extract.gapplan import TABLE as GAPS_TABLE
from extract.gaps import GapCheck, StatedNumber
from extract.grounding import DERIVATION, Grounded, digest
from extract.machine_text import machine_signs
from extract.papers import Paper
from extract.recipe import Recipe
from extract.report import RunReport
from extract.request import Request
from extract.sentences import split_sentences
from extract.store.database import Batch, now
from extract.todo import Todo
from extract.version import tool_version


def fact_rows(todo: Todo, grounded: Grounded, extraction: str, ask_id: str, run_id: str) -> Batch:
    """Return the rows of one extraction: itself, its facts, its mentions and its checked gaps."""
    paper_id = todo.paper.paper_id

    def fact_id(kind: str, position: int) -> str:
        return f"{kind}-{digest(extraction, kind, str(position))[:14]}"

    batch = Batch(
        extractions=[
            {
                "extraction_id": extraction,
                "paper_id": paper_id,
                "text_hash": todo.text_hash,
                "task": todo.request.task,
                "ask_id": ask_id,
                "derivation": DERIVATION,
                "completion_key": todo.key,
                "run_id": run_id,
                "facts": len(grounded.facts) - grounded.missing,
                "missing": grounded.missing,
                "created_at": now(),
            }
        ]
    )
    for fact in grounded.facts:
        columns = dict(fact.columns)
        for name, target in fact.refs.items():
            columns[f"{name}_id"] = fact_id(*target) if target else None
        batch.facts.setdefault(fact.kind, []).append(
            {
                "fact_id": fact_id(fact.kind, fact.position),
                "extraction_id": extraction,
                "paper_id": paper_id,
                "position": fact.position,
                "sentence": fact.sentence,
                "span_start": fact.span_start,
                "span_end": fact.span_end,
                "alignment": fact.alignment,
                "reason": fact.reason,
                "evidence": fact.evidence,
                "probability": fact.probability,
                "confidence": fact.confidence,
                "doubtful": fact.is_doubtful,
                "completion_key": todo.key,
                **columns,
            }
        )
    for m in grounded.mentions:
        batch.mentions.append(
            {
                "extraction_id": extraction,
                "fact_id": fact_id(m.kind, m.position),
                "paper_id": paper_id,
                "kind": m.kind,
                "sentence": m.sentence,
                "span_start": m.span_start,
                "span_end": m.span_end,
                "surface": m.surface,
            }
        )
    if grounded.gaps:
        same = {"extraction_id": extraction, "paper_id": paper_id}
        batch.facts[GAPS_TABLE] = [
            same | _gap_row(check, lambda row: fact_id(grounded.gap_kind, row.position))
            for check in grounded.gaps
        ]
    return batch


def _gap_row(check: GapCheck, fact_id: Callable[[StatedNumber], str]) -> dict[str, Any]:
    """Return the columns of a checked gap."""
    row = {
        "fact_id": fact_id(check.delta),
        "value": check.delta.value,
        "stated": check.stated,
        "verdict": check.verdict,
        "expected": check.expected,
        "reading": check.reading,
    }
    for end, number in (("low", check.low), ("high", check.high)):
        if number is not None:
            row |= {
                f"{end}_id": fact_id(number),
                f"{end}_value": number.value,
                end: number.number,
            }
    return row


def paper_row(paper: Paper, text_hash: str, feeds: Sequence[str]) -> dict[str, Any]:
    """Return the row of a paper; *feeds* are those it came in, the oldest first."""
    return {
        "paper_id": paper.paper_id,
        "title": paper.title,
        "abstract": paper.abstract,
        "url": paper.url,
        "published": paper.published,
        "authors": list(paper.authors),
        "venue": paper.venue,
        "feeds": list(dict.fromkeys(feeds)),
        "text_hash": text_hash,
        "sentence_spans": [list(span) for span in split_sentences(paper.abstract)],
        "added_at": now(),
        "signs": machine_signs(paper.title, paper.abstract),
    }


def request_row(key: str, request: Request | None, recipe: Recipe, run_id: str) -> dict[str, Any]:
    """Return what every completion row says of its request; None where nothing was asked."""
    return {
        "completion_key": key,
        "model": recipe.model,
        "model_id": recipe.model_id,
        "task": recipe.task.name,
        "task_version": recipe.task.version,
        "prompt_version": recipe.prompt.version,
        "wire": recipe.wire,
        "request": _stored_request(request) if request else None,
        "run_id": run_id,
        "created_at": now(),
    }


def answered_row(completion: Completion, answer: str | None) -> dict[str, Any]:
    """Return the columns of an answer; *answer* is what was validated, written as JSON again."""
    logprobs = completion.token_logprobs
    return {
        "status": "ok",
        "content": completion.content,
        "answer": answer,
        "finish_reason": completion.finish_reason,
        "repaired": completion.repaired,
        "attempts": completion.attempts,
        "http_status": completion.http_status,
        "request_id": completion.request_id,
        "latency_s": completion.latency_s,
        "token_logprobs": json.dumps(logprobs, separators=(",", ":")) if logprobs else None,
        **_tokens(completion),
    }


def failed_row(failure: Failure) -> dict[str, Any]:
    """Return the columns of a failure; `content` has the beginning of what was answered."""
    return {
        "status": "failed",
        "failure_class": failure.failure_class,
        "failure_message": failure.message,
        "is_transient": failure.is_transient,
        "attempts": failure.attempts,
        "http_status": failure.http_status,
        "finish_reason": failure.finish_reason,
        "content": failure.excerpt,
        "request_id": failure.request_id,
        **_tokens(failure),
    }


def run_row(
    report: RunReport, started_at: str, problems: int, state: str, code: int | None
) -> dict[str, Any]:
    """Return the row of a run in *state* (`running`, `finished`, `stopped` or `failed`)."""
    return {
        "run_id": report.run_id,
        "started_at": started_at,
        "finished_at": None if state == "running" else now(),
        "state": state,
        "exit_code": code,
        "feed": report.feed,
        "model": report.model,
        "task": report.task,
        "tool_version": tool_version(),
        "papers": report.papers,
        "cached": report.cached,
        "asked": report.asked,
        "failed": len(report.failed),
        "problems": problems,
        "facts": sum(report.facts.values()),
        "missing": sum(report.missing.values()),
        **{k: v for k, v in asdict(report.usage).items() if k != "calls"},
        "calls": report.usage.calls,
        **_money(report.spent),
        "price_per_paper": report.price_per_paper,
        "price_per_fact": report.price_per_fact,
        "probe": report.probe,
    }


def _tokens(outcome: Completion | Failure) -> dict[str, Any]:
    usage = outcome.usage
    return {
        "calls": usage.calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        **_money(outcome.spent),
    }


def _money(spent: Spent | None) -> dict[str, float | None]:
    """Return the columns of what calls cost, null where that is not known."""
    return {
        "price": float(spent.price) if spent else None,
        "price_at_most": float(spent.at_most) if spent else None,
    }


def _stored_request(request: Request) -> str:
    """Return the request as it is kept: the grammar and schema follow from the rest."""
    derived = ("grammar", "answer_schema", "parts")
    kept = {f.name: getattr(request, f.name) for f in fields(request) if f.name not in derived}
    return json.dumps(kept | {"sampling": asdict(request.sampling)}, ensure_ascii=False)
