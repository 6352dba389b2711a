"""`paperfacts run`: a feed in, facts in the database, a summary at the end."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from extract.cli.options import AS_SET, NO_BOUNDS, WHOLE, Asking, Bounds, Taking, settled

if TYPE_CHECKING:
    from extract.cascade import SecondLook
    from extract.cassettes import CassetteSession
    from extract.models import Model
    from extract.pipeline import RunOptions
    from extract.probing import Verdict
    from extract.report import RunReport
    from extract.settings import Settings


def run_feed(
    feed: Annotated[str, Parameter(allow_leading_hyphen=True)],
    *,
    db: Annotated[Path | None, Parameter(name="--db")] = None,
    model: str | None = None,
    asking: Asking = AS_SET,
    trust_code: bool = False,
    taking: Taking = WHOLE,
    retry_failed: bool = False,
    bounds: Bounds = NO_BOUNDS,
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
    trust_code
        Let a schema.py of the task's folder run.
    retry_failed
        Ask again for papers that failed for good.
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
    from extract.errors import InputError
    from extract.probed import standing

    if verbose and (dry_run or batch):
        raise InputError(
            f"--verbose with {'--dry-run' if dry_run else '--batch'}: there is no answer to show",
            hint="Leave one out. What a batch answered: paperfacts show --why.",
        )
    if then is not None and (dry_run or batch):
        raise InputError(
            f"--then with {'--dry-run' if dry_run else '--batch'}: which papers are in doubt is"
            " known once they are answered",
            hint="Leave one out. After a batch is fetched, run the feed with --then: what it"
            " answered is not asked again.",
        )
    settings = settled(asking, bounds, db=db, model=model)
    chosen = model_of(settings, trust_code=trust_code)
    probe = standing(chosen, settings.db, force=force)
    options = _run_options(feed, settings, taking, retry_failed, probe.verdict)
    _note(chosen.describe)
    if dry_run:
        from extract.cli.dry_run import dry_run as planned

        return planned(options, chosen, as_json=json_, is_batch=batch)
    if batch:
        from extract.cli.batching import run_batch

        return run_batch(options, chosen, cassettes=cassettes, json_=json_)
    _check_cassettes(cassettes, cassette_mode, budget=bounds.budget, then=then)
    _note(open_words(chosen, settings.db))
    session = _recordings(cassettes, cassette_mode, options, chosen, settings.task)
    _note(probe.words)
    report = _run(options, chosen, session, verbose=verbose)
    look = None
    if then is not None:
        from extract.cli.cascading import ask_again

        look = ask_again(then, options, chosen, report, force=force, verbose=verbose)
    _print(report, look, as_json=json_)
    if look is not None:
        # What the second model answered is no failure any more; what a budget left is still left,
        # and where it was asked nothing the first run's outcome stands.
        stands = report.left or look.report is None
        return look.exit_code or (report.exit_code if stands else 0)
    return _stale(session, report, options) or report.exit_code


def _run_options(
    feed: str, settings: Settings, taking: Taking, retry_failed: bool, verdict: Verdict | None
) -> RunOptions:
    """Return what is to be run: the feed, by the settings, with what a probe said of the model."""
    from extract.money.budget import read_budget
    from extract.pipeline import RunOptions

    return RunOptions(
        feed=feed,
        database=settings.db,
        **taking.run_options(),
        retry_failed=retry_failed,
        concurrency=settings.concurrency,
        lock_wait_s=settings.lock_wait,
        min_grounded=settings.min_grounded,
        budget=None if settings.budget is None else read_budget(settings.budget),
        probe=verdict,
    )


def _check_cassettes(
    place: Path | None, mode: str | None, *, budget: str | None, then: str | None
) -> None:
    """Raise `InputError` for an option that does not go with recordings, or not without them."""
    from extract.errors import InputError

    if place is None and mode is not None:
        raise InputError("--cassette-mode without --cassettes", hint="Name the recordings too.")
    if place is not None and budget is not None:
        raise InputError(
            "--budget with --cassettes: what a recording asks is not counted",
            hint="Leave one of the two out.",
        )
    if place is not None and then is not None:
        raise InputError("--then with --cassettes", hint="Replay each model's recordings alone.")


def _note(words: str | None) -> None:
    """Say *words* on stderr, where there are any."""
    if words:
        print(f"paperfacts: {words}", file=sys.stderr)


def _recordings(
    place: Path | None, mode: str | None, options: RunOptions, model: Model, task: str
) -> CassetteSession | None:
    """Return the recorded answers that stand in for the model, None where none were named."""
    from extract.cli.recording import cassette_session, record_command

    if place is None:
        return None
    session = cassette_session(
        model,
        place,
        mode,
        concurrency=options.concurrency,
        command=record_command(options.feed, place, model, task),
    )
    _note(f"recordings in {place}, mode {session.mode}")
    return session


def _run(
    options: RunOptions, model: Model, session: CassetteSession | None, *, verbose: bool
) -> RunReport:
    """Run, and show how far it is, or with *verbose* every prompt and answer."""
    from extract.cli.progress import RunWatch
    from extract.pipeline import run

    extra: dict[str, Any] = {"open_session": session.opened} if session else {}
    with RunWatch() as watch:
        if verbose:
            from extract.watching import verbosely

            watch.is_terminal = False  # a bar would be drawn over what is shown
            extra["around"] = verbosely(model)
        return run(options, model, watch=watch, progress=watch.fetching, **extra)


def _print(report: RunReport, look: SecondLook | None, *, as_json: bool) -> None:
    """Print the report, and what a second model made of the papers in doubt."""
    from extract.cli.progress import report_lines

    if as_json:
        document = report.as_json() | ({"then": look.as_json()} if look else {})
        print(json.dumps(document, ensure_ascii=False, indent=1))
        return
    print("\n".join([*report_lines(report), *(look.lines() if look else ())]))


def _stale(session: CassetteSession | None, report: RunReport, options: RunOptions) -> int:
    """Tell of recordings that nothing asked for; return the exit code of that, 0 for none."""
    from extract.cli.recording import check_stale

    return check_stale(session, report, options.limit) if session else 0
