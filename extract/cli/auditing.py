"""`paperfacts audit`: which numbers of the papers are accounted for, and which are not."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter


def audit(
    *,
    db: Annotated[Path, Parameter(name="--db")] = Path("papers.duckdb"),
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
        Database file.
    task
        The task whose numbers are counted as extracted.
    trust_code
        Let a schema.py of the task's folder run.
    limit
        Unaccounted numbers to list at most.
    json_
        Print everything as JSON.
    """
    from extract.store.auditing import audit_database
    from extract.tasks import load_task
    from extract.terminal import safe_text

    reports = audit_database(db, load_task(task, trust_code=trust_code))
    counts: Counter[str] = Counter()
    open_numbers: list[dict[str, Any]] = []
    for paper_id, report in reports.items():
        counts.update(report.counts)
        open_numbers.extend(
            {
                "paper_id": paper_id,
                "value": number.value,
                "sentence": number.sentence,
                "sentence_text": number.sentence_text,
            }
            for number in report.unaccounted
        )
    total = sum(counts.values())
    share = 1 - counts["unaccounted"] / total if total else 1.0
    if json_:
        document = {
            "schema_version": 1,
            "papers": len(reports),
            "numbers": total,
            "counts": dict(counts),
            "share_accounted": round(share, 4),
            "unaccounted": open_numbers,
        }
        print(json.dumps(document, ensure_ascii=False, indent=1))
        return
    print(f"{total} numbers in {len(reports)} papers, {share:.1%} accounted for")
    for outcome, count in counts.most_common():
        print(f"{count:>7}  {outcome}")
    for missed in open_numbers[:limit]:
        where = f"{missed['paper_id']} [{missed['sentence']}]"
        print(safe_text(f"{where}  {missed['value']}  in: {missed['sentence_text'][:160]}"))
    if len(open_numbers) > limit:
        print(f"and {len(open_numbers) - limit} more; --limit {len(open_numbers)} lists all")
