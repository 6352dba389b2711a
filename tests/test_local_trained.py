"""A folder of the user's own adapter stands for its base with that adapter alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from extract.errors import InputError
from extract.local.registry import local_model
from extract.local.serving import verified_adapter
from extract.local.trained import trained_rows
from extract.models import find_model
from extract.prompting import read_prompt
from extract.tasks import load_task

TASK = load_task("facts")
BASE = local_model("smollm2-135m")


def trained(folder: Path, content: bytes = b"GGUF one", **changed: Any) -> Path:
    """A folder as a training leaves it."""
    folder.mkdir(parents=True)
    (folder / "adapter.gguf").write_bytes(content)
    card = {
        "adapter_sha256": hashlib.sha256(content).hexdigest(),
        "adapter_bytes": len(content),
        "base_sha256": BASE.sha256,
        "task_version": TASK.version,
        "prompt_version": read_prompt("facts.tuned", TASK.prompts["tuned"]).version,
        "config": {"base": "smollm2-135m"},
    }
    (folder / "card.json").write_text(json.dumps(card | changed), encoding="utf-8")
    return folder


def test_a_folder_is_named_by_its_path(tmp_path: Path):
    """The base's weights, the tuned prompt, and the adapter's own bytes."""
    folder = trained(tmp_path / "mine")

    model = local_model(str(folder))
    asked = find_model(f"local/{folder}", TASK)

    assert (model.name, model.sha256) == (BASE.name, BASE.sha256)
    adapter = model.adapter_for("facts")
    assert adapter is not None
    assert verified_adapter(adapter) == folder / "adapter.gguf"
    assert asked.recipe.style == "tuned"
    assert asked.is_local


def test_the_adapters_hash_is_in_the_models_id_and_its_path_is_not(tmp_path: Path):
    """Answers of two adapters are never the same; a folder may be moved and copied."""
    here, there, other = (
        find_model(f"local/{trained(tmp_path / name, content)}", TASK).recipe
        for name, content in (("a", b"GGUF one"), ("b", b"GGUF one"), ("c", b"GGUF two"))
    )
    shipped = find_model(None, TASK).recipe

    assert hashlib.sha256(b"GGUF one").hexdigest()[:16] in here.model_id
    assert here.ask_id == there.ask_id
    assert len({here.ask_id, other.ask_id, shipped.ask_id}) == 3


def test_a_kept_folder_is_found_by_its_name_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """One that cannot be used is listed with the reason, not left out."""
    trained(tmp_path / "kept" / "mine")
    trained(tmp_path / "kept" / "worn", base_sha256="0" * 64)
    monkeypatch.setenv("PAPERFACTS_MODELS", str(tmp_path / "kept"))

    rows = {row["model"]: row for row in trained_rows()}

    assert find_model("local/mine", TASK).recipe.style == "tuned"
    assert rows["local/mine"]["adapter"] == "facts (0 MB)"
    assert "cannot be used" in rows["local/worn"]["title"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"base_sha256": "0" * 64}, "belongs to a base 'smollm2-135m'"),
        ({"adapter_sha256": "0" * 64}, "has SHA-256"),
        ({"adapter_bytes": 3}, "has 8 bytes instead of 3"),
        ({"task_version": "facts-000000000000"}, "was trained for facts-000000000000"),
        ({"task_version": "trials-000000000000"}, "was trained for trials-000000000000"),
        ({"prompt_version": "facts.tuned-0"}, r"was trained for facts\.tuned-0"),
        ({"task_version": None}, "is not the card of a trained adapter: task_version"),
        ({"config": {}}, "config.base missing"),
    ],
)
def test_an_adapter_that_does_not_belong_is_refused(
    tmp_path: Path, changed: dict[str, Any], words: str
):
    """To another base, task, schema or prompt it would answer rubbish in good form."""
    folder = trained(tmp_path / "mine", **changed)

    with pytest.raises(InputError, match=words):
        find_model(f"local/{folder}", TASK)


def test_a_folder_without_an_ended_training_is_no_model(tmp_path: Path):
    """There is a checkpoint at most, and no card."""
    (tmp_path / "begun").mkdir()

    with pytest.raises(InputError, match="there is no local model"):
        find_model(f"local/{tmp_path / 'begun'}", TASK)


def test_a_damaged_card_is_told_by_its_path(tmp_path: Path):
    """No traceback of the JSON parser."""
    folder = trained(tmp_path / "mine")
    (folder / "card.json").write_text("{", encoding="utf-8")

    with pytest.raises(InputError, match=r"card\.json cannot be read"):
        find_model(f"local/{folder}", TASK)
