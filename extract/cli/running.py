"""`paperfacts run`: a feed in, facts in the database, a summary at the end."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def run_feed(
    feed: str,
    *,
    db: Annotated[Path, Parameter(name="--db")] = Path("papers.duckdb"),
    model: str | None = None,
    base_url: str | None = None,
    mode: str | None = None,
    task: str = "facts",
    trust_code: bool = False,
    format: str | None = None,
    columns: Annotated[list[str] | None, Parameter(name="--columns")] = None,
    limit: int | None = None,
    retry_failed: bool = False,
    concurrency: int | None = None,
    lock_wait: float = 5.0,
    min_grounded: float | None = None,
    force: bool = False,
    cassettes: Path | None = None,
    cassette_mode: str | None = None,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Extract the facts of every paper of FEED into a database.

    A rerun asks nothing that is answered already. Exit code 3 when some papers failed.

    Parameters
    ----------
    feed
        Feed file (digest, RSS, Atom, BibTeX, RIS, PubMed XML, JSON, JSONL, CSV, TSV, Parquet,
        gzipped or not), or - for standard input.
    db
        Database file; made where it is not there.
    model
        local/NAME, or PROVIDER/NAME of a hosted model. The default runs on this machine.
    base_url
        URL of a server that speaks the OpenAI protocol; its key, if any, in PAPERFACTS_API_KEY.
    mode
        How a hosted model is held to the schema: tools, json_schema or responses.
    task
        What to extract: facts, or a folder with schema.yaml and prompt.md.
    trust_code
        Let a schema.py of that folder run.
    format
        Format of the feed, where it is not found out.
    columns
        Which column of a table, or key of a JSON record, is which field: abstract=Summary. May
        be given several times; fields are id, title, abstract, url, published, authors, venue.
    limit
        Papers to take from the feed at most.
    retry_failed
        Ask again for papers that failed for good.
    concurrency
        Calls at a time; 1 for local models, 8 for hosted ones by default.
    lock_wait
        Seconds to wait for another run on the same database to end.
    min_grounded
        End with exit code 3 where a smaller share of the facts stands in the text: 0.95.
    force
        Run a model that a probe found unfit.
    cassettes
        Recorded answers to replay, a folder or a .jsonl file; see `paperfacts record`.
    cassette_mode
        replay (a missing answer is an error; the default under CI), record (it is asked and
        recorded; the default elsewhere), refresh (all are) or live (nothing is read or written).
    json_
        Print the report as JSON.
    """
    from extract.cli.progress import RunWatch
    from extract.cli.recording import cassette_session, check_stale, record_command
    from extract.errors import InputError
    from extract.models import find_model
    from extract.pipeline import RunOptions, run
    from extract.probed import standing
    from extract.tasks import load_task

    chosen = find_model(model, load_task(task, trust_code=trust_code), base_url=base_url, mode=mode)
    probe = standing(chosen, db, force=force)
    options = RunOptions(
        feed=feed,
        database=db,
        format=format,
        columns=columns_of(columns or []),
        limit=limit,
        retry_failed=retry_failed,
        concurrency=concurrency,
        lock_wait_s=lock_wait,
        min_grounded=_share(min_grounded),
        probe=probe.verdict,
    )
    print(f"paperfacts: {chosen.describe}", file=sys.stderr)
    session = None
    if cassettes is not None:
        session = cassette_session(
            chosen,
            cassettes,
            cassette_mode,
            concurrency=concurrency,
            command=record_command(feed, cassettes, chosen, task),
        )
        print(f"paperfacts: recordings in {cassettes}, mode {session.mode}", file=sys.stderr)
    elif cassette_mode is not None:
        raise InputError("--cassette-mode without --cassettes", hint="Name the recordings too.")
    if probe.words:
        print(f"paperfacts: {probe.words}", file=sys.stderr)
    with RunWatch() as watch:
        opened = session.opened if session else None
        report = run(options, chosen, watch=watch, progress=watch.fetching, open_session=opened)
    if json_:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        watch.summary(report)
    stale = check_stale(session, report, limit) if session else 0
    return stale or report.exit_code


def _share(value: float | None) -> float | None:
    """Return a share from 0 to 1."""
    from extract.errors import InputError

    if value is not None and not 0 <= value <= 1:
        raise InputError(
            f"--min-grounded {value:g} is no share", hint="Write it from 0 to 1: 0.95 is 95%."
        )
    return value


def columns_of(pairs: list[str]) -> dict[str, str] | None:
    """Read `field=column` pairs; None where there are none."""
    from extract.errors import InputError

    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise InputError(f"--columns {wrong[0]}", hint="Write it as --columns abstract=Summary.")
    named = (pair.partition("=") for pair in pairs)
    return {field: column for field, _, column in named} or None
