"""What a replay found, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from extract.differences import as_json, as_text
from extract.grounding import DERIVATION
from extract.replaying import Replay, Replayed, Source
from extract.terminal import safe_text

DOCUMENT_VERSION = 1
_LISTED = 10


def replay_json(replay: Replay) -> dict[str, Any]:
    """Return everything that a replay found as one JSON document."""
    return {
        "schema_version": DOCUMENT_VERSION,
        "task": replay.task.name,
        "task_version": replay.task.version,
        "derivation": DERIVATION,
        "is_same": replay.is_same,
        "extractions": replay.extractions,
        "sources": [
            {
                **asdict(source),
                "is_same": found.is_same,
                "answers_changed": found.answers,
                "other_rows": {f"{table}_{way}": n for (table, way), n in found.others.items()},
                "comparison": as_json(found.comparison(replay.task)),
            }
            for source, found in replay.sources.items()
        ],
        "underivable": [asdict(each) for each in replay.underivable],
    }


def replay_text(replay: Replay, *, most: int | None = 40) -> str:
    """Return in lines what was derived again, and what came out otherwise."""
    lines = []
    for source, found in replay.sources.items():
        comparison = found.comparison(replay.task)
        facts, papers = comparison.total.before, comparison.papers
        lines.append(safe_text(f"{source.model}, prompt {source.prompt_version}"))
        result = "all as stored" if found.is_same else "NOT all as stored"
        lines.append(f"  {facts} facts of {papers} answers derived again: {result}")
        if not found.is_same:
            lines += [f"  {note}" for note in _notes(replay, source, found)]
            lines += ["", as_text(comparison, most=most), ""]
    if replay.underivable:
        lines.append(f"{len(replay.underivable)} answers could not be derived again:")
        for each in replay.underivable[: None if most is None else _LISTED]:
            lines.append(safe_text(f"  {each.paper_id} {each.title[:40]}: {each.reason}"))
        if most is not None and len(replay.underivable) > _LISTED:
            lines.append(f"  and {len(replay.underivable) - _LISTED} more; --all lists all")
    return "\n".join(lines).rstrip()


def _notes(replay: Replay, source: Source, found: Replayed) -> Iterator[str]:
    """Say what else differs, and what that means for the next run."""
    if source.derivation != DERIVATION:
        yield (
            f"stored by derivation {source.derivation}, this version has {DERIVATION}:"
            " the next `paperfacts run` derives them again"
        )
    else:
        yield (
            f"stored by derivation {DERIVATION}, which is this version's too:"
            " `paperfacts run` would leave them as they are"
        )
    if source.task_version != replay.task.version:
        yield f"asked under schema {source.task_version}, it is {replay.task.version} now"
    if found.answers:
        papers = ", ".join(found.answers[:5])
        yield safe_text(f"{len(found.answers)} answers read otherwise, such as of {papers}")
    for (table, outcome), count in sorted(found.others.items()):
        yield f"{count} rows of {table} {outcome}"
