"""`paperfacts doctor` and `paperfacts repair`: is a database well, and what can be saved of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def doctor(
    db: Path | None = None, *, json_: Annotated[bool, Parameter(name="--json")] = False
) -> int:
    """Check a database, and say what is well, what is wrong and what to do now.

    Looks at the file, its version, its commits, its log, every block, every span against its
    text, rows that lead nowhere, runs that were killed, and answers that wait elsewhere. Changes
    nothing. Exit code 5 where something is wrong.

    Parameters
    ----------
    db
        Database file; what the settings name by default, or papers.duckdb.
    json_
        Print the checks as JSON.
    """
    from extract.cli.database import stored_database
    from extract.store.checks import examine
    from extract.terminal import safe_text

    database = stored_database(db)
    checks = []
    for check in examine(database):
        checks.append(check)
        if not json_:
            print(safe_text(f"{check.verdict:<6} {check.name:<8} {check.words}"))
            if check.next_step:
                print(safe_text(f"{'':<15} {check.next_step}"))
    wrong = [check for check in checks if check.verdict == "wrong"]
    if json_:
        document = {
            "schema_version": 1,
            "database": str(database),
            "is_well": not wrong,
            "checks": [asdict(check) for check in checks],
        }
        print(json.dumps(document, ensure_ascii=False, indent=1))
    return 5 if wrong else 0


def repair(
    db: Path,
    *,
    to: Path | None = None,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Save what can be read of a damaged database into a new one; the old one is not touched.

    Works on copies, with the log and without it, and says per table how many rows either has
    and how many were saved. Facts that lost a part of themselves are left out: a run derives
    them anew from the stored answers, and asks for nothing that is there.

    Parameters
    ----------
    db
        Database file.
    to
        File to write; NAME.repaired.duckdb by default. It must not be there yet.
    json_
        Print the counts as JSON.
    """
    from extract.store.repairing import repair_database
    from extract.terminal import safe_text

    target = to or db.with_name(f"{db.stem}.repaired.duckdb")
    done = repair_database(db, target)
    if json_:
        print(json.dumps({"schema_version": 1} | asdict(done), ensure_ascii=False, indent=1))
        return 0
    for line in done.lines():
        print(safe_text(line))
    return 0
