"""`paperfacts train`: annotated abstracts or a larger model's answers in, an adapter out."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from extract.cli.stopping import Stopping
from extract.terminal import shell_word

LINE_EVERY_S = 10.0
MEASURED = 40
BY_DEFAULT = {"--dev-papers": MEASURED, "--dev-every": 0}


def train_model(
    config: Path,
    *,
    to: Path,
    dev: Path | None = None,
    dev_papers: int = MEASURED,
    dev_every: int = 0,
    folds: int | None = None,
    threads: int | None = None,
    json_: Annotated[bool, Parameter(name="--json")] = False,
) -> int:
    """Train an adapter of the embedded model on annotated abstracts, or on a database's answers.

    Ctrl-C stops it after a checkpoint, and the same command goes on from there. Needs the extra
    `train`: pip install 'paperfacts[train]'

    Parameters
    ----------
    config
        TOML file with everything that decides the result; docs/training.md has its keys.
    to
        Folder of the run: checkpoint, log, and in the end adapter.gguf and card.json.
    dev
        Annotated abstracts that are not trained on, to measure F1 on. Without it the fold that
        the config's hold_out names is used.
    dev_papers
        Papers to measure at most; 0 for all.
    dev_every
        Measure on the way too, every so many steps; 0 for the end alone.
    folds
        Cross-validate instead: train and measure so many folds, and print mean and spread.
    threads
        Threads to train with; as many as there are cores by default.
    json_
        Print the card, or the figures of the folds, as JSON.
    """
    from extract.errors import InputError
    from extract.training.run import require_train

    require_train()
    if wrong := _wrong(folds, dev, dev_papers, dev_every, threads):
        raise InputError(wrong)
    if folds is not None:
        return _cross_validate(config, to, folds, dev_papers, threads, json_)
    from extract.training.dev import DevWish
    from extract.training.run import train_adapter

    options = {"--dev": dev, "--dev-papers": dev_papers, "--dev-every": dev_every}
    with Stopping(go_on_command(config, to, {**options, "--threads": threads})) as stopping:
        adapter = train_adapter(
            config,
            to,
            threads=threads,
            report=TrainingWatch(stopping),
            dev=DevWish(dev, dev_papers, dev_every),
        )
    card = json.loads((to / "card.json").read_text(encoding="utf-8"))
    print(json.dumps(card, ensure_ascii=False, indent=1) if json_ else _ending(adapter, card))
    return 0


def go_on_command(config: Path, to: Path, options: Mapping[str, Path | int | None]) -> str:
    """Return the command that goes on, with the options that are not as they are by default."""
    words: list[object] = ["paperfacts", "train", config, "--to", to]
    for name, value in options.items():
        if value != BY_DEFAULT.get(name):
            words += [name, value]
    return " ".join(shell_word(word) for word in words)


def _wrong(
    folds: int | None, dev: Path | None, dev_papers: int, dev_every: int, threads: int | None
) -> str:
    """Say which option makes no sense; empty where all do."""
    if folds is not None and (dev is not None or dev_every):
        return "--folds measures what each fold holds out: leave out --dev and --dev-every"
    if dev_papers < 0 or dev_every < 0:
        return "--dev-papers and --dev-every should not be negative"
    if threads is not None and threads < 1:
        return "--threads should be at least 1"
    return ""


def _cross_validate(
    config: Path, to: Path, folds: int, papers: int, threads: int | None, as_json: bool
) -> int:
    """Train and measure every fold, and print what came out."""
    from extract.training.folds import cross_validate

    options = {"--folds": folds, "--dev-papers": papers, "--threads": threads}
    with Stopping(go_on_command(config, to, options)) as stopping:
        watch = TrainingWatch(stopping)
        found = cross_validate(config, to, folds, papers=papers, threads=threads, report=watch)
    print(json.dumps(found, indent=1) if as_json else _fold_table(found))
    return 0


class TrainingWatch:
    """Tells on stderr how a training goes; called with each event of it."""

    def __init__(self, stopping: Stopping) -> None:
        self.stopping = stopping
        self.last_line = 0.0
        self.losses: list[float] = []

    def __call__(self, event: dict[str, Any]) -> None:
        """Print a line where there is something new; end the training where that was asked for."""
        if words := self._words(event):
            print(f"paperfacts: {words}", file=sys.stderr, flush=True)
        self.stopping.check()

    def _words(self, event: dict[str, Any]) -> str:
        if "folder" in event:
            return f"fold {event['fold']} of {event['of_folds']}, in {event['folder']}"
        if "loading" in event:
            return f"loading the base {event['loading']}"
        if "device" in event:
            begun = f", goes on after step {event['resumed_at']}" if event["resumed_at"] else ""
            return f"training on {event['examples']} papers ({event['device']}){begun}"
        if "loss" in event:
            return self._step(event)
        if "dev_at_step" in event:
            return f"dev F1 after step {event['dev_at_step']}: {_f1s(event)}"
        if "held_out" in event and self._is_time(event["held_out"] in (1, event["of"])):
            return f"measured {event['held_out']} of {event['of']} papers"
        return ""

    def _step(self, event: dict[str, Any]) -> str:
        """Tell a step; the loss is the mean of the last twenty."""
        self.losses = [*self.losses, event["loss"]][-20:]
        if not self._is_time(event["step"] in (1, event["of"])):
            return ""
        loss = sum(self.losses) / len(self.losses)
        return (
            f"step {event['step']} of {event['of']}  loss {loss:.3f}"
            f"  {event['tokens_per_s']:,} tokens/s  {_duration(event['left_s'])} left"
        )

    def _is_time(self, is_notable: bool) -> bool:
        """Say whether the last line was long enough ago."""
        if not is_notable and time.monotonic() - self.last_line < LINE_EVERY_S:
            return False
        self.last_line = time.monotonic()
        return True


def _ending(adapter: Path, card: dict[str, Any]) -> str:
    """Say what was made, how good it is, and how it is used."""
    from extract.training.dev import f1_by_list

    last = card["loss_tail"]
    mean = f", mean loss of the last {len(last)}: {sum(last) / len(last):.3f}" if last else ""
    lines = [f"{card['steps']} steps on {card['examples']} papers{mean}"]
    if card["too_long"]:
        lines.append(f"{len(card['too_long'])} papers are too long and were not trained on")
    for source, words in (("dev", "dev F1"), ("held_out", "F1 on the fold held out")):
        if source in card:
            figures = card[source]["figures"]
            lines.append(f"{words}, {figures['papers']} papers: {_f1s(f1_by_list(figures))}")
            if failed := card[source]["failed"]:
                lines.append(f"  {len(failed)} of them had no usable answer: {', '.join(failed)}")
    megabytes, task = card["adapter_bytes"] / 1e6, card["config"]["task"]
    of_task = "" if task == "facts" else " --task FOLDER_OF_THE_TASK"
    lines += [
        f"wrote {adapter} ({megabytes:.1f} MB) and {adapter.with_name('card.json')}",
        f"next: paperfacts run FEED --model local/{adapter.parent}{of_task}",
    ]
    return "\n".join(lines)


def _fold_table(found: dict[str, Any]) -> str:
    """Return F1 by fold, and mean and spread below."""
    names = list(found["mean"])
    rows = [["fold", *names]]
    rows += [[str(n), *(f"{f[m]:.3f}" for m in names)] for n, f in enumerate(found["folds"])]
    rows += [[key, *(f"{found[key][m]:.3f}" for m in names)] for key in ("mean", "spread")]
    widths = [max(len(row[i]) for row in rows) for i in range(len(names) + 1)]
    lines = ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    return "F1 of every fold; spread is the standard deviation\n" + "\n".join(lines)


def _f1s(event: dict[str, Any]) -> str:
    """Return the F1 of every list in one line, the mean first."""
    shares = {k: v for k, v in event.items() if k not in ("macro_f1", "dev_at_step")}
    each = ", ".join(f"{name} {share:.3f}" for name, share in shares.items())
    return f"{event['macro_f1']:.3f} ({each})"


def _duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
