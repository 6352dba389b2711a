"""Fault 40: a recording that is damaged, or was written to do harm."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from extract.cassettes import CassetteDamaged, CassetteMissing, Cassettes
from extract.cassettes.cassette import MAX_BYTES, _check
from extract.errors import InputError
from tests.cassette_kit import NET, record, replay


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the text of a whole recording."""
    place = tmp_path_factory.mktemp("whole")
    record(place, [NET])
    [path] = place.iterdir()
    return path.read_text(encoding="utf-8")


def edited(text: str, **changes: object) -> bytes:
    """Return a recording with other values, as somebody with an editor would leave it."""
    return json.dumps(json.loads(text) | changes).encode()


def checked(text: str, **changes: object) -> bytes:
    """Return a recording with other values whose check fits, as another version may write it."""
    document = json.loads(text) | changes
    del document["check"]
    return json.dumps(document | {"check": _check(document)}).encode()


OTHER = "another version of paperfacts recorded it"
DAMAGE: dict[str, tuple[Callable[[str], bytes], str]] = {
    "cut": (lambda t: t[:300].encode(), "it is not JSON: "),
    "empty": (lambda t: b"", "it is not JSON: "),
    "an answer edited by hand": (
        lambda t: t.replace("91.4%", "99.9%").encode(),
        "it was changed after it was recorded",
    ),
    "another format": (lambda t: edited(t, format=7), "it has format 7, and this version"),
    "a field too many": (lambda t: checked(t, headers={}), f"{OTHER}: headers: Extra inputs"),
    "a part of another type": (lambda t: checked(t, key=3), f"{OTHER}: key: Input should be a"),
    "a part missing": (lambda t: checked(t, outcome={}), f"{OTHER}: outcome.status: Field"),
    "a field too many by hand": (lambda t: edited(t, headers={}), "it was changed after it was"),
    "a merge conflict": (
        lambda t: b"<<<<<<< HEAD\n" + t.encode() + b"=======\n" + t.encode() + b">>>>>>> other\n",
        "it has the marks of a merge conflict",
    ),
    "no recording": (lambda t: b"[1, 2]", "it is JSON, and not a recording"),
    "not UTF-8": (lambda t: t.encode()[:40] + b"\xff\xfe", "it is not UTF-8 at byte 40"),
    "nested too deeply": (lambda t: b"[" * 200_000, "it is not JSON: "),
    "YAML that runs code": (
        lambda t: b"!!python/object/apply:os.system ['touch hacked']",
        "it is not JSON: ",
    ),
    "renamed": (
        lambda t: edited(t, key="k1-" + "0" * 32, check=None),
        "it was changed after it was recorded",
    ),
}


def spoilt(folder: Path, content: bytes) -> Path:
    """Write *content* where the recording should lie."""
    record(folder, [NET])
    [path] = folder.iterdir()
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_recording_is_named_with_what_to_do(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """It is never taken for one that is missing, and recording does not write over it."""
    monkeypatch.chdir(tmp_path)
    damage, words = DAMAGE[what]
    path = spoilt(tmp_path / "tapes", damage(text))
    before = path.read_bytes()
    for act in (replay, record):
        with pytest.raises(CassetteDamaged) as caught:
            act(path.parent, [NET])

        assert f"{path.relative_to(tmp_path)} is damaged: {words}" in str(caught.value)
        assert "delete it and record it again" in caught.value.hint
        assert "Record it with: " in caught.value.hint
    assert before == path.read_bytes()
    assert ["tapes"] == [each.name for each in tmp_path.iterdir()]


def test_a_renamed_recording_is_not_played_for_another_question(tmp_path: Path) -> None:
    """The key inside counts, and the file says whose it is."""
    record(tmp_path, [NET])
    [path] = tmp_path.iterdir()
    other = path.rename(path.with_name(f"k1-{'0' * 32}.json"))

    with pytest.raises(CassetteMissing, match=f"it is the recording {path.stem}: the file was"):
        replay(tmp_path, [NET])
    with pytest.raises(CassetteDamaged, match="the file was renamed"):
        Cassettes(tmp_path).get(other.stem)


def test_a_recording_with_a_name_of_its_own_is_told_of(tmp_path: Path) -> None:
    """It is never played, and whoever called it so wonders why."""
    record(tmp_path, [NET])
    [path] = tmp_path.iterdir()
    path.rename(tmp_path / "net.json")

    words = f"net.json is a recording and has another name: only {path.name} is played"
    with pytest.raises(CassetteMissing, match=words):
        replay(tmp_path, [NET])


def test_a_recording_too_large_to_be_one_is_not_read(tmp_path: Path) -> None:
    """Its size is looked at first."""
    path = spoilt(tmp_path, b"")
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    with pytest.raises(CassetteDamaged, match="it is larger than 16 MB"):
        replay(tmp_path, [NET])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_place_of_a_recording_does_not_block(tmp_path: Path) -> None:
    """Nobody ever writes into it."""
    path = spoilt(tmp_path, b"")
    path.unlink()
    os.mkfifo(path)
    errors: list[BaseException] = []

    def play() -> None:
        try:
            replay(tmp_path, [NET])
        except CassetteDamaged as error:
            errors.append(error)

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    thread.join(60)
    assert ["it is no regular file"] == [str(error).rpartition(": ")[2] for error in errors]


def test_a_damaged_line_of_a_set_is_named(tmp_path: Path) -> None:
    """With its number."""
    file = tmp_path / "set.jsonl"
    record(file, [NET])
    file.write_text(file.read_text(encoding="utf-8") + "{}\n", encoding="utf-8")

    with pytest.raises(CassetteDamaged, match="set.jsonl, line 2 is damaged"):
        replay(file, [NET])


def test_other_files_in_a_folder_are_left_alone(tmp_path: Path) -> None:
    """Expected facts, notes and what a killed writer left behind."""
    record(tmp_path, [NET])
    for name in ("expected.json", "notes.md", ".k1-1.json.ab12cd34", "k1-short.json"):
        (tmp_path / name).write_text("anything", encoding="utf-8")

    assert 1 == len(Cassettes(tmp_path))
    assert ["one"] == list(replay(tmp_path, [NET]).papers)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "taken").write_text("x", encoding="utf-8")

    with pytest.raises(InputError, match="taken is not a folder"):
        record(tmp_path / "taken", [NET])
    with pytest.raises(InputError, match="cannot be written"):
        record(tmp_path / "taken" / "tapes", [NET])
