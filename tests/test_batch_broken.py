"""Whatever breaks off, no paper is lost, and none is in two batches."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from extract.errors import PaperfactsError
from extract.keys import GATEWAY_VARIABLE
from extract.store.batches import BatchBook, stored_batches
from tests.batch_kit import TITLES, Place, asked_once, make_place
from tests.batch_server import BatchServer
from tests.faults.store_kit import ROOT, command, environment

UPLOAD, START, LIST = "POST /files", "POST /batches", "GET /batches"
LOOK, FILE, CANCEL = "GET /batches/ID", "GET /files/ID/content", "POST /batches/ID/cancel"


def finish(place: Place) -> None:
    """Run as often as a user would: submit, let the provider answer, fetch."""
    for _ in range(2):
        place.run()
        place.server.end()
    place.batch("fetch")


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (UPLOAD, "drop before"),
        (UPLOAD, "drop after"),
        (UPLOAD, "half"),
        (UPLOAD, "503"),
        (START, "drop before"),
        (START, "drop after"),
        (START, "half"),
        (START, "500"),
        (LOOK, "drop before"),
        (LOOK, "429"),
        (FILE, "drop before"),
        (FILE, "half"),
    ],
)
def test_a_lost_connection_is_made_good_by_the_same_command(
    tmp_path: Path, call: str, fault: str
) -> None:
    """A start whose answer was lost is looked for before it is made again."""
    with BatchServer() as server:
        server.faults[call] = [fault]
        place = make_place(server, tmp_path)
        code, said = place.run()
        server.end()
        fetched = place.batch("fetch")

    assert (0, 0) == (code, fetched[0]), said + fetched[1]
    assert asked_once(server)
    assert TITLES == place.answered()
    assert server.calls[call] + server.calls[LIST] > 1
    assert (call == START) == (server.calls[LIST] > 0)


@pytest.mark.parametrize("call", [UPLOAD, START, LIST])
def test_a_provider_that_is_away_ends_the_command_and_the_next_goes_on(
    tmp_path: Path, call: str
) -> None:
    """Nothing is started twice, with or without the answer to the first start."""
    with BatchServer() as server:
        server.faults[call] = ["401"]
        if call == LIST:
            server.faults[START] = ["drop after"]
        place = make_place(server, tmp_path)
        with pytest.raises(PaperfactsError) as caught:
            place.run()
        assert 4 == caught.value.exit_code
        assert ["planned" if call == UPLOAD else "uploaded"] == place.states()
        finish(place)

    assert asked_once(server)
    assert TITLES == place.answered()


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (UPLOAD, "hold before"),
        (UPLOAD, "hold after"),
        (START, "hold before"),
        (START, "hold after"),
        (FILE, "hold after"),
    ],
)
def test_a_killed_command_is_taken_up(tmp_path: Path, call: str, fault: str) -> None:
    """kill -9 while the provider has not answered yet, or has done what nobody heard of."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        verb = ["run", place.feed, "--model", "openai/m", "--base-url", server.url, "--batch"]
        if call == FILE:
            place.run()
            server.end()
            verb = ["batch", "fetch"]
        server.faults[call] = [fault]
        process = subprocess.Popen(
            command(*map(str, verb), "--db", place.db),
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert server.held.wait(60)
        process.kill()
        process.wait()
        server.go.set()
        finish(place)

    assert asked_once(server)
    assert TITLES == place.answered()


def test_a_fetch_that_is_killed_between_two_commits_is_done_again(tmp_path: Path) -> None:
    """The answers that it stored are neither stored nor counted again."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        server.write(server.running()[0], "in_progress", answer=2)
        place.batch("fetch")  # as far as a killed one comes: answers, and no end of the batch
        server.end()
        place.batch("fetch")

    assert TITLES == place.answered()
    assert [(1,), (2,)] == place.rows("select calls from runs where feed = 'batch' order by 1")


def test_another_machine_goes_on_with_a_copy_of_the_database(tmp_path: Path) -> None:
    """Also where the copy was made before the batch was started."""
    with BatchServer() as server:
        server.faults[START] = ["401"]
        place = make_place(server, tmp_path)
        with pytest.raises(PaperfactsError):
            place.run()
        early = replace(place, db=tmp_path / "early.duckdb")
        shutil.copy(place.db, early.db)
        place.run()
        late = replace(place, db=tmp_path / "late.duckdb")
        shutil.copy(place.db, late.db)
        server.end()
        for each in (early, late):
            code, said = each.batch("fetch")
            assert (0, True) == (code, "3 of 3 answered" in said)
            assert TITLES == each.answered()

    assert asked_once(server)


def test_a_batch_is_found_by_its_file_where_metadata_are_dropped(tmp_path: Path) -> None:
    """Some servers keep none; and it may stand on a later page."""
    with BatchServer(keeps_metadata=False, page=1) as server:
        server.faults |= {START: ["drop after"], LIST: ["401"]}
        place = make_place(server, tmp_path)
        with pytest.raises(PaperfactsError):
            place.run()
        for n in range(3):
            server.batches[f"other{n}"] = server.batches["batch_001"] | {
                "id": f"other{n}",
                "input_file_id": "file-x",
                "status": "completed",
            }
        place.run()
        server.end()
        place.batch("fetch")

    assert asked_once(server)
    assert TITLES == place.answered()


def test_of_two_batches_with_our_mark_one_is_ended(tmp_path: Path) -> None:
    """A start that a proxy sent twice."""
    with BatchServer() as server:
        server.faults |= {START: ["drop after"], LIST: ["401"]}
        place = make_place(server, tmp_path)
        with pytest.raises(PaperfactsError):
            place.run()
        server.batches["twin"] = server.batches["batch_001"] | {"id": "twin"}
        place.run()

    assert ["cancelling", "in_progress"] == sorted(b["status"] for b in server.batches.values())


def test_a_server_that_lists_no_batches_is_not_guessed_about(tmp_path: Path) -> None:
    """Where a start may have gone through, nothing is started; `cancel` forgets it."""
    with BatchServer(lists=False) as server:
        server.faults[START] = ["drop before"]
        place = make_place(server, tmp_path)
        for _ in range(2):
            with pytest.raises(PaperfactsError, match="does not say which batches there are"):
                place.run()
        assert ["uploaded"] == place.states()
        assert (0, ["dropped"]) == (place.batch("cancel", "--all")[0], place.states())
        finish(place)

    assert TITLES == place.answered()


def test_a_batch_that_is_refused_is_dropped(tmp_path: Path) -> None:
    """Its papers are free; the words are the provider's."""
    with BatchServer() as server:
        server.faults[START] = ["400"]
        place = make_place(server, tmp_path)
        with pytest.raises(PaperfactsError, match="as the test wants it") as caught:
            place.run()
        assert (4, ["dropped"]) == (caught.value.exit_code, place.states())
        finish(place)

    assert TITLES == place.answered()


def test_a_batch_that_the_provider_does_not_know_can_be_forgotten(tmp_path: Path) -> None:
    """Another project's key, or too long ago."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        server.batches.clear()
        code, said = place.batch("fetch")
        assert (4, True) == (code, "does not know batch batch_001" in said)
        assert (0, ["dropped"]) == (place.batch("cancel", "--all")[0], place.states())
        server.asked.clear()
        finish(place)

    assert TITLES == place.answered()


def test_a_lost_connection_while_cancelling_is_made_good(tmp_path: Path) -> None:
    """The batch is ended once."""
    with BatchServer() as server:
        server.faults[CANCEL] = ["drop after"]
        place = make_place(server, tmp_path)
        place.run()
        code, _ = place.batch("cancel", "--all")

    assert (0, [("cancelling",)]) == (code, place.rows("select status from batches"))


def test_status_writes_nothing(tmp_path: Path) -> None:
    """Not even what it has seen: a run may hold the database."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        before = place.db.read_bytes()
        server.end()
        code, said = place.batch("status")

    assert (0, True) == (code, "completed: 3 requests to openai/m, 3 answered" in said)
    assert before == place.db.read_bytes()


def test_a_key_is_not_sent_where_only_a_database_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a stranger's names a server; the user has to name it too."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        [batch] = stored_batches(place.db)
        BatchBook(place.db).write(replace(batch, base_url="https://batches.invalid/v1"))
        monkeypatch.setenv(GATEWAY_VARIABLE, "sk-secret-key-of-the-user")
        for verb in (["status"], ["fetch"], ["cancel", "--all"]):
            code, said = place.batch(*verb)
            assert (2, True) == (code, "is with https://batches.invalid/v1, says the" in said)
        code, _ = place.batch("status", "--base-url", server.url)

    assert 0 == code
    assert {"Bearer none-needed", "Bearer sk-secret-key-of-the-user"} == server.keys


def test_a_batch_of_another_prompt_is_left_as_it_is(tmp_path: Path) -> None:
    """Its answers are not what this version asks for; a run submits anew."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        [batch] = stored_batches(place.db)
        BatchBook(place.db).write(replace(batch, ask_id="a1-older", tool_version="0.0.9"))
        server.end()
        code, said = place.batch("fetch")

    assert (3, ["submitted"]) == (code, place.states())
    assert "was submitted by paperfacts 0.0.9 with another prompt or schema" in said


def test_a_database_without_the_tables_has_no_batches(tmp_path: Path) -> None:
    """One that an older version made."""
    import duckdb

    with BatchServer() as server:
        place = make_place(server, tmp_path)
        duckdb.connect(str(place.db)).close()
        code, said = place.batch("status")

    assert (0, True) == (code, "there are no open batches" in said)
