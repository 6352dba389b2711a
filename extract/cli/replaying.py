"""`paperfacts replay`: the facts of a database, derived again from its stored answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def replay(
    db: Path | None = None,
    *,
    task: str | None = None,
    trust_code: bool = False,
    most: int = 40,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Derive every fact again from the stored answers, and report what differs. Asks no model.

    The facts of all models and prompts are derived, not only those that count now. Nothing is
    written. Ends with 3 where a fact differs or could not be derived.

    Parameters
    ----------
    db
        Database file; what the settings name by default, or papers.duckdb.
    task
        The task whose facts are derived: a folder, where it is not built in.
    trust_code
        Let a schema.py of the task's folder run.
    most
        Differences to list at most, for each model and prompt.
    all_
        List everything.
    json_
        Print everything as JSON.
    """
    from extract.cli.database import stored_database
    from extract.replay_report import replay_json, replay_text
    from extract.replaying import replay_database, task_to_replay

    database = stored_database(db)
    found = replay_database(database, task_to_replay(database, task, trust_code=trust_code))
    if json_:
        print(json.dumps(replay_json(found), ensure_ascii=False, indent=1))
    else:
        print(replay_text(found, most=None if all_ else most))
    return 0 if found.is_same else 3
