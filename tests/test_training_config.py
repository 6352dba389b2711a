"""A training config: what can be said in it, and what is refused."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from extract.errors import InputError
from extract.training.config import TrainingConfig, read_config

ROOT = Path(__file__).parent.parent


def config_file(folder: Path, text: str) -> Path:
    """A config file with *text*."""
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_left_out_keeps_its_default(tmp_path: Path):
    """A config says only what it changes; a whole number may stand for any."""
    path = config_file(tmp_path, 'annotations = ["gold.jsonl"]\nepochs = 3\ndrop_sentences = 1\n')

    expected = TrainingConfig(annotations=("gold.jsonl",), epochs=3, drop_sentences=1.0)
    assert read_config(path) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoch = 2", "unknown key 'epoch'"),
        ('epochs = "2"', "epochs should be a int"),
        ("epochs = true", "epochs should be a int"),
        ("epochs = 0", "epochs should be at least 1"),
        ('annotations = "gold.jsonl"', "annotations should be a list of strings"),
        ("annotations = [1]", "annotations should be a list of strings"),
        ("learning_rate = 0.0", "learning_rate"),
        ("drop_sentences = 1.5", "drop_sentences"),
        ("hold_out = 5", "hold_out should be a fold from 0 to 4"),
        ("max_steps = -1", "max_steps"),
        ("epochs =", "mine.toml"),
    ],
)
def test_a_mistake_in_a_config_is_named(tmp_path: Path, text: str, words: str):
    """The message names the file and the key."""
    with pytest.raises(InputError, match=words):
        read_config(config_file(tmp_path, text))


def test_a_config_that_is_not_there_is_an_input_error(tmp_path: Path):
    """No traceback of the operating system's error."""
    with pytest.raises(InputError, match=r"none\.toml"):
        read_config(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("smollm2-135m", "facts-1"),
        ("smollm2-135m", "facts-2"),
        ("smollm2-135m", "facts-3"),
        ("qwen2.5-coder-0.5b", "qwen-facts-1"),
        ("qwen2.5-coder-0.5b", "qwen-facts-2"),
    ],
)
def test_the_configs_of_the_shipped_adapters_can_be_read(base: str, name: str):
    """They are package data, and copies of them are where one's own begin."""
    config = read_config(Path(str(files("extract.training") / f"{name}.toml")))

    assert (config.base, config.task, config.hold_out) == (base, "facts", -1)


@pytest.mark.parametrize(
    "block",
    [
        block
        for name in ("training", "bases")
        for block in re.findall(
            r"```toml\n(.*?)```", (ROOT / f"docs/{name}.md").read_text(encoding="utf-8"), re.DOTALL
        )
    ],
)
def test_the_configs_in_the_documents_can_be_read(tmp_path: Path, block: str):
    """What is copied out of a document is no mistake."""
    read_config(config_file(tmp_path, block))
