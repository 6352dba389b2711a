"""Cross-validation: every paper is measured by an adapter that was not trained on it.

One training run a fold, each in a folder of its own, each of them resumable. What comes out are
the figures of the folds with their mean and spread, not an adapter to use: that one is trained
on all papers, with `train_adapter`.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.training.config import read_config
from extract.training.dev import DevWish, f1_by_list
from extract.training.examples import fold_of
from extract.training.plan import task_of
from extract.training.run import Report, require_train, train_adapter
from extract.training.sources import all_annotations

MOST_FOLDS = 20


def cross_validate(
    config_path: Path,
    folder: Path,
    folds: int,
    *,
    papers: int = 0,
    threads: int | None = None,
    report: Report,
) -> dict[str, Any]:
    """Train and measure every fold, and return F1 by list: of each fold, mean and spread.

    Of each fold's papers at most *papers* are measured, 0 for all. The same goes to `folds.json`.
    """
    require_train()
    if not 2 <= folds <= MOST_FOLDS:
        raise InputError(f"--folds {folds}", hint=f"Name a number from 2 to {MOST_FOLDS}.")
    _check_folds(config_path, folds)
    found: list[dict[str, float]] = []
    for fold in range(folds):
        own = folder / f"fold-{fold}"
        report({"fold": fold + 1, "of_folds": folds, "folder": str(own)})
        train_adapter(
            config_path,
            own,
            threads=threads,
            report=report,
            dev=DevWish(papers=papers),
            hold_out=fold,
            folds=folds,
        )
        card = json.loads((own / "card.json").read_text(encoding="utf-8"))
        found.append(f1_by_list(card["held_out"]["figures"]))
    summary = {"folds": found, **mean_and_spread(found)}
    (folder / "folds.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    return summary


def _check_folds(config_path: Path, folds: int) -> None:
    """Raise `InputError` where a fold has no papers: told now, not after hours of the others."""
    config = read_config(config_path)
    task = task_of(config, config_path)
    annotations = all_annotations(config, config_path.parent, task)
    taken = {fold_of(str(annotation["id"]), folds) for annotation in annotations}
    if empty := [fold for fold in range(folds) if fold not in taken]:
        raise InputError(
            f"fold {empty[0]} of {folds} has no papers to measure on",
            hint="Take fewer folds, or annotate more papers.",
        )


def mean_and_spread(folds: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return mean and sample standard deviation of every figure over the folds."""
    columns = {name: [fold[name] for fold in folds] for name in folds[0]}
    return {
        "mean": {name: round(statistics.fmean(own), 4) for name, own in columns.items()},
        "spread": {name: round(statistics.stdev(own), 4) for name, own in columns.items()},
    }
