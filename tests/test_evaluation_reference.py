"""Our figures are those of the reference, whatever the predictions."""

import importlib.util
import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from extract.evaluation import evaluate
from extract.schemas.facts import ANSWER
from extract.task import describe

TASK = describe("facts", ANSWER)
SHARED = Path(__file__).parents[2] / "shared" / "gold"
pytestmark = pytest.mark.skipif(
    not (SHARED / "score.py").exists(), reason=f"the reference is not at {SHARED}"
)

Annotations = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """The reference as a module, its sets of forms put in order.

    It takes any entity that a prediction's forms meet; which one depends on the order of a set,
    which changes from run to run.
    """
    spec = importlib.util.spec_from_file_location("gold_score", SHARED / "score.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def ordered(entity: dict[str, Any]) -> Iterable[str]:
        return dict.fromkeys(map(module.norm, (entity["name"], *entity.get("aliases", []))))

    module.__dict__["forms"] = ordered
    return module


@pytest.fixture(scope="module")
def gold() -> Annotations:
    lines = (SHARED / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return {str(row["id"]): row for row in map(json.loads, lines)}


CHANGES: tuple[Callable[[str, random.Random], str], ...] = (
    lambda s, _: s,
    lambda s, _: s.upper(),
    lambda s, _: f"the {s} datasets",
    lambda s, _: s + "s",
    lambda s, _: s.replace("y", "ies"),
    lambda s, rng: s[: rng.randint(0, len(s))],
    lambda s, rng: " ".join(rng.sample(s.split(), len(s.split()))),
    lambda s, _: "+" + s.replace("%", " \\%"),
    lambda s, _: s.replace("%", " percent").replace("x", " times"),
)


def changed(text: str | None, rng: random.Random) -> str | None:
    if text is None:
        return rng.choice([None, "", "accuracy"])
    return rng.choice(CHANGES)(text, rng) if rng.random() < 0.7 else None


def perturbed(annotation: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """A prediction with a bit of everything wrong: lost, doubled, invented, changed."""
    prediction: dict[str, Any] = {}
    for kind in ("methods", "datasets", "results", "claims"):
        rows = [dict(row) for row in annotation[kind] for _ in range(rng.choice([0, 1, 1, 1, 2]))]
        for row in rows:
            for field in ("metric", "dataset", "method"):
                if field in row and rng.random() < 0.4:
                    row[field] = changed(row[field], rng)
            for field, choices in (
                ("role", ["proposed", "other", "used"]),
                ("kind", ["score", "delta", "size", "factor"]),
                ("type", ["result", "finding", None]),
                ("sentence", [0, 1, 2, 3, 4, 5]),
            ):
                if field in row and rng.random() < 0.2:
                    row[field] = rng.choice(choices)
            for key in ("name", "value"):
                if key in row and rng.random() < 0.4:
                    row[key] = changed(row[key], rng) or "x"
            if "aliases" in row and rng.random() < 0.3:
                row["aliases"] = rng.sample(row["aliases"], len(row["aliases"]) // 2)
            if "type" in row and rng.random() < 0.1:
                row["sentence"] = None
                row["start"] = rng.randint(0, 900)
                row["end"] = row["start"] + rng.randint(0, 300)
        prediction[kind] = rng.sample(rows, len(rows))
    return prediction


@pytest.mark.parametrize("seed", range(12))
def test_the_figures_are_those_of_the_reference(
    seed: int, reference: ModuleType, gold: Annotations
) -> None:
    """Every figure agrees to three decimals on randomly changed annotations."""
    rng = random.Random(seed)
    chosen = dict(rng.sample(sorted(gold.items()), 80))
    predicted = {i: perturbed(a, rng) for i, a in chosen.items() if rng.random() < 0.95}

    expected = reference.score(chosen, predicted, docs=chosen)

    assert expected == evaluate(chosen, predicted, TASK, resamples=0).figures


def test_the_worked_example_of_the_reference_comes_out() -> None:
    """The example beside the reference gives its expected figures."""
    sides = [
        {str(row["id"]): row for row in map(json.loads, (SHARED / "example" / f).open())}
        for f in ("gold.jsonl", "pred.jsonl")
    ]

    expected = json.loads((SHARED / "example" / "expected.json").read_text())

    assert expected == evaluate(sides[0], sides[1], TASK, resamples=0).figures
