"""`paperfacts train`: what it refuses, how it is stopped, what it learns from, what it prints."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from extract.cli.stopping import StoppedBySignal, Stopping
from extract.cli.training import MEASURED, TrainingWatch, go_on_command, train_model
from extract.errors import InputError, ModelError
from extract.local.registry import local_model
from extract.local.weights import ensure_weights
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.prompting import read_prompt
from extract.tasks import load_task
from extract.training.config import TrainingConfig
from extract.training.dev import DevWish, dev_of
from extract.training.examples import example, fold_of, read_annotations
from extract.training.folds import cross_validate, mean_and_spread
from extract.training.plan import Plan
from extract.training.run import claimed, finished_card, require_train
from extract.training.sources import all_annotations
from tests.stub_model import StubModel

ROOT = Path(__file__).parent.parent
GOLD = ROOT / "fixtures" / "eval" / "gold.jsonl"
TASK = load_task("facts")

CONFIG = """
annotations = ["gold.jsonl"]
epochs = 3
batch = 1
rank = 4
alpha = 8
max_steps = 4
warmup_steps = 1
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config of the three invented papers."""
    (tmp_path / "gold.jsonl").write_bytes(GOLD.read_bytes())
    (tmp_path / "mine.toml").write_text(CONFIG, encoding="utf-8")
    return tmp_path / "mine.toml"


def command(*arguments: str | Path) -> list[str]:
    """The command in a process of its own."""
    return [sys.executable, "-c", "from extract.cli import main; main()", *map(str, arguments)]


def test_without_the_extra_it_ends_with_2_and_the_command_that_installs_it(
    config: Path, monkeypatch: pytest.MonkeyPatch
):
    """Before anything is read or fetched."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(InputError) as raised:
        train_model(config, to=config.parent / "run")

    assert raised.value.exit_code == 2
    assert "pip install 'paperfacts[train]'" in raised.value.hint
    assert not (config.parent / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folds": 5, "dev": GOLD}, "leave out --dev"),
        ({"dev_papers": -1}, "should not be negative"),
        ({"threads": 0}, "--threads should be at least 1"),
        ({"folds": 1}, "--folds 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    config: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], words: str
):
    """Before the base is fetched."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())

    with pytest.raises(InputError, match=words):
        train_model(config, to=config.parent / "run", **options)


def plan(config: Path, trained: int) -> Plan:
    """A plan that trains on the first papers of the fixture."""
    prompt = read_prompt("facts.tuned", TASK.prompts["tuned"])
    annotations = read_annotations(GOLD, TASK)
    return Plan(
        TrainingConfig(), TASK, prompt, annotations[:trained], annotations[trained:], config, None
    )


def test_what_is_trained_on_is_not_measured_on(config: Path, tmp_path: Path):
    """By its id or by its text: a figure on it would say nothing."""
    renamed = tmp_path / "renamed.jsonl"
    first = json.loads(GOLD.read_text(encoding="utf-8").splitlines()[0])
    renamed.write_text(json.dumps(first | {"id": "other"}), encoding="utf-8")

    for gold in (GOLD, renamed):
        with pytest.raises(InputError, match="is among the papers that are trained on"):
            dev_of(plan(config, trained=1), DevWish(gold))


def test_the_fold_held_out_is_measured_where_no_file_is_named(config: Path):
    """No more papers than asked for, and the same ones whatever their order."""
    one = dev_of(plan(config, trained=1), DevWish(papers=1))
    both = dev_of(plan(config, trained=1), DevWish())

    assert one is not None and both is not None
    assert (one.source, len(one.papers), len(both.papers)) == ("held_out", 1, 2)
    assert one.papers[0] == both.papers[0]
    assert dev_of(plan(config, trained=3), DevWish()) is None


def test_dev_figures_come_every_so_many_steps_and_not_twice_at_the_end(config: Path):
    """The last step is measured by the end of the run."""
    dev = dev_of(plan(config, trained=1), DevWish(every_steps=2))

    assert dev is not None
    assert [n for n in range(1, 7) if dev.is_due({"step": n, "of": 6})] == [2, 4]


def test_the_answers_of_a_larger_model_are_learnt(tmp_path: Path):
    """What a run has stored of a feed becomes examples, a paper each."""
    db = tmp_path / "papers.duckdb"
    with StubModel() as server:
        model = find_model("stub", TASK, base_url=server.url)
        report = run(RunOptions(feed=str(GOLD), database=db), model)

    learnt = all_annotations(TrainingConfig(databases=("papers.duckdb",)), tmp_path, TASK)

    assert len(learnt) == report.papers == 3
    assert sum(len(a["claims"]) for a in learnt) == report.facts["claims"] > 0
    for annotation in learnt:
        assert '"m":' in example(TASK, annotation).answer


def test_a_folder_is_trained_in_by_one_process(tmp_path: Path):
    """Two would write one another's checkpoints."""

    def twice() -> None:
        with claimed(tmp_path / "run", {}), claimed(tmp_path / "run", {}):
            pass

    with pytest.raises(InputError, match="another process trains in"):
        twice()


def test_a_finished_run_is_told_by_its_card_and_its_bytes(tmp_path: Path):
    """It is not trained again; an adapter that was changed is."""
    (tmp_path / "adapter.gguf").write_bytes(b"GGUF")
    card = {"adapter_sha256": "0" * 64, "examples": 3}
    (tmp_path / "card.json").write_text(json.dumps(card), encoding="utf-8")

    assert finished_card(tmp_path, {"examples": 3}) is None

    card["adapter_sha256"] = hashlib.sha256(b"GGUF").hexdigest()
    (tmp_path / "card.json").write_text(json.dumps(card), encoding="utf-8")

    assert finished_card(tmp_path, {"examples": 3}) == card
    assert finished_card(tmp_path, {"examples": 4}) is None


def test_folds_are_told_by_mean_and_spread():
    """The spread is the sample standard deviation."""
    found = mean_and_spread([{"macro_f1": 0.5}, {"macro_f1": 0.6}, {"macro_f1": 0.7}])

    assert found == {"mean": {"macro_f1": 0.6}, "spread": {"macro_f1": 0.1}}


def test_a_signal_is_heeded_between_two_steps(capsys: pytest.CaptureFixture[str]):
    """The exit code is the shell's for it, and the hint is the command that goes on."""
    with Stopping("paperfacts train mine.toml --to run") as stopping:
        watch = TrainingWatch(stopping)
        watch({"loading": "smollm2-135m"})
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(StoppedBySignal) as raised:
            watch({"loading": "smollm2-135m"})

    assert raised.value.exit_code == 130
    assert raised.value.hint == "Go on with: paperfacts train mine.toml --to run"
    assert "once more to stop at once" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_command_that_goes_on_has_the_options_that_were_given():
    """Else what was to be measured would not be."""
    given = {"--dev": Path("my dev.jsonl"), "--dev-papers": 0, "--dev-every": 5, "--threads": None}
    left_out = {"--dev": None, "--dev-papers": MEASURED, "--dev-every": 0, "--threads": 2}

    start = "paperfacts train mine.toml --to run"
    told = f"{start} --dev 'my dev.jsonl' --dev-papers 0 --dev-every 5"
    assert go_on_command(Path("mine.toml"), Path("run"), given) == told
    assert go_on_command(Path("mine.toml"), Path("run"), left_out) == f"{start} --threads 2"


def needs_training() -> None:
    """Skip where the extra or the weights are missing."""
    try:
        require_train()
        ensure_weights(local_model("smollm2-135m"))
    except (InputError, ModelError) as error:
        pytest.skip(f"{error}")


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.train
def test_a_size_that_is_refused_leaves_no_folder(config: Path, tmp_path: Path):
    """The folder would be another run's once the config is mended."""
    needs_training()
    config.write_text(CONFIG + "eight_bits = true\n", encoding="utf-8")
    with pytest.raises(InputError, match="eight_bits with rank 4"):
        train_model(config, to=tmp_path / "mine")

    assert not (tmp_path / "mine").exists()


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.train
def test_ctrl_c_keeps_what_is_done_and_the_adapter_can_be_used(config: Path, tmp_path: Path):
    """Stopped after its first step it goes on with the second; the folder is then a model."""
    needs_training()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    train = command("train", config, "--to", tmp_path / "mine", "--threads", "1")
    process = subprocess.Popen(train, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = [next(line for line in process.stderr if "step 1 of 4" in line)]
    process.send_signal(signal.SIGINT)
    said += process.stderr.readlines()

    assert process.wait(600) == 130
    assert "paperfacts: stopped by SIGINT; what is done is kept\n" in said
    assert not (tmp_path / "mine" / "adapter.gguf").exists()

    again = subprocess.run(train, env=environment, capture_output=True, text=True, timeout=1200)

    assert again.returncode == 0, again.stderr
    assert "goes on after step" in again.stderr
    assert f"--model local/{tmp_path / 'mine'}" in again.stdout
    card = json.loads((tmp_path / "mine" / "card.json").read_text(encoding="utf-8"))
    assert (card["steps"], card["examples"], len(card["loss_tail"])) == (4, 3, 4)
    recipe = find_model(f"local/{tmp_path / 'mine'}", TASK).recipe
    assert card["adapter_sha256"][:16] in recipe.model_id


def renamed(config: Path, *ids: str) -> None:
    """Give the config's papers other ids, on which their folds depend."""
    gold = config.with_name("gold.jsonl")
    papers = [json.loads(line) for line in gold.read_text(encoding="utf-8").splitlines()]
    lines = [json.dumps(p | {"id": i}) + "\n" for p, i in zip(papers, ids, strict=True)]
    gold.write_text("".join(lines), encoding="utf-8")


def test_a_fold_without_papers_is_told_before_anything_is_trained(
    config: Path, monkeypatch: pytest.MonkeyPatch
):
    """Three papers need not fall into three folds."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())

    with pytest.raises(InputError, match="fold 0 of 3 has no papers"):
        cross_validate(config, config.parent / "cv", 3, report=lambda event: None)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.train
def test_every_fold_is_trained_and_measured(config: Path, tmp_path: Path):
    """Two folds of the three invented papers, one step each; asked again, nothing is trained."""
    needs_training()
    renamed(config, "p0", "p1", "p2")
    assert {fold_of(paper_id, 2) for paper_id in ("p0", "p1", "p2")} == {0, 1}
    config.write_text(CONFIG.replace("max_steps = 4", "max_steps = 1"), encoding="utf-8")
    events: list[dict[str, Any]] = []

    found = cross_validate(config, tmp_path / "cv", 2, threads=1, papers=1, report=events.append)
    steps = [event for event in events if "loss" in event]
    again = cross_validate(config, tmp_path / "cv", 2, threads=1, papers=1, report=events.append)

    assert len(found["folds"]) == 2
    assert set(found["mean"]) == set(found["spread"]) == set(found["folds"][0])
    assert "macro_f1" in found["mean"]
    assert [event for event in events if "loss" in event] == steps
    assert again == found
