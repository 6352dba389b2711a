"""`paperfacts run --then MODEL`: a second model for the papers that the first left in doubt."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extract.cascade import SecondLook
    from extract.models import Model
    from extract.pipeline import RunOptions
    from extract.report import RunReport


def ask_again(
    name: str, options: RunOptions, first: Model, report: RunReport, *, force: bool, verbose: bool
) -> SecondLook:
    """Ask the model *name* about the papers of a run that are in doubt; say what that changed."""
    from extract.cascade import SecondLook, facts_now, papers_in_doubt, second_look
    from extract.cli.progress import RunWatch
    from extract.models import find_model
    from extract.pipeline import run
    from extract.probed import standing
    from extract.terminal import counted

    task, db = first.recipe.task, options.database
    # On a server of the user's own, a name is a model of that server.
    second = find_model(name, task, base_url=None if name.startswith("local/") else first.base_url)
    doubts = papers_in_doubt(db, task, report)
    if not doubts:
        return SecondLook(second.name, {}, None, {}, "")
    probe = standing(second, db, force=force)
    doubtful = counted(len(doubts), "paper")
    print(f"paperfacts: then {second.describe}: {doubtful} in doubt", file=sys.stderr)
    before = facts_now(db, task, doubts)
    again = replace(options, only=frozenset(doubts), probe=probe.verdict)
    with RunWatch() as watch:
        extra: dict[str, Any] = {}
        if verbose:
            from extract.watching import verbosely

            watch.is_terminal = False  # no bar
            extra["around"] = verbosely(second)
        second_report = run(again, second, watch=watch, progress=watch.fetching, **extra)
    return second_look(before, facts_now(db, task, doubts), task, doubts, second_report)
