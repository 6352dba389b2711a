"""`paperfacts audit`: which numbers of the papers are accounted for, and which are not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from extract.audit import AuditedNumber

_EXCERPT = 160
_WORDS = {
    "extracted": "extracted",
    "name": "part of a name (as in GPT-3)",
    "citation": "citation",
    "year": "year",
    "list_mark": "list mark",
    "url": "part of an address",
    "formula": "part of a formula",
    "unaccounted": "unaccounted: stated, and in no fact",
}


def audit(
    *,
    db: Annotated[Path | None, Parameter(name="--db")] = None,
    task: str = "facts",
    trust_code: bool = False,
    limit: int = 20,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Say what became of every number in the abstracts, and list those nothing accounts for.

    A number is extracted, part of a name, a citation, a year, a list mark, part of an address or
    a formula, or unaccounted: perhaps a fact that was missed.

    Parameters
    ----------
    db
        Database file; what the settings name by default, or papers.duckdb.
    task
        The task whose numbers are counted as extracted.
    trust_code
        Let a schema.py of the task's folder run.
    limit
        Unaccounted numbers to list at most; 0 lists none.
    json_
        Print everything as JSON.
    """
    from extract.cli.database import stored_database
    from extract.errors import InputError
    from extract.store.auditing import audit_database
    from extract.tasks import load_task
    from extract.terminal import safe_text

    if limit < 0:
        raise InputError(f"--limit is {limit}", hint="Give 0 or more; 0 lists none.")
    reports = audit_database(stored_database(db), load_task(task, trust_code=trust_code))
    counts: Counter[str] = Counter()
    for report in reports.values():
        counts.update(report.counts)
    missed = [(paper_id, n) for paper_id, report in reports.items() for n in report.unaccounted]
    if json_:
        print(json.dumps(_document(len(reports), counts, missed), ensure_ascii=False, indent=1))
        return
    print(safe_text("\n".join(_lines(len(reports), counts)), keep="\n"))
    for paper_id, number in missed[:limit]:
        where = f"{paper_id} [{number.sentence}]"
        print(safe_text(f"{where}  {number.value}  in: {number.excerpt(_EXCERPT)}"))
    if len(missed) > limit:
        print(f"and {len(missed) - limit} more; --limit {len(missed)} lists all")


def _lines(papers: int, counts: Counter[str]) -> list[str]:
    """Return how many numbers ended as what, those that facts hold first."""
    total, stated = counts.total(), counts["extracted"] + counts["unaccounted"]
    of = f"{papers} paper" if papers == 1 else f"{papers} papers"
    if not total:
        return [f"no numbers in {of}"]
    numbers = f"{total} number" if total == 1 else f"{total} numbers"
    lines = [
        f"{numbers} in {of}, {_share(counts, total):.1%} accounted for",
        f"{stated} of them state a quantity, and facts hold {counts['extracted']} of those",
    ]
    return lines + [f"{counts[name]:>7}  {words}" for name, words in _WORDS.items() if counts[name]]


def _document(
    papers: int, counts: Counter[str], missed: Sequence[tuple[str, AuditedNumber]]
) -> dict[str, Any]:
    """Return the audit as JSON says it."""
    return {
        "schema_version": 1,
        "papers": papers,
        "numbers": counts.total(),
        "counts": dict(counts),
        "share_accounted": round(_share(counts, counts.total()), 4),
        "unaccounted": [
            {
                "paper_id": paper_id,
                "value": number.value,
                "sentence": number.sentence,
                "start": number.start,
                "end": number.end,
                "sentence_text": number.sentence_text,
            }
            for paper_id, number in missed
        ],
    }


def _share(counts: Counter[str], total: int) -> float:
    return 1 - counts["unaccounted"] / total if total else 1.0
