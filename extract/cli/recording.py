"""`paperfacts record`: a feed in, recorded answers in a folder; and recordings for `run`."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from extract.cli.options import AS_SET, WHOLE, Asking, Taking, settled
from extract.local.progress import Progress, silent
from extract.terminal import counted

if TYPE_CHECKING:
    from extract.cassettes import CassetteSession
    from extract.models import Model
    from extract.report import RunReport


def record_feed(
    feed: str,
    *,
    to: Path,
    model: str | None = None,
    asking: Asking = AS_SET,
    trust_code: bool = False,
    taking: Taking = WHOLE,
    refresh: bool = False,
    without_text: bool = False,
    prune: bool = False,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Record a model's answers about every paper of FEED, to be replayed without the model.

    What is recorded already is not asked again. Exit code 3 when some papers failed; their
    failures are recorded too.

    Parameters
    ----------
    feed
        Feed file, or - for standard input; as for `paperfacts run`.
    to
        Folder for one file per answer, or a file that ends in .jsonl for all of them.
    model
        local/NAME, or PROVIDER/NAME of a hosted model. The default runs on this machine.
    trust_code
        Let a schema.py of the task's folder run.
    refresh
        Ask everything anew, and replace what is recorded.
    without_text
        Leave titles and abstracts out: replaying then needs the feed. Recordings that join
        others without text are made so in any case.
    prune
        Delete recordings at this place that no paper of FEED asks for.
    json_
        Print what was done as JSON.
    """
    from extract.cassettes import stale_lines
    from extract.cli.configuring import model_of
    from extract.cli.progress import RunWatch, failure_lines
    from extract.pipeline import RunOptions, run

    settings = settled(asking, model=model)
    chosen = model_of(settings, trust_code=trust_code)
    print(f"paperfacts: {chosen.describe}", file=sys.stderr)
    with RunWatch() as watch, TemporaryDirectory() as folder:
        session = cassette_session(
            chosen,
            to,
            "refresh" if refresh else "record",
            progress=watch.fetching,
            concurrency=settings.concurrency,
            with_text=False if without_text else None,
        )
        options = RunOptions(
            feed=feed,
            database=Path(folder) / "recording.duckdb",
            **taking.run_options(),
            concurrency=settings.concurrency,
        )
        report = run(options, chosen, watch=watch, open_session=session.opened)
    stale = session.cassettes.unplayed() if taking.limit is None else []
    told = stale_lines(session.cassettes, stale) if stale else []
    if prune:
        session.cassettes.remove(stale)
    done = _document(to, session, report, stale, is_pruned=prune)
    if json_:
        print(json.dumps(done, ensure_ascii=False, indent=1))
    else:
        print("\n".join([*_summary(done, told), *failure_lines(report)]))
    return 3 if report.failed else 0


def _document(
    to: Path, session: CassetteSession, report: RunReport, stale: list[str], *, is_pruned: bool
) -> dict[str, Any]:
    """Return what was done as JSON says it."""
    ran = report.as_json()
    return {
        "schema_version": 1,
        "to": str(to),
        "papers": report.papers,
        "asked": len(session.asked),
        "recordings": len(session.cassettes),
        "failed": ran["failed"],
        "stale": stale,
        "pruned": is_pruned,
        "quoting": session.quoting,
        "usage": ran["usage"],
    }


def cassette_session(
    model: Model,
    place: Path,
    mode: str | None,
    *,
    progress: Progress = silent,
    concurrency: int | None = None,
    with_text: bool | None = None,
    command: str = "",
) -> CassetteSession:
    """Return the session that plays and makes recordings at *place*.

    Where *with_text* is not said, recordings join others without text as such: somebody left out
    what may not be published.
    """
    from extract.cassettes import Cassettes, CassetteSession, mode_of
    from extract.sidebyside import live_session

    chosen = mode_of(mode)
    live = None if chosen == "replay" else live_session(model, concurrency, progress)
    cassettes = Cassettes(place)
    if with_text is None:
        with_text = chosen not in ("record", "refresh") or cassettes.has_text
    return CassetteSession(
        cassettes,
        model.recipe,
        chosen,
        live=live.opened if live else None,
        with_text=with_text,
        command=command,
        **({"width": live.width} if live else {}),
    )


def record_command(feed: str, place: Path, model: Model, task: str) -> str:
    """Return what to type to record what is missing."""
    words = ["paperfacts", "record", feed, "--to", str(place), "--model", model.name]
    if model.base_url is not None:
        words += ["--base-url", model.base_url]
    if model.recipe.mode:
        words += ["--mode", model.recipe.mode]
    if task != "facts":
        words += ["--task", task]
    return shlex.join(words)


def check_stale(session: CassetteSession, report: RunReport, limit: int | None) -> int:
    """Tell which recordings a run left unplayed, and return the exit code that follows.

    A run that took papers from its database, or not the whole feed, cannot say.
    """
    from extract.cli.failing import explain

    if report.cached or limit is not None or session.mode == "live":
        return 0
    stale = session.stale()
    if stale is None:
        return 0
    explain(stale, as_json=False)
    return stale.exit_code if session.mode == "replay" else 0


def _summary(done: dict[str, Any], told: list[str]) -> list[str]:
    """Return what was recorded, in lines."""
    failed = len(done["failed"])
    lines = [
        f"{counted(done['papers'], 'paper')}: {done['asked']} asked now, {failed} failed;"
        f" {counted(done['recordings'], 'recording')} in {done['to']}"
    ]
    if told and done["pruned"]:
        lines += [f"deleted, as no paper of this feed asks for them: {len(told)}", *told]
    elif told:
        lines += ["no paper of this feed asks for these; --prune deletes them:", *told]
    if quoting := done["quoting"]:
        lines.append(
            f"{len(quoting)} answers quote a whole sentence of their paper (see before publishing):"
        )
        lines += [f"  {key}" for key in quoting[:10]]
    return lines
