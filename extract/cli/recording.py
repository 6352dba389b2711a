"""`paperfacts record`: a feed in, recorded answers in a folder; and recordings for `run`."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from extract.local.progress import Progress, silent

if TYPE_CHECKING:
    from extract.cassettes import CassetteSession
    from extract.models import Model
    from extract.report import RunReport


def record_feed(
    feed: str,
    *,
    to: Path,
    model: str | None = None,
    base_url: str | None = None,
    mode: str | None = None,
    task: str | None = None,
    trust_code: bool = False,
    format: str | None = None,
    columns: Annotated[list[str] | None, Parameter(name="--columns")] = None,
    limit: int | None = None,
    concurrency: int | None = None,
    rpm: int | None = None,
    tpm: int | None = None,
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
    base_url
        URL of a server that speaks the OpenAI protocol; its key, if any, in PAPERFACTS_API_KEY.
    mode
        How a hosted model is held to the schema: tools, json_schema or responses.
    task
        What to extract: facts (the default), or a folder with schema.yaml and prompt.md.
    trust_code
        Let a schema.py of that folder run.
    format
        Format of the feed, where it is not found out.
    columns
        Which column of a table, or key of a JSON record, is which field: abstract=Summary.
    limit
        Papers to take from the feed at most.
    concurrency
        Calls at a time; 1 for local models, 8 for hosted ones by default.
    rpm
        Requests a minute at most; without it the provider's own headers decide.
    tpm
        Input and output tokens a minute at most.
    refresh
        Ask everything anew, and replace what is recorded.
    without_text
        Leave titles and abstracts out: replaying then needs the feed.
    prune
        Delete recordings at this place that no paper of FEED asks for.
    json_
        Print what was done as JSON.
    """
    from extract.cassettes import stale_lines
    from extract.cli.configuring import model_of
    from extract.cli.progress import RunWatch, failure_lines
    from extract.cli.running import columns_of
    from extract.pipeline import RunOptions, run
    from extract.settings import settle

    settings = settle(
        model=model,
        base_url=base_url,
        mode=mode,
        task=task,
        concurrency=concurrency,
        rpm=rpm,
        tpm=tpm,
    )
    chosen = model_of(settings, trust_code=trust_code)
    print(f"paperfacts: {chosen.describe}", file=sys.stderr)
    with RunWatch() as watch, TemporaryDirectory() as folder:
        session = cassette_session(
            chosen,
            to,
            "refresh" if refresh else "record",
            progress=watch.fetching,
            concurrency=settings.concurrency,
            with_text=not without_text,
        )
        options = RunOptions(
            feed=feed,
            database=Path(folder) / "recording.duckdb",
            format=format,
            columns=columns_of(columns or []),
            limit=limit,
            concurrency=settings.concurrency,
        )
        report = run(options, chosen, watch=watch, open_session=session.opened)
    stale = session.cassettes.unplayed() if limit is None else []
    told = stale_lines(session.cassettes, stale) if stale else []
    if prune:
        session.cassettes.remove(stale)
    done = {
        "schema_version": 1,
        "to": str(to),
        "papers": report.papers,
        "asked": len(session.asked),
        "recordings": len(session.cassettes),
        "failed": report.as_json()["failed"],
        "stale": stale,
        "pruned": prune,
        "quoting": session.quoting,
        "usage": report.as_json()["usage"],
    }
    if json_:
        print(json.dumps(done, ensure_ascii=False, indent=1))
    else:
        print("\n".join([*_summary(done, told), *failure_lines(report)]))
    return 3 if report.failed else 0


def cassette_session(
    model: Model,
    place: Path,
    mode: str | None,
    *,
    progress: Progress = silent,
    concurrency: int | None = None,
    with_text: bool = True,
    command: str = "",
) -> CassetteSession:
    """Return the session that plays and makes recordings at *place*."""
    from extract.cassettes import Cassettes, CassetteSession, mode_of
    from extract.models import limits_for
    from extract.session import LiveSession

    chosen = mode_of(mode)
    live = None if chosen == "replay" else LiveSession(model, concurrency, progress).opened
    width = {} if chosen == "replay" else {"width": limits_for(model, concurrency).concurrency}
    return CassetteSession(
        Cassettes(place),
        model.recipe,
        chosen,
        live=live,
        with_text=with_text,
        command=command,
        **width,
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
        f"{done['papers']} papers: {done['asked']} asked now, {failed} failed;"
        f" {done['recordings']} recordings in {done['to']}"
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
