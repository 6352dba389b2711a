"""`paperfacts run`: a feed in, facts in the database, a summary at the end."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter


def run_feed(
    feed: Annotated[str, Parameter(allow_leading_hyphen=True)],
    *,
    db: Annotated[Path | None, Parameter(name="--db")] = None,
    model: str | None = None,
    base_url: str | None = None,
    mode: str | None = None,
    task: str | None = None,
    trust_code: bool = False,
    format: str | None = None,
    columns: Annotated[list[str] | None, Parameter(name="--columns")] = None,
    limit: int | None = None,
    retry_failed: bool = False,
    concurrency: int | None = None,
    rpm: int | None = None,
    tpm: int | None = None,
    lock_wait: float | None = None,
    min_grounded: float | None = None,
    budget: str | None = None,
    dry_run: bool = False,
    batch: bool = False,
    then: str | None = None,
    force: bool = False,
    cassettes: Path | None = None,
    cassette_mode: str | None = None,
    verbose: bool = False,
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
        Database file; made where it is not there. papers.duckdb by default.
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
        Which column of a table, or key of a JSON record, is which field: abstract=Summary. May
        be given several times; fields are id, title, abstract, url, published, authors, venue.
    limit
        Papers to take from the feed at most.
    retry_failed
        Ask again for papers that failed for good.
    concurrency
        Calls at a time; 1 for local models, 8 for hosted ones by default.
    rpm
        Requests a minute at most; without it the provider's own headers decide.
    tpm
        Input and output tokens a minute at most.
    lock_wait
        Seconds to wait for another run on the same database to end; 5 by default.
    min_grounded
        End with exit code 3 where a smaller share of the facts stands in the text: 0.95.
    budget
        Dollars that all runs on this database may cost together: 5.00; with a plus, that this run
        may cost: +5.00. Every call reserves the most that it can cost; exit code 3 when reached.
    dry_run
        Say what would be asked, and what it would cost; ask and write nothing.
    batch
        Submit the papers to the provider's Batch API, which answers within a day for half the
        price; see `paperfacts batch`. Run again, it takes up what is open and submits the rest.
    then
        A second model for the papers that the first leaves in doubt: those that failed, that have
        numbers no fact holds, or whose facts have a low confidence.
    force
        Run a model that a probe found unfit.
    cassettes
        Recorded answers to replay, a folder or a .jsonl file; see `paperfacts record`.
    cassette_mode
        replay (a missing answer is an error; the default under CI), record (it is asked and
        recorded; the default elsewhere), refresh (all are) or live (nothing is read or written).
    verbose
        Show on stderr, for every paper that is asked, the prompt as it is sent and every reply or
        failure, word for word.
    json_
        Print the report as JSON.
    """
    from extract.batchwork import open_words
    from extract.cli.configuring import model_of
    from extract.cli.progress import RunWatch
    from extract.cli.recording import cassette_session, check_stale, record_command
    from extract.errors import InputError
    from extract.money.budget import read_budget
    from extract.pipeline import RunOptions, run
    from extract.probed import standing
    from extract.settings import settle

    if verbose and (dry_run or batch):
        raise InputError(
            f"--verbose with {'--dry-run' if dry_run else '--batch'}: there is no answer to show",
            hint="Leave one out. What a batch answered: paperfacts show --why.",
        )
    settings = settle(
        db=db,
        model=model,
        base_url=base_url,
        mode=mode,
        task=task,
        concurrency=concurrency,
        rpm=rpm,
        tpm=tpm,
        lock_wait=lock_wait,
        min_grounded=min_grounded,
        budget=budget,
    )
    chosen = model_of(settings, trust_code=trust_code)
    probe = standing(chosen, settings.db, force=force)
    if limit is not None and limit < 1:
        raise InputError(f"--limit {limit}: no paper would be taken", hint="Give 1 or more.")
    options = RunOptions(
        feed=feed,
        database=settings.db,
        format=format,
        columns=columns_of(columns or []),
        limit=limit,
        retry_failed=retry_failed,
        concurrency=settings.concurrency,
        lock_wait_s=settings.lock_wait,
        min_grounded=settings.min_grounded,
        budget=None if settings.budget is None else read_budget(settings.budget),
        probe=probe.verdict,
    )
    print(f"paperfacts: {chosen.describe}", file=sys.stderr)
    if dry_run:
        from extract.cli.dry_run import dry_run as planned

        return planned(options, chosen, as_json=json_)
    if batch:
        from extract.cli.batching import run_batch

        return run_batch(options, chosen, cassettes=cassettes, json_=json_)
    if waiting := open_words(chosen, settings.db):
        print(f"paperfacts: {waiting}", file=sys.stderr)
    session = None
    if cassettes is not None:
        if budget is not None:
            raise InputError(
                "--budget with --cassettes: what a recording asks is not counted",
                hint="Leave one of the two out.",
            )
        session = cassette_session(
            chosen,
            cassettes,
            cassette_mode,
            concurrency=settings.concurrency,
            command=record_command(feed, cassettes, chosen, settings.task),
        )
        print(f"paperfacts: recordings in {cassettes}, mode {session.mode}", file=sys.stderr)
    elif cassette_mode is not None:
        raise InputError("--cassette-mode without --cassettes", hint="Name the recordings too.")
    if then is not None and cassettes is not None:
        raise InputError("--then with --cassettes", hint="Replay each model's recordings alone.")
    if probe.words:
        print(f"paperfacts: {probe.words}", file=sys.stderr)
    with RunWatch() as watch:
        opened = session.opened if session else None
        extra: dict[str, Any] = {}
        if verbose:
            from extract.watching import verbosely

            watch.is_terminal = False  # a bar would be drawn over what is shown
            extra["around"] = verbosely(chosen)
        report = run(
            options, chosen, watch=watch, progress=watch.fetching, open_session=opened, **extra
        )
    look = None
    if then is not None:
        from extract.cli.cascading import ask_again

        look = ask_again(then, options, chosen, report, force=force, verbose=verbose)
    if json_:
        document = report.as_json() | ({"then": look.as_json()} if look else {})
        print(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        watch.summary(report)
        for line in look.lines() if look else ():
            print(line)
    if look is not None:
        return look.exit_code
    stale = check_stale(session, report, limit) if session else 0
    return stale or report.exit_code


def columns_of(pairs: list[str]) -> dict[str, str] | None:
    """Read `field=column` pairs; None where there are none."""
    from extract.errors import InputError

    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise InputError(f"--columns {wrong[0]}", hint="Write it as --columns abstract=Summary.")
    named = (pair.partition("=") for pair in pairs)
    return {field: column for field, _, column in named} or None
