"""Papers that are asked in a batch get the same facts, once, whatever comes back and when."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extract.batching import BatchLimits
from extract.batchwork import open_words, submit
from extract.cli import _guarded
from extract.errors import InputError
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.store.database import Database
from extract.tasks import load_task
from extract.todo import prepare
from tests.batch_kit import TITLES, Place, asked_once, make_place
from tests.batch_server import BatchServer
from tests.faults.store_kit import rows
from tests.stub_model import StubModel


class Recorder(StubModel):
    """A stub that keeps the bodies that it was sent."""

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Keep and answer."""
        self.__dict__.setdefault("bodies", []).append(body)
        return super().answer(body)


def sent_rows(server: BatchServer) -> list[dict[str, Any]]:
    """Return the rows of all files that were uploaded."""
    return [
        json.loads(line)
        for file in server.files.values()
        if file.purpose == "batch"
        for line in file.content.splitlines()
    ]


def facts_of(db: Path) -> list[list[tuple[Any, ...]]]:
    """Return what a database says of papers, but for who said it when."""
    own = "exclude (completion_key, fact_id)"
    result = "exclude (completion_key, fact_id, dataset_id, method_id, baseline_id)"
    return [
        rows(db, f"select * {own} from methods order by all"),
        rows(db, f"select * {result} from results order by all"),
        rows(db, f"select * {own} from claims order by all"),
        rows(
            db, "select content, answer, status, wire, input_tokens from completions order by all"
        ),
    ]


def test_a_batch_gives_the_same_facts_as_live_calls(tmp_path: Path) -> None:
    """The rows ask with the very bodies of live calls, under the same keys."""
    with BatchServer() as server, Recorder() as live:
        place = make_place(server, tmp_path)
        code, said = place.run()
        assert (0, True) == (
            code,
            "3 papers: 0 asked, 0 already done, 0 failed, 3 in a batch" in said,
        )
        assert "in_progress: 3 requests to openai/m, submitted" in said
        server.end()
        code, said = place.batch("fetch")
        assert (0, True) == (code, "completed, fetched: 3 of 3 answered" in said)

        other = tmp_path / "live.duckdb"
        model = find_model("openai/m", load_task(), base_url=live.url)
        run(RunOptions(feed=str(place.feed), database=other, concurrency=1), model)

    sent = {row["custom_id"]: row["body"] for row in sent_rows(server)}
    assert {row[0] for row in rows(other, "select completion_key from completions")} == set(sent)
    by_text = {str(body["messages"]): body for body in sent.values()}
    assert live.__dict__["bodies"] == [by_text[str(b["messages"])] for b in live.__dict__["bodies"]]
    assert facts_of(other) == facts_of(place.db)
    assert {"Bearer none-needed"} == server.keys


def test_papers_of_an_open_batch_are_not_submitted_again(tmp_path: Path) -> None:
    """A second run submits what is new in the feed, and a third nothing."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run(limit=2)
        place.run()
        code, said = place.run()

    assert "3 requests are in open batches, and a live run" in open_words(place.model, place.db)
    assert (0, 2) == (code, said.count("in_progress"))
    assert asked_once(server)


def test_running_again_takes_up_what_has_ended(tmp_path: Path) -> None:
    """`run --batch` fetches, and finds the papers done; a live run finds them done as well."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        server.end()
        code, said = place.run()
        report = run(RunOptions(feed=str(place.feed), database=place.db), place.model)

    assert (0, True) == (code, "3 papers: 0 asked, 3 already done" in said)
    assert (TITLES, 3) == (place.answered(), report.cached)
    assert asked_once(server)


def test_papers_with_the_same_text_share_a_row(tmp_path: Path) -> None:
    """A paper of another feed that is stored already gets the facts as well."""
    with BatchServer() as server, StubModel() as live:
        place = make_place(server, tmp_path, papers=1)
        twin = json.loads(place.feed.read_text()) | {"id": "twin"}
        other = tmp_path / "other.jsonl"
        other.write_text(json.dumps(twin) + "\n")
        model = find_model("other", load_task(), base_url=live.url)
        run(RunOptions(feed=str(other), database=place.db), model)
        place.run()
        server.end()
        place.batch("fetch")

    assert [("p00000", "openai/m"), ("twin", "openai/m")] == place.rows(
        "select e.paper_id, c.model from current_extractions"
        " join extractions e using (extraction_id)"
        " join completions c using (completion_key) order by 1"
    )
    assert {TITLES[0]: 1} == dict(server.asked)


