"""`paperfacts run --batch` and `paperfacts batch`: papers that are answered later, for less."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

if TYPE_CHECKING:
    from extract.batchchoice import Chosen
    from extract.batchwork import BatchReport
    from extract.models import Model
    from extract.money.budget import Budget
    from extract.money.reserve import Reserve
    from extract.pipeline import RunOptions
    from extract.report import RunReport

batches = App(
    name="batch",
    help="Batches of papers that a provider answers later: how they stand, fetch them, end them.",
    default_parameter=Parameter(negative=()),
)


def run_batch(
    options: RunOptions, model: Model, *, cassettes: Path | None = None, json_: bool = False
) -> int:
    """Fetch what has ended, go through the feed, and submit what is not answered yet."""
    from extract.batchsession import BatchSession
    from extract.batchwork import fetch_of, open_batches, submit
    from extract.cli.batch_lines import batch_lines, next_line
    from extract.cli.progress import RunWatch
    from extract.money.account import check_budget
    from extract.money.reserve import PRICE_FACTOR
    from extract.pipeline import run
    from extract.terminal import safe_text

    _check(options, model, cassettes)
    check_budget(model, options.budget)
    model.hosted_endpoint()  # says at once where there is no key
    wait_s = options.lock_wait_s
    fetched = None
    if waiting := open_batches(model, options.database):
        fetched = fetch_of(model, options.database, waiting, wait_s)
    reserve = _reserve(options, model)
    session = BatchSession(model, options.database, reserve)
    with RunWatch() as watch:
        report = run(options, model, watch=watch, open_session=session.opened)
    shown = list(fetched.batches) if fetched else []
    report.notes += fetched.notes if fetched else []
    if report.left_price is not None:
        report.left_price = report.left_price.times(float(PRICE_FACTOR))
    held, unsent = Decimal(0), []
    if session.wanted:
        sent = submit(
            model, options.database, session.wanted, lock_wait_s=wait_s, budget=options.budget
        )
        shown += sent.batches
        report.notes += sent.notes
        held, unsent = sent.held, sent.left
    if json_:
        document = report.as_json()
        document["batches"] = [asdict(batch) for batch in shown]
        document["fetched"] = [run.as_json() for run in fetched.runs] if fetched else []
        document["held"] = float(held)
        print(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        print("\n".join(_run_lines(report, fetched, held)))
        print("\n".join([*batch_lines(shown), next_line(shown, options.database)]))
    for words in unsent:
        # Another command has spent meanwhile what was left when the feed was read.
        print(f"paperfacts: {safe_text(words)}", file=sys.stderr)
    return report.exit_code or (3 if unsent else 0)


def _run_lines(report: RunReport, fetched: BatchReport | None, held: Decimal) -> list[str]:
    """Tell what was fetched first, what the feed had, and what the submission may cost."""
    from extract.cli.progress import failure_lines, summary_lines
    from extract.money.words import dollars
    from extract.terminal import safe_text

    lines = []
    for each in fetched.runs if fetched else []:
        if each.tried:
            # What failed is in the summary below, or on its way again.
            told = set(map(safe_text, failure_lines(each)))
            lines += [line for line in _fetched_lines(each) if line not in told]
    lines += summary_lines(report)
    if held:
        lines.append(f"price: at most {dollars(held)} for what was submitted now; less is likely")
        if report.left:
            lines.append("once this is fetched, the same command goes on with what it left over")
    return lines


def _reserve(options: RunOptions, model: Model) -> Reserve | None:
    """Return what a budget has left for this submission."""
    from extract.money.prices import known_prices
    from extract.money.reserve import Reserve
    from extract.store.spending import spent_before

    if options.budget is None:
        return None
    before = spent_before(options.database).at_most
    return Reserve(lambda: known_prices(model), options.budget.limit(before))


def _check(options: RunOptions, model: Model, cassettes: Path | None) -> None:
    """Refuse what a batch cannot do."""
    from extract.errors import InputError

    if model.is_local:
        raise InputError(
            f"{model.name} runs on this machine and has no Batch API",
            hint="Leave out --batch, or name a hosted model: --model openai/NAME.",
        )
    if cassettes is not None:
        raise InputError(
            "--cassettes with --batch", hint="Recordings are of live calls; leave one of them out."
        )


@batches.command
def status(
    ids: Annotated[list[str] | None, Parameter(name="IDS")] = None,
    /,
    *,
    db: Path | None = None,
    base_url: str | None = None,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Ask how the open batches of a database stand. Writes nothing.

    Parameters
    ----------
    ids
        Batches, by the beginning of their id; all open ones by default.
    db
        Database file; what the settings name by default, or papers.duckdb.
    base_url
        The server that they are with, where it is not the provider's own.
    json_
        Print as JSON.
    """
    from extract.batchwork import standing

    chosen = _chosen(db, ids, base_url)
    return _told(standing(chosen), chosen.database, json_=json_) and 0


