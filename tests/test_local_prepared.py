"""The prepared model: made once, verified before every load, and never taken for another."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from extract.errors import ModelError
from extract.local import prepared
from extract.local.layout import read_layout
from extract.local.prepared import ensure_prepared, prepared_path, served_id, why_unmerged
from extract.local.progress import FetchProgress, silent
from extract.local.registry import (
    LocalModel,
    RegisteredAdapter,
    RegisteredMerge,
    local_model,
    local_models,
)
from extract.local.server import LocalServer
from extract.local.serving import local_server
from extract.local.settings import ServerSettings
from extract.local.weights import ensure_weights
from tests.gguf_kit import tiny_pair

KILLED_HALFWAY = """
import os, signal, sys
from pathlib import Path
from extract.local import prepared
from tests.test_local_prepared import tiny_model

folder = Path(sys.argv[1])
model, sources = tiny_model(folder)
os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL)
prepared.ensure_prepared(model, "facts", sources, lambda progress: None)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A cache folder of the test's own; tests of the real model have the user's weights."""
    monkeypatch.delenv("PAPERFACTS_MERGE", raising=False)
    if request.node.get_closest_marker("model") is None:
        monkeypatch.setenv("PAPERFACTS_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("PAPERFACTS_MODELS", raising=False)
    return tmp_path / "cache" / "models" / "tiny"


def tiny_model(folder: Path) -> tuple[LocalModel, prepared.Sources]:
    """Return a model of a few hundred bytes with an adapter, and where its files lie."""
    base, adapter, _ = tiny_pair(folder)
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (base, adapter)]
    size = adapter.stat().st_size
    model = LocalModel(
        "tiny", "Tiny", "base.gguf", base.stat().st_size, hashes[0], "MIT", 512, "chatml", (),
        RegisteredAdapter(str(adapter), size, hashes[1], 1.0, for_task="facts"),
        RegisteredMerge(2_000, {"*": "Q8_0"}),
    )  # fmt: skip
    return model, lambda: (base, adapter)


def never() -> tuple[Path, Path]:
    """Stand for files that nobody needs."""
    raise AssertionError("merged again")


def test_the_model_is_prepared_once_and_told_so(tmp_path: Path, cache: Path):
    """The second time neither base nor adapter is looked at, and nothing is told."""
    model, sources = tiny_model(tmp_path)
    told: list[FetchProgress] = []

    first = ensure_prepared(model, "facts", sources, told.append)
    second = ensure_prepared(model, "facts", never, told.append)

    assert first == second == cache / f"{model.model_id('facts', merged=True)}.gguf"
    assert {"preparing the model, once:"} == {each.step for each in told}
    assert (0, first.stat().st_size) == (told[0].done, told[-1].done)
    kept = {first.name, f"{first.name}.sha256", f"{first.name}.lock"}
    assert kept == {each.name for each in cache.iterdir()}


def test_the_name_holds_base_adapter_scale_and_recipe(tmp_path: Path):
    """Another adapter, scale or format is another file and another model."""
    model, _ = tiny_model(tmp_path)
    adapter, merge = model.adapter, model.merge
    assert adapter is not None and merge is not None
    variants = [
        model,
        replace(model, sha256="c" * 64),
        replace(model, adapter=replace(adapter, sha256="d" * 64)),
        replace(model, adapter=replace(adapter, scale=0.5)),
        replace(model, merge=replace(merge, types={"ffn_": "Q4_0", "*": "Q8_0"})),
    ]

    assert 5 == len({prepared_path(each, "facts") for each in variants})
    ids = {each.model_id("facts", merged=merged) for each in variants for merged in (True, False)}
    assert 9 == len(ids)  # the formats of a merge are not part of an id without one
    assert model.model_id("facts", merged=True).endswith("@1-m1-q8_0")
    assert variants[4].model_id("facts", merged=True).endswith("@1-m1-q8_0-ffn_q4_0")


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_merge_that_was_killed_is_done_again(tmp_path: Path, cache: Path):
    """What is half written never goes by the name of the whole, and leaves no lock."""
    model, sources = tiny_model(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-c", KILLED_HALFWAY, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        timeout=120,
    )
    path = prepared_path(model, "facts")
    assert -signal.SIGKILL == ended.returncode, ended.stderr.decode()
    assert not path.exists()
    assert path.with_name(path.name + ".part").exists()

    assert path == ensure_prepared(model, "facts", sources, silent)
    assert 3 == len(read_layout(path).tensors)
    assert not path.with_name(path.name + ".part").exists()


@pytest.mark.parametrize("damage", ["a byte", "cut", "no hash", "wrong hash"])
def test_a_damaged_file_is_made_again_and_told_so(tmp_path: Path, damage: str):
    """The bytes are compared with their hash before every load."""
    model, sources = tiny_model(tmp_path)
    path = ensure_prepared(model, "facts", sources, silent)
    whole, hash_file = path.read_bytes(), path.with_name(path.name + ".sha256")
    if damage == "a byte":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "cut":
        path.write_bytes(whole[:-100])
    elif damage == "no hash":
        hash_file.unlink()
    else:
        hash_file.write_bytes(b"\xff\n")
    told: list[FetchProgress] = []

    again = ensure_prepared(model, "facts", sources, told.append)

    assert whole == again.read_bytes()
    assert f"damaged, made again: {path}" == told[0].step


def test_a_cache_that_cannot_be_written_to_is_another_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Base and adapter answer otherwise than the merge, so they have their own id."""
    model, _ = tiny_model(tmp_path)
    assert model.model_id("facts", merged=True) == served_id(model, "facts")

    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PAPERFACTS_CACHE", str(tmp_path / "file"))

    assert model.model_id("facts") == served_id(model, "facts")
    assert "cannot be written to (Not a directory)" in why_unmerged(model, "facts")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anyway")