@pytest.mark.parametrize(
    ("how", "outcome", "is_transient"),
    [
        ("expired", "timeout", True),
        ("missing", "transport", True),
        ("500", "server_error", True),
        ("invalid", "schema_invalid", True),
        ("truncated", "truncated", True),
        ("quota", "bad_request", True),
        ("refusal", "refused", False),
        ("context", "too_long", False),
    ],
)
def test_only_what_failed_is_sent_again(
    tmp_path: Path, how: str, outcome: str, is_transient: bool
) -> None:
    """A failed row has the class of a live call; what may pass is sent again, the rest is not."""
    with BatchServer(wrong={"Net1": how}) as server:
        place = make_place(server, tmp_path)
        place.run()
        server.end()
        code, _ = place.batch("fetch")

        assert (3, outcome) == (code, place.outcomes()[TITLES[1]])
        assert [("failed", outcome, is_transient)] == place.rows(
            "select status, failure_class, is_transient from completions where status <> 'ok'"
        )
        server.wrong = {} if how != "truncated" else server.wrong
        place.batch("fetch", "--resubmit")
        server.end()
        code, _ = place.batch("fetch")

    assert {TITLES[0]: 1, TITLES[1]: 1 + is_transient, TITLES[2]: 1} == dict(server.asked)
    assert ([TITLES[0], *TITLES[1 : 1 + is_transient], TITLES[2]]) == place.answered()


def test_an_answer_that_stays_invalid_is_sent_twice_and_no_more(tmp_path: Path) -> None:
    """As a live call is re-asked once; --retry-failed sends it again all the same."""
    with BatchServer(wrong={"Net1": "invalid"}) as server:
        place = make_place(server, tmp_path)
        for _ in range(3):
            place.run()
            server.end()
        code, said = place.run()

        assert (3, 2) == (code, server.asked[TITLES[1]])
        assert "failed: 1 schema_invalid" in said
        place.run(retry_failed=True)
        assert 3 == server.asked[TITLES[1]]


def test_files_may_come_in_any_order_in_part_and_twice(tmp_path: Path) -> None:
    """An answer stands against a failure, a row counts once, and strange rows are told."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        [batch] = server.running()
        server.write(batch, "in_progress", answer=1)
        code, said = place.batch("fetch")
        assert (0, 1, ["submitted"]) == (code, len(place.answered()), place.states())

        server.write(batch, "completed")
        output = server.files[batch["output_file_id"]]
        lines = output.content.splitlines(keepends=True)
        failed = [json.loads(line) | {"response": None, "error": {"code": "x"}} for line in lines]
        stray = json.loads(lines[0]) | {"custom_id": "another's"}
        errors = [json.dumps(row).encode() + b"\n" for row in [*failed, stray]]
        batch["error_file_id"] = server.keep("e", b"".join([*errors, b"{half\n\n"]))
        output.content = b"".join([*reversed(lines), *lines])
        batch["output_file_id"], batch["error_file_id"] = (
            batch["error_file_id"],
            batch["output_file_id"],
        )
        code, said = place.batch("fetch")
        before = facts_of(place.db)
        again = place.batch("fetch", place.rows("select batch_id from batches")[0][0])

    assert (0, "3 of 3 answered" in said) == (code, True)
    assert "note: b-" in said and "1 rows that cannot be read" in said
    assert "1 rows that were not asked for" in said
    assert (0, before) == (again[0], facts_of(place.db))
    assert [(2,), (1,)] == place.rows("select calls from runs where feed = 'batch' order by 1 desc")


def test_a_batch_that_failed_as_a_whole_is_sent_anew(tmp_path: Path) -> None:
    """The provider's words are shown; no paper is marked as failed for it."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        server.end("failed")
        code, said = place.batch("fetch")
        assert (3, True) == (code, "failed, fetched: 0 of 3 answered, 3 not asked" in said)
        assert "too much is queued" in said
        assert [(0,)] == place.rows("select count(*) from completions")
        place.run()
        server.end()
        place.run()

    assert TITLES == place.answered()