@batches.command
def fetch(
    ids: Annotated[list[str] | None, Parameter(name="IDS")] = None,
    /,
    *,
    db: Path | None = None,
    resubmit: bool = False,
    budget: str | None = None,
    base_url: str | None = None,
    task: str | None = None,
    trust_code: bool = False,
    lock_wait: float | None = None,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Store what has come of the open batches; safe at any time, and as often as you like.

    Exit code 0 while batches are running, and when every paper is answered; 3 when a batch ended
    and left papers without an answer.

    Parameters
    ----------
    ids
        Batches, by the beginning of their id; all open ones by default.
    db
        Database file; what the settings name by default, or papers.duckdb.
    resubmit
        Submit again what expired, failed for a passing reason, or is missing, and nothing else.
    budget
        Dollars for what is submitted again, as in `paperfacts run`; by default what the batches
        were submitted with.
    base_url
        The server that they are with, where it is not the provider's own.
    task
        Folder of their task, where it is not built in.
    trust_code
        Let a schema.py of that folder run.
    lock_wait
        Seconds to wait for another run on the same database to end.
    json_
        Print as JSON.
    """
    from extract.batchwork import fetch

    chosen = _chosen(db, ids, base_url, lock_wait)
    chosen = replace(chosen, task=task, trust_code=trust_code)
    report = fetch(chosen, resubmit=resubmit, budget=_budget(budget) if resubmit else None)
    return _told(report, chosen.database, json_=json_)


@batches.command
def cancel(
    ids: Annotated[list[str] | None, Parameter(name="IDS")] = None,
    /,
    *,
    db: Path | None = None,
    all_: Annotated[bool, Parameter(name="--all")] = False,
    base_url: str | None = None,
    lock_wait: float | None = None,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """End batches; what they have answered by then is paid for, and can be fetched.

    Parameters
    ----------
    ids
        Batches, by the beginning of their id.
    db
        Database file; what the settings name by default, or papers.duckdb.
    all_
        End all that are open.
    base_url
        The server that they are with, where it is not the provider's own.
    lock_wait
        Seconds to wait for another run on the same database to end.
    json_
        Print as JSON.
    """
    from extract.batchwork import cancel
    from extract.errors import InputError

    if bool(ids) == all_:
        raise InputError("no batch is named", hint="Name batches by their id, or say --all.")
    chosen = _chosen(db, ids, base_url, lock_wait)
    return _told(cancel(chosen), chosen.database, json_=json_) and 0


def _budget(given: str | None) -> Budget | None:
    """Return the budget of an option, a variable or a file; None where none is set."""
    from extract.money.budget import read_budget
    from extract.settings import settle

    found = settle(budget=given).budget
    return None if found is None else read_budget(found)


def _chosen(
    db: Path | None, ids: list[str] | None, base_url: str | None, lock_wait: float | None = None
) -> Chosen:
    """Return the batches that are meant, and where they are, with the settings of this place."""
    from extract.batchchoice import Chosen
    from extract.cli.database import stored_database
    from extract.settings import settle

    settings = settle(lock_wait=lock_wait)
    return Chosen(
        database=stored_database(db),
        ids=ids or (),
        base_url=base_url,
        known_url=settings.base_url,
        lock_wait_s=settings.lock_wait,
    )


def _told(report: BatchReport, db: Path, *, json_: bool) -> int:
    """Print what was found and done; return the exit code."""
    from extract.cli.batch_lines import batch_lines, next_line
    from extract.money.words import dollars
    from extract.store.spending import spent_before
    from extract.terminal import safe_text

    if json_:
        print(json.dumps(report.as_json(), ensure_ascii=False, indent=1, default=str))
        return report.exit_code
    lines = [line for run in report.runs for line in _fetched_lines(run)]
    lines += batch_lines(report.batches)
    if held := spent_before(db).held:
        lines.append(f"price: at most {dollars(held)} for what is not fetched yet")
    lines += [f"note: {note}" for note in report.notes]
    lines.append(next_line(report.batches, db))
    print("\n".join(map(safe_text, lines)))
    for words in report.left:
        print(f"paperfacts: {safe_text(words)}", file=sys.stderr)
    return report.exit_code


def _fetched_lines(run: RunReport) -> list[str]:
    """Tell what was stored of one model's batches."""
    from extract.cli.progress import summary_lines

    return [line for line in summary_lines(run)[1:] if not line.startswith("note: ")]