def test_a_read_only_cache_is_seen_as_such(tmp_path: Path, cache: Path):
    """Nobody is asked to wait for a merge that has nowhere to go."""
    model, _ = tiny_model(tmp_path)
    cache.mkdir(parents=True)
    cache.chmod(0o555)

    assert model.model_id("facts") == served_id(model, "facts")


def test_a_prepared_file_is_used_from_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A cache that others filled needs no room."""
    model, sources = tiny_model(tmp_path)
    ensure_prepared(model, "facts", sources, silent)
    merge = model.merge
    assert merge is not None
    too_large = replace(model, merge=replace(merge, bytes=10**18))

    assert too_large.model_id("facts", merged=True) == served_id(too_large, "facts")


def test_without_room_the_model_runs_unprepared(tmp_path: Path):
    """The reason says how much there is and how much there should be."""
    model, _ = tiny_model(tmp_path)
    merge = model.merge
    assert merge is not None
    too_large = replace(model, merge=replace(merge, bytes=10**18))

    assert too_large.model_id("facts") == served_id(too_large, "facts")
    assert "MB needed" in why_unmerged(too_large, "facts")


def test_a_disk_that_fills_up_on_the_way_is_an_error_with_a_way_out(tmp_path: Path, cache: Path):
    """The questions are already the merged model's, so nothing else may answer them."""
    model, (base, adapter) = tiny_model(tmp_path)[0], tiny_pair(tmp_path)[:2]

    def full() -> tuple[Path, Path]:
        raise OSError(28, "No space left on device")

    with pytest.raises(ModelError) as caught:
        ensure_prepared(model, "facts", full, silent)

    assert "the disk is full (No space left on device)" in str(caught.value)
    assert "PAPERFACTS_MERGE=never" in caught.value.hint
    assert base.exists() and adapter.exists()
    assert not list(cache.glob("*.gguf*.part"))


def test_the_user_can_forbid_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whoever wants no second file says so once."""
    model, _ = tiny_model(tmp_path)
    monkeypatch.setenv("PAPERFACTS_MERGE", "never")

    assert model.model_id("facts") == served_id(model, "facts")
    assert "PAPERFACTS_MERGE=never" == why_unmerged(model, "facts")


def test_other_tasks_and_models_are_not_merged():
    """Where no adapter answers, there is nothing to merge."""
    assert local_model("smollm2-135m").sha256[:16] == served_id(
        local_model("smollm2-135m"), "of my own"
    )
    assert [] == [m.name for m in local_models().values() if m.merge and not m.adapter]


@pytest.mark.model
def test_the_shipped_model_is_prepared_and_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The merged file loads, has the size that the registry says, and goes on as the two do."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    model = local_model("smollm2-135m")
    try:
        weights = ensure_weights(model)
    except ModelError as error:
        pytest.skip(f"the weights of smollm2-135m cannot be had: {error}")
    (tmp_path / "cache" / "models" / model.name).mkdir(parents=True)
    shutil.copy(weights, tmp_path / "cache" / "models" / model.name / model.file)
    monkeypatch.setenv("PAPERFACTS_CACHE", str(tmp_path / "cache"))
    settings = ServerSettings(context_per_slot=256, slots=1)
    told: list[FetchProgress] = []

    one = local_server(model.name, task="facts", settings=settings, progress=told.append)
    monkeypatch.setenv("PAPERFACTS_MERGE", "never")
    two = local_server(model.name, task="facts", settings=settings, progress=told.append)

    assert model.merge is not None
    assert one.model_path == prepared_path(model, "facts")
    assert (model.merge.bytes, ()) == (one.model_path.stat().st_size, one.settings.adapters)
    assert weights.name == two.model_path.name
    assert "unprepared, at about half its speed (PAPERFACTS_MERGE=never)" in told[-1].step
    merged, apart = likely_words(one), likely_words(two)
    shared = merged.keys() & apart.keys()
    assert len(shared) >= 7
    assert max(abs(merged[word] - apart[word]) for word in shared) < 0.5


def likely_words(server: LocalServer) -> dict[str, float]:
    """Return the ten likeliest next words, with their log probabilities."""
    with server:
        prompt = "We evaluate BERT on SQuAD 2.0 and reach 93.1 F1. We propose a method that"
        body = {"prompt": prompt, "n_predict": 1, "temperature": 0, "n_probs": 10}
        request = urllib.request.Request(
            f"{server.base_url.removesuffix('/v1')}/completion",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {server.api_key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            first = json.load(response)["completion_probabilities"][0]
    return {each["token"]: each["logprob"] for each in first["top_logprobs"]}
