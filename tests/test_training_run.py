"""A training run: refused where it cannot be right, and taken up again where it was stopped."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extract.errors import InputError, ModelError
from extract.local.registry import local_model
from extract.local.weights import ensure_weights
from extract.training import run
from extract.training.dev import DevWish
from extract.training.run import claim_folder, require_train, train_adapter

PAPERS = (
    ("Lumen", "proposed", "91.4%", "TableBank-X"),
    ("Corvid", "other", "62.1%", "NestSet"),
    ("Tarn", "proposed", "12.5%", "LakeQA"),
    ("Osier", "other", "70.2%", "BankNet"),
    ("Pyrite", "proposed", "55.0%", "OreBench"),
)
CONFIG = """
annotations = ["tiny.jsonl"]
epochs = 1
batch = 1
rank = 4
alpha = 8
warmup_steps = 1
checkpoint_every = 1
drop_sentences = 0.5
swap_names = 0.5
swap_numbers = 0.5
latex_remnants = 0.5
hold_out = 4
"""


def annotation(number: int) -> dict[str, Any]:
    """An invented paper of one sentence."""
    method, role, value, dataset = PAPERS[number]
    abstract = f"On {dataset}, {method} reaches {value} accuracy."
    result = {"value": value, "kind": "score", "metric": "accuracy", "baseline": None}
    return {
        "id": f"p{number}",
        "title": f"About {method}",
        "abstract": abstract,
        "sentences": [[0, len(abstract)]],
        "methods": [{"name": method, "role": role, "aliases": [], "sentence": 1}],
        "datasets": [{"name": dataset, "role": "used", "aliases": [], "sentence": 1}],
        "results": [{**result, "method": method, "dataset": dataset, "sentence": 1}],
        "claims": [{"sentence": 1, "type": "result"}],
    }


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config of five papers, one or more of them held out."""
    lines = [json.dumps(annotation(n)) + "\n" for n in range(len(PAPERS))]
    (tmp_path / "tiny.jsonl").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "tiny.toml").write_text(CONFIG, encoding="utf-8")
    return tmp_path / "tiny.toml"


def test_a_missing_extra_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
):
    """Whoever lacks torch learns what to type."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(InputError, match="training needs torch") as raised:
        require_train()

    assert "pip install 'paperfacts[train]'" in raised.value.hint


def test_a_folder_belongs_to_one_run(tmp_path: Path):
    """Going on with other examples would make an adapter that no card describes."""
    claim_folder(tmp_path, {"examples_sha256": "a", "base_sha256": "b"})
    claim_folder(tmp_path, {"examples_sha256": "a", "base_sha256": "b"})

    with pytest.raises(InputError, match="differs in examples_sha256"):
        claim_folder(tmp_path, {"examples_sha256": "c", "base_sha256": "b"})


def test_a_checkpoint_of_unknown_origin_is_not_continued(tmp_path: Path):
    """What it was trained on is not known, so the card could not say it."""
    (tmp_path / "checkpoint.pt").write_bytes(b"")

    with pytest.raises(InputError, match=r"no run\.json"):
        claim_folder(tmp_path, {})


class StoppedHere(Exception):
    """Raised by a test in the middle of a run."""


def stopping_at(step: int) -> Callable[[dict[str, Any]], None]:
    """A report that stops the run at *step*."""

    def report(event: dict[str, Any]) -> None:
        if event.get("step") == step:
            raise StoppedHere

    return report


def losses(folder: Path) -> dict[int, float]:
    """The loss of each step, as it was run last."""
    events = map(json.loads, (folder / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return {event["step"]: event["loss"] for event in events}


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.train
def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(config: Path, tmp_path: Path):
    """Same losses, same adapter to the byte, measured on the way or not; the card says of what."""
    try:
        require_train()
        ensure_weights(local_model("smollm2-135m"))
    except (InputError, ModelError) as error:
        pytest.skip(f"{error}")
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"

    adapter = train_adapter(config, straight, threads=1, report=lambda event: None)
    with pytest.raises(StoppedHere):
        train_adapter(config, stopped, threads=1, report=stopping_at(3))
    often = DevWish(every_steps=1)
    again = train_adapter(config, stopped, threads=1, report=lambda event: None, dev=often)

    assert len(losses(straight)) >= 3
    assert losses(straight) == losses(stopped)
    assert adapter.read_bytes() == again.read_bytes()
    assert "macro_f1" in (stopped / "dev.jsonl").read_text(encoding="utf-8")
    card = json.loads((straight / "card.json").read_text(encoding="utf-8"))
    assert card["config"]["seed"] == 7
    assert card["base_sha256"] == local_model("smollm2-135m").sha256
    assert card["held_out"]["figures"]["papers"] == len(PAPERS) - card["examples"]
    assert card["adapter_bytes"] == adapter.stat().st_size
    assert run.LOSS_TAIL_STEPS >= len(card["loss_tail"]) == card["steps"]