def test_a_batch_that_expired_keeps_what_it_answered(tmp_path: Path) -> None:
    """The rest is asked again, and nothing else."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        server.write(server.running()[0], "expired", answer=2)
        code, said = place.batch("fetch", "--resubmit")
        assert (3, True) == (code, "expired, fetched: 2 of 3 answered, 1 failed" in said)
        server.end()
        assert 0 == place.batch("fetch")[0]

    assert [1, 1, 2] == sorted(server.asked.values())
    assert TITLES == place.answered()


def test_what_a_cancelled_batch_answered_is_kept(tmp_path: Path) -> None:
    """Its other papers have no row, are not resubmitted, and are free for the next run."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        code, said = place.batch("cancel", "--all")
        assert (0, True) == (code, "cancelling: 3 requests" in said)
        server.write(server.running()[0], "cancelled", answer=1)
        code, said = place.batch("fetch", "--resubmit")
        assert (3, True) == (code, "cancelled, fetched: 1 of 3 answered, 2 not asked" in said)
        assert [(1,)] == place.rows("select count(*) from completions")
        assert asked_once(server)
        place.run()
        server.end()
        place.run()

    assert TITLES == place.answered()


def test_a_batch_that_has_ended_cannot_be_cancelled_and_need_not_be(tmp_path: Path) -> None:
    """What it has answered is fetched as ever."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        server.end()
        assert 0 == place.batch("cancel", "--all")[0]
        place.batch("fetch")

    assert TITLES == place.answered()


def test_answers_that_are_counted_and_not_written_yet_are_waited_for(tmp_path: Path) -> None:
    """Nothing is taken for missing before the file is there."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        [batch] = server.running()
        server.end()
        file_id = batch.pop("output_file_id")
        assert (0, ["submitted"]) == (place.batch("fetch")[0], place.states())
        batch["output_file_id"] = file_id
        place.batch("fetch")

    assert TITLES == place.answered()


def test_answers_that_the_provider_has_deleted_are_asked_again(tmp_path: Path) -> None:
    """It is said which file is gone."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        server.end()
        [batch] = server.batches.values()
        del server.files[batch["output_file_id"]]
        code, said = place.batch("fetch")
        assert (3, True) == (code, "the provider has its file" in said)
        place.run()
        server.end()
        place.run()

    assert TITLES == place.answered()


def test_more_papers_than_fit_become_more_batches(tmp_path: Path) -> None:
    """No batch has more rows or bytes than it may, and none is left out."""
    with BatchServer() as server, StubModel() as live:
        place = make_place(server, tmp_path, papers=5)
        stored = find_model("other", load_task(), base_url=live.url)
        run(RunOptions(feed=str(place.feed), database=place.db), stored)
        wanted = wanted_of(place)
        three = dict(list(wanted.items())[:3])
        by_rows = submit(place.model, place.db, three, limits=BatchLimits(requests=2))
        size = by_rows.batches[1].bytes
        by_bytes = submit(place.model, place.db, wanted, limits=BatchLimits(bytes=size + 50))
        nothing = submit(place.model, place.db, wanted)

    assert [2, 1] == [batch.requests for batch in by_rows.batches]
    assert [1, 1] == [batch.requests for batch in by_bytes.batches]
    assert [] == nothing.batches
    assert asked_once(server, [f"Net{n}: A Network" for n in range(5)])


def wanted_of(place: Place) -> dict[str, list[str]]:
    """Return the keys of all stored papers."""
    from extract.store.batches import BatchBook

    ids = [str(row[0]) for row in place.rows("select paper_id from papers order by 1")]
    papers = BatchBook(place.db).papers(ids)
    return {prepare(papers[i], place.model.recipe).key: [i] for i in ids}


def test_an_answer_about_a_text_that_has_changed_is_kept_without_facts(tmp_path: Path) -> None:
    """It was paid for; its spans would point at other words."""
    with BatchServer() as server:
        place = make_place(server, tmp_path, papers=1)
        place.run()
        server.end()
        paper = json.loads(place.feed.read_text()) | {"abstract": "Now it reaches 9.5%."}
        place.feed.write_text(json.dumps(paper) + "\n")
        with StubModel() as live:
            other = find_model("other", load_task(), base_url=live.url)
            run(RunOptions(feed=str(place.feed), database=place.db), other)
        code, said = place.batch("fetch")

    assert (0, True) == (code, "1 answers about texts that have changed since" in said)
    assert [("ok", 1)] == place.rows(
        "select status, len(content) // len(content) from completions where model = 'openai/m'"
    )
    assert [("other",)] == place.rows(
        "select model from completions join extractions using (completion_key)"
    )


def test_a_batch_costs_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten tokens in and five out, at the user's own prices."""
    (tmp_path / "paperfacts.toml").write_text('[prices."openai/m"]\ninput = 1000\noutput = 2000\n')
    monkeypatch.chdir(tmp_path)
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        place.run()
        server.end()
        _, said = place.batch("fetch")

    assert [(0.01,)] * 3 == place.rows("select price from completions")
    assert [(0.03,)] == place.rows("select round(price, 6) from runs where feed = 'batch'")
    assert "$0.03" in said


