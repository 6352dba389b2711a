"""The figures of the embedded model that the README shows, and the curves of its confidences.

    python bench/crossvalidation.py GOLD.jsonl FOLDS TO [--curves CURVES.json]

FOLDS is what `paperfacts train CONFIG --to FOLDS --folds 5` made: an adapter in each of `fold-0` to
`fold-4`; folds that are not there are left out, two at least are needed. Every gold abstract of
these folds is answered by the adapter that has not seen it, in a run as any other
(merged weights, and the token bias that its base ships with), into TO/fold-0.duckdb and so on; what
is answered already is not asked again. Confidences come from curves that were fitted to the other
folds; doubtful records are left out, as the views do. --curves writes those of all folds together,
for the adapter that is trained on everything. Three seconds a paper and fold, or more.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from extract.calibration import Calibration, calibrated, fit_curve
from extract.evaluation import Evaluation, evaluate, read_annotations, table_markdown
from extract.evaluation.reliability import outcomes, reliability, reliability_text
from extract.grounding import DOUBTFUL
from extract.local.registry import local_model, local_models
from extract.models import Model, find_model
from extract.pipeline import RunOptions, run
from extract.store.reading import facts
from extract.task import Task
from extract.tasks import load_task
from extract.training.examples import fold_of

Papers = dict[str, dict[str, Any]]
FOLDS = 5


def model_of_fold(folder: Path, task: Task) -> Model:
    """Return the model with the adapter of *folder*, and the token bias of its base."""
    model = find_model(f"local/{folder}", task)
    shipped = local_models()[local_model(str(folder)).name].adapter
    if shipped is None or not shipped.logit_bias:
        return model
    sampling = model.recipe.sampling
    bias = ("logit_bias", tuple(shipped.logit_bias.items()))
    sampling = replace(sampling, extra=(*sampling.extra, bias))
    return replace(model, recipe=replace(model.recipe, sampling=sampling))


def answered(gold: Mapping[str, Mapping[str, Any]], model: Model, database: Path) -> Papers:
    """Run *model* over the abstracts of *gold*; return its facts with their probabilities."""
    feed = database.with_suffix(".jsonl")
    rows = ({"id": k, "title": p["title"], "abstract": p["abstract"]} for k, p in gold.items())
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = run(RunOptions(feed=str(feed), database=database, format="jsonl"), model)
    print(
        f"{database.name}: {report.asked} asked, {report.cached} known, "
        f"{len(report.failed)} failed, {report.seconds:.0f} s",
        file=sys.stderr,
    )
    task = model.recipe.task
    found: Papers = {key: {kind.name: [] for kind in task.kinds} for key in gold}
    for kind, kind_rows in facts(database, task, missing=True):
        for row in kind_rows:
            if row["alignment"] != "missing" and row["paper_id"] in found:
                found[row["paper_id"]][kind].append(row)
    return found


def with_confidence(papers: Papers, curves: Calibration, *, is_cut: bool) -> Papers:
    """Return the facts with the confidence of *curves*; *is_cut* leaves out the doubtful ones."""

    def kept(kind: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        curve = curves.get(kind, ())
        sure = [dict(row) for row in rows]
        for row in sure:
            known = row["probability"]
            row["confidence"] = None if known is None else calibrated(known, curve)
        return [row for row in sure if not is_cut or _is_shown(row["confidence"])]

    return {key: {kind: kept(kind, rows) for kind, rows in p.items()} for key, p in papers.items()}


def _is_shown(confidence: float | None) -> bool:
    return confidence is None or confidence >= DOUBTFUL


def curves_of(evaluation: Evaluation) -> dict[str, list[tuple[float, float]]]:
    """Return the curve of every list that has enough records."""
    fitted = {kind: fit_curve(rows) for kind, rows in outcomes(evaluation).items()}
    return {kind: curve for kind, curve in fitted.items() if curve}


def main() -> None:
    """Answer, fit, and print the tables."""
    gold_file, folder, to = (Path(each) for each in sys.argv[1:4])
    task = load_task()
    gold = read_annotations(gold_file, task)
    to.mkdir(parents=True, exist_ok=True)
    there = [number for number in range(FOLDS) if (folder / f"fold-{number}").is_dir()]
    if len(there) < 2:
        sys.exit(
            f"{folder} has {len(there)} of the folders fold-0 to fold-{FOLDS - 1}; two are needed, "
            "because the confidences of each come from the others"
        )
    folds: list[Papers] = []
    for number in there:
        own = {key: paper for key, paper in gold.items() if fold_of(key, FOLDS) == number}
        model = model_of_fold(folder / f"fold-{number}", task)
        raw = answered(own, model, to / f"fold-{number}.duckdb")
        folds.append(with_confidence(raw, {}, is_cut=False))

    def evaluated(papers: Sequence[Papers]) -> Evaluation:
        joined = {key: paper for each in papers for key, paper in each.items()}
        return evaluate({key: gold[key] for key in joined}, joined, task)

    measured, cut = [], []
    for number, papers in enumerate(folds):
        others = [each for place, each in enumerate(folds) if place != number]
        curves = curves_of(evaluated(others))
        measured.append(with_confidence(papers, curves, is_cut=False))
        cut.append(with_confidence(papers, curves, is_cut=True))
    print(table_markdown(evaluated(cut)))
    means = [evaluated([each]).figures["macro_f1"] for each in cut]
    print(
        "\nfolds:",
        ", ".join(f"{mean:.3f}" for mean in means),
        f"mean {statistics.mean(means):.3f}, spread {statistics.stdev(means):.3f}\n",
    )
    print(reliability_text(reliability(evaluated(measured))))
    if "--curves" in sys.argv:
        target = Path(sys.argv[sys.argv.index("--curves") + 1])
        target.write_text(json.dumps(curves_of(evaluated(folds))) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
