"""`paperfacts probe`: does a model read what it is given, and does it take orders from it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from extract.cli.options import AS_SET, Asking, settled

if TYPE_CHECKING:
    from extract.injections import InjectionRow
    from extract.models import Model
    from extract.probe_asking import Replies
    from extract.probed import ProbeRecord
    from extract.probing import ProbeText
    from extract.report import RunReport


@dataclass(frozen=True)
class Told:
    """What came of a probe: the record, the report of its calls, and its cases in both forms."""

    record: ProbeRecord
    report: RunReport
    lines: list[str]
    cases: dict[str, Any]


def probe_model(
    model: str | None = None,
    *,
    db: Annotated[Path | None, Parameter(name="--db")] = None,
    asking: Asking = AS_SET,
    trust_code: bool = False,
    injection: bool = False,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Ask MODEL about invented twin texts and say whether it reads them: fit, weak or unfit.

    A number or name that is changed must change in the facts, a deleted sentence's facts must
    vanish, and a text without facts must give none. Every run of the model shows the verdict; an
    unfit model is not run without --force. Exit code 3 for unfit, 0 for fit and weak. Where calls
    failed in a way that may pass, the exit code is 3 too, and the outcome is not kept.

    Parameters
    ----------
    model
        local/NAME, or PROVIDER/NAME of a hosted model. The default runs on this machine.
    db
        Database to keep the outcome in too, in the table probes; made where it is not there.
    asking.task
        What the model is to extract: facts (the default), or a folder with schema.yaml and
        probes.json.
    trust_code
        Let a schema.py of the task's folder run.
    injection
        Ask about abstracts that try to give orders instead, and print how many change no fact
        or are flagged. Exit code 3 where a text got no answer.
    json_
        Print everything as JSON.
    """
    from extract.cli.configuring import model_of
    from extract.store.database import Database

    settings = settled(asking, model=model)
    chosen = model_of(settings, trust_code=trust_code)
    document = _document(settings.task, "injections" if injection else "probes")
    if db is not None:
        # Before anything is asked: a database that cannot be used must not cost a probe.
        Database(db, chosen.recipe.task).prepare()
    suite = _injection if injection else _reading
    told = suite(chosen, document, settings.concurrency)
    passing = {f.failure.failure_class for f in told.report.failed if f.failure.is_transient}
    kept = None
    if passing:
        _say_not_kept(passing)
    else:
        kept = _keep(told.record, db)
    if json_:
        print(json.dumps(_as_json(told, kept), ensure_ascii=False, indent=1))
    else:
        _print(told, kept)
    is_unanswered = bool(passing or (injection and told.report.failed))
    return 3 if told.record.verdict == "unfit" or is_unanswered else 0


def _reading(model: Model, document: Any, concurrency: int | None) -> Told:
    """Probe whether the model reads: the record, the report, a line and an object a case."""
    from extract.probed import new_record
    from extract.probing import judge, probe_cases, probe_texts

    cases = probe_cases(model.recipe.task, document)
    replies, report = _ask(probe_texts(cases), model, concurrency)
    outcome = judge(cases, {name: r.answer if r else None for name, r in replies.items()})
    passed = outcome.counts.get("passed", 0)
    record = new_record(
        "reading",
        model.recipe,
        report,
        verdict=outcome.verdict,
        reasons=outcome.reasons,
        counts=dict(outcome.counts),
        rate=passed / len(cases),
    )
    lines = [f"{r.outcome:<10}  {r.case.name}: {r.reason}" for r in outcome.results]
    objects = [
        {
            "case": r.case.name,
            "expectation": r.case.expectation,
            "lists": [kind.name for kind in r.case.lists],
            "outcome": r.outcome,
            "reason": r.reason,
        }
        for r in outcome.results
    ]
    counts = ", ".join(f"{count} {word}" for word, count in outcome.counts.items())
    lines += ["", f"{model.name} is {outcome.verdict}: of {len(cases)} cases {counts}"]
    lines += [f"  {reason}" for reason in outcome.reasons]
    return Told(record, report, lines, {"cases": objects})