def test_json_has_the_batches_and_what_was_stored(tmp_path: Path) -> None:
    """The columns of the table, and the report of a run for each model."""
    with BatchServer(wrong={"Net1": "expired"}) as server:
        place = make_place(server, tmp_path)
        place.run()
        code, said = place.batch("status", "--json")
        [batch] = json.loads(said)["batches"]
        assert (0, "submitted", "in_progress", 3) == (
            code,
            batch["state"],
            batch["status"],
            batch["requests"],
        )
        server.end()
        code, said = place.batch("fetch", "--json")

    [batch], [fetched] = json.loads(said)["batches"], json.loads(said)["runs"]
    assert (3, 2, 1, 0) == (code, batch["answered"], batch["failures"], batch["not_asked"])
    assert (2, ["timeout"]) == (fetched["asked"], [each["class"] for each in fetched["failed"]])


@pytest.mark.parametrize("other", ["--batch", "--dry-run"])
def test_a_second_model_is_asked_once_there_are_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: str
) -> None:
    """--then is refused before anything is made, and the words say when it can be given."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        run_ = ["run", str(place.feed), "--db", str(place.db), "--model", "m"]
        code = _guarded([*run_, "--base-url", server.url, "--then", "n", other])

    assert (2, False, 0) == (code, place.db.exists(), server.calls.total())
    assert f"--then with {other}: which papers are in doubt" in capsys.readouterr().err


def test_a_dry_run_of_a_batch_tells_half_the_price(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what is held for open batches."""
    (tmp_path / "paperfacts.toml").write_text('[prices."openai/m"]\ninput = 1000\noutput = 2000\n')
    monkeypatch.chdir(tmp_path)
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        run_ = ["run", str(place.feed), "--db", str(place.db), "--model", "openai/m"]
        run_ += ["--base-url", server.url, "--dry-run"]
        _guarded([*run_, "--json"])
        live = json.loads(capsys.readouterr().out)["expected"]["price"]
        _guarded([*run_, "--batch", "--json"])
        batch = json.loads(capsys.readouterr().out)["expected"]["price"]
        place.run()
        _guarded([*run_, "--batch"])
        said = capsys.readouterr().out

    assert {end: price / 2 for end, price in live.items()} == pytest.approx(batch)
    assert "halved for a batch" in said and "held for open batches" in said


def test_what_a_batch_cannot_do_is_said_before_anything_is_made(tmp_path: Path) -> None:
    """A local model, a missing database, an id that is none."""
    with BatchServer() as server:
        place = make_place(server, tmp_path)
        code, said = place.batch("fetch")
        assert (2, True) == (code, "there is no database at" in said)
        local = RunOptions(feed=str(place.feed), database=place.db)
        from extract.cli.batching import run_batch

        with pytest.raises(InputError, match="runs on this machine and has no Batch API"):
            run_batch(local, find_model(None, load_task()))
        assert not place.db.exists()
        Database(place.db, load_task()).prepare()
        assert (0, True) == (
            place.batch("status")[0],
            "no open batches" in place.batch("status")[1],
        )
        code, said = place.batch("fetch", "b-nowhere")
        assert (2, True) == (code, "b-nowhere is no batch of" in said)
        assert 2 == place.batch("cancel")[0]
