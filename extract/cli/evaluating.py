"""`paperfacts eval`: figures of a model or a database against annotated abstracts."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from extract.cli.options import AS_SET, Asking, check_limit, settled
from extract.errors import InputError

if TYPE_CHECKING:
    from extract.evaluation import Evaluation
    from extract.settings import Settings
    from extract.task import Task


_TEXT = ("title", "abstract")


def evaluate_model(
    gold: Path,
    *,
    db: Annotated[Path | None, Parameter(name="--db")] = None,
    model: str | None = None,
    asking: Asking = AS_SET,
    trust_code: bool = False,
    limit: int | None = None,
    errors: bool = False,
    most: int | None = 40,
    format: Literal["table", "markdown"] = "table",
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Compare extracted facts with annotated abstracts and print precision, recall and F1.

    With --db alone a database is compared as it is; otherwise the annotated abstracts are
    extracted first (into --db where given, so that a second time costs nothing).

    Parameters
    ----------
    gold
        Annotated abstracts, one JSON object a line.
    db
        Database to compare, or to extract into with --model.
    model
        Model to run on the annotated abstracts; the default model where --db is left out.
    asking.task
        The task that was annotated; facts by default.
    trust_code
        Let a schema.py of the task's folder run.
    limit
        Annotated abstracts to take at most, the first ones of the file.
    errors
        List each miss and false find with its sentence, the most frequent first.
    most
        Groups of misses that --errors lists at most.
    format
        How the table is printed.
    json_
        Print all figures as JSON.
    """
    from extract.evaluation import evaluate, read_annotations
    from extract.tasks import load_task

    check_limit(limit)
    settings = settled(asking, model=model)
    chosen = load_task(settings.task, trust_code=trust_code)
    annotated = dict(islice(read_annotations(gold, chosen).items(), limit))
    if db is not None and model is None:
        predicted = _from_database(db, chosen, annotated)
    else:
        predicted = _from_model(db, chosen, annotated, settings)
    evaluation = evaluate(annotated, predicted, chosen)
    print(_json(evaluation, errors) if json_ else _text(evaluation, errors, most, format))
    return 0


def _json(evaluation: Evaluation, errors: bool) -> str:
    """Return all figures as JSON, with the misses where they are wanted."""
    from extract.evaluation import evaluation_document, find_misses, group_misses, misses_document

    document = evaluation_document(evaluation)
    if errors:
        document["misses"] = misses_document(group_misses(evaluation))
        document["misses_total"] = len(find_misses(evaluation))
    return json.dumps(document, ensure_ascii=False, indent=1)


def _text(evaluation: Evaluation, errors: bool, most: int | None, format: str) -> str:
    """Return the table, with the misses below it where they are wanted."""
    from extract.evaluation import group_misses, misses_text, table_markdown, table_text

    table = table_markdown(evaluation) if format == "markdown" else table_text(evaluation)
    return f"{table}\n{misses_text(group_misses(evaluation), most=most)}" if errors else table


def _from_database(
    db: Path, task: Task, annotated: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """Return what a database says of the annotated papers, found by their text or id."""
    from extract.papers import storable
    from extract.store.reading import annotated_papers

    stored = annotated_papers(db, task)
    by_text = {(row["title"], row["abstract"]): row for row in stored.values()}
    found: dict[str, Mapping[str, Any]] = {}
    for key, paper in annotated.items():
        title, abstract = (storable(paper.get(part, ""))[0] for part in _TEXT)
        row = by_text.get((title, abstract)) or stored.get(key)
        if row is not None:
            found[key] = row
    if not found:
        raise InputError(
            f"none of the {len(annotated)} annotated papers is in {db}",
            hint="Name the database that was filled from them, or a --model to extract them with.",
        )
    if len(found) < len(annotated):
        missing = len(annotated) - len(found)
        print(
            f"paperfacts: {missing} of {len(annotated)} annotated papers are not in {db};"
            " they count as empty",
            file=sys.stderr,
        )
    return found


def _from_model(
    db: Path | None,
    task: Task,
    annotated: Mapping[str, Mapping[str, Any]],
    settings: Settings,
) -> dict[str, Mapping[str, Any]]:
    """Extract the annotated abstracts and return what came out."""
    from extract.cli.configuring import model_for
    from extract.cli.progress import RunWatch, summary_lines
    from extract.pipeline import RunOptions, run

    chosen = model_for(task, settings)
    print(f"paperfacts: {chosen.describe}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="paperfacts-eval-") as folder:
        database = db or Path(folder) / "eval.duckdb"
        options = RunOptions(
            feed=str(_as_feed(annotated, Path(folder) / "annotated.jsonl")),
            database=database,
            format="jsonl",
            concurrency=settings.concurrency,
        )
        with RunWatch() as watch:
            report = run(options, chosen, watch=watch, progress=watch.fetching)
        print("\n".join(summary_lines(report)[:4]), file=sys.stderr)
        return _from_database(database, task, annotated)


def _as_feed(annotated: Mapping[str, Mapping[str, Any]], path: Path) -> Path:
    """Write the annotated abstracts as a feed, without what was annotated; return its path."""
    with path.open("w", encoding="utf-8") as lines:
        for key, paper in annotated.items():
            if missing := [part for part in _TEXT if part not in paper]:
                raise InputError(
                    f"annotated paper {key}: {' and '.join(missing)} missing",
                    hint="A model needs the text; without it only a database can be compared: --db",
                )
            row = {"id": key, "title": paper["title"], "abstract": paper["abstract"]}
            lines.write(json.dumps(row) + "\n")
    return path