def _injection(model: Model, document: Any, concurrency: int | None) -> Told:
    """Probe whether texts can give the model orders, told in the same form."""
    from extract.injections import (
        injection_cases,
        injection_texts,
        judge_injections,
        shown_facts,
    )
    from extract.machine_text import machine_signs
    from extract.probe_asking import as_paper
    from extract.probed import new_record

    task = model.recipe.task
    cases = injection_cases(task, document)
    texts = injection_texts(cases)
    replies, report = _ask(texts, model, concurrency)
    papers = {name: as_paper(text) for name, text in texts.items()}
    outcome = judge_injections(
        cases,
        {name: shown_facts(task, r.grounded) if r else None for name, r in replies.items()},
        {name: machine_signs(paper.title, paper.abstract) for name, paper in papers.items()},
    )
    record = new_record(
        "injection",
        model.recipe,
        report,
        verdict=None,
        reasons=(),
        counts=dict(outcome.counts),
        rate=outcome.rate,
    )
    counts = ", ".join(f"{count} {word}" for word, count in outcome.counts.items())
    rates = f"{outcome.rate:.1%} changed no fact or are flagged ({outcome.unchanged:.1%} no fact)"
    lines = [*_attack_lines(outcome.rows), ""]
    lines.append(f"{model.name}: of {len(cases)} attacks {rates}: {counts}")
    unchanged = round(outcome.unchanged, 4)
    return Told(record, report, lines, {"unchanged": unchanged, "attacks": _attacks(outcome.rows)})


def _attacks(rows: Iterable[InjectionRow]) -> list[dict[str, Any]]:
    """Return what each attack did as JSON says it."""
    return [
        {
            "attack": row.case.attack,
            "case": row.case.name,
            "result": row.result,
            "signs": row.signs,
            "lost": row.lost,
            "added": row.added,
        }
        for row in rows
    ]


def _attack_lines(rows: Iterable[InjectionRow]) -> list[str]:
    """Return what each attack did, with the facts that it cost and forged."""
    lines = []
    for row in rows:
        lines.append(f"{row.result:<10}  {row.case.attack:<10}  {row.case.name}")
        lines += [f"{'':<12}- {' '.join(fact)}" for fact in row.lost]
        lines += [f"{'':<12}+ {' '.join(fact)}" for fact in row.added]
    return lines


def _ask(
    texts: Mapping[str, ProbeText], model: Model, concurrency: int | None
) -> tuple[Replies, RunReport]:
    """Ask about every text, and show on stderr how far it is."""
    from extract.cli.progress import RunWatch
    from extract.probe_asking import ask_about
    from extract.probing import EMPTY
    from extract.report import RunReport

    print(f"paperfacts: {model.describe}", file=sys.stderr)
    asked = [text for text in texts.values() if text != EMPTY]
    print(f"paperfacts: asking about {len(asked)} invented texts", file=sys.stderr)
    report = RunReport("", "", "", model.name, model.recipe.task.name)
    with RunWatch() as watch:
        replies = ask_about(
            texts.values(),
            model,
            report,
            concurrency=concurrency,
            watch=watch,
            progress=watch.fetching,
        )
    return replies, report


def _document(task: str, what: str) -> Any:
    """Return the texts that the folder of a task brings; None for a built-in task."""
    from extract.errors import InputError
    from extract.tasks import BUILT_IN, task_file

    if task in BUILT_IN:
        return None
    path = Path(task) / f"{what}.json"
    text = task_file(Path(task), path.name)
    if text is None:
        raise InputError(
            f"task {task} brings no texts to probe with: there is no {path}",
            hint=f"Write it in the form of the built-in one: schemas/facts_{what}.json.",
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error


def _say_not_kept(passing: Iterable[str]) -> None:
    """Say that the outcome is not kept, and why.

    A bad hour of a provider must not make its model unfit for later runs.
    """
    print(
        f"paperfacts: the outcome is not kept, as calls failed in a way that may pass"
        f" ({', '.join(sorted(passing))}); probe again later",
        file=sys.stderr,
    )


def _keep(record: ProbeRecord, db: Path | None) -> str | None:
    """Keep the outcome in *db* and for later runs; return where, None where that cannot be."""
    from extract.probed import DATA_VARIABLE, keep
    from extract.store.probes import write_probe

    if db is not None:
        write_probe(db, record.row())
    try:
        return str(keep(record))
    except OSError as error:
        print(
            f"paperfacts: the outcome is not kept for later runs: {error};"
            f" name another folder in {DATA_VARIABLE}",
            file=sys.stderr,
        )
        return None


def _as_json(told: Told, kept: str | None) -> dict[str, Any]:
    """Return everything as JSON says it."""
    body = {"schema_version": 1, **told.record.row(), "counts": told.record.counts, "kept": kept}
    return body | {"seconds": round(told.report.seconds, 1), **told.cases}


def _print(told: Told, kept: str | None) -> None:
    """Print the cases, the outcome, what failed and what it cost."""
    from extract.terminal import safe_text

    record, report = told.record, told.report
    lines = told.lines + [
        f"  no answer about {failed.paper_id}: {failed.failure.failure_class}:"
        f" {failed.failure.message[:200]}"
        for failed in report.failed[:5]
    ]
    lines.append(
        f"{record.texts} texts, {record.calls} calls, {record.input_tokens:,} + "
        f"{record.output_tokens:,} tokens, {report.seconds:.1f} s"
    )
    lines += [f"kept in {kept}"] if kept else []
    print("\n".join(safe_text(line) for line in lines))
