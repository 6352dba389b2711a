"""`paperfacts diff`: what two sets of facts do not agree on, fact by fact."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import Parameter


def diff(
    before: str,
    after: str,
    *,
    feed: str | None = None,
    task: str = "facts",
    trust_code: bool = False,
    max_lost: str | None = None,
    max_changed: str | None = None,
    max_new: str | None = None,
    same_papers: Annotated[bool, Parameter(negative="")] = False,
    most: int = 40,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Compare two sets of facts: same, moved, changed, lost, new, for each list.

    A side is a database, a part of one (papers.duckdb@run-ID, @model=NAME, @prompt=VERSION), a
    folder of recordings, a file of papers with their facts, or a folder of such files. AFTER may
    be a part alone (@model=NAME): of the same database; BEFORE too: of the one that the settings
    name. Ends with 3 where a limit is passed.

    Parameters
    ----------
    before
        The facts as they were.
    after
        The facts as they are now.
    feed
        The feed that was recorded, where recordings hold no text and the other side has none.
    task
        The task whose facts are compared.
    trust_code
        Let a schema.py of the task's folder run.
    max_lost
        Facts that may be lost, as a number or as a share of those before: 3 or 2%.
    max_changed
        Facts that may have changed, moved ones not counted.
    max_new
        Facts that may be new, as a number or as a share of those after.
    same_papers
        End with 3 also where a paper is on one side alone: a failed paper has no facts to lose.
    most
        Differences to list at most.
    all_
        List all differences.
    json_
        Print everything as JSON.
    """
    from extract.cli.database import stored_database
    from extract.differences import as_json, as_text
    from extract.factsets import compare_papers, read_sides
    from extract.limits import over_limits, read_limits
    from extract.tasks import load_task

    if before.startswith("@"):
        before = f"{stored_database(None)}{before}"
    limits = read_limits(lost=max_lost, changed=max_changed, new=max_new)
    chosen = load_task(task, trust_code=trust_code)
    comparison = compare_papers(*read_sides(before, after, chosen, feed=feed), chosen)
    over = over_limits(comparison, limits, same_papers=same_papers)
    if json_:
        document = {"before_name": before, "after_name": after, **as_json(comparison)}
        print(json.dumps(document | {"over_limits": over}, ensure_ascii=False, indent=1))
    else:
        print(as_text(comparison, most=None if all_ else most))
        for words in over:
            print(f"over the limit: {words}")
    return 3 if over else 0
