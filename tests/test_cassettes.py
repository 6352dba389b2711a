"""Recorded answers are played through the same checks as live ones, and never by mistake."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.cassettes import CassetteMissing, Cassettes, default_mode, mode_of
from extract.cassettes.cassette import loads
from extract.cassettes.expected import write_expected
from extract.cassettes.extracting import Extracted, extract_papers
from extract.compare import compare
from extract.completion import Failure
from extract.errors import InputError, ModelError
from extract.factsets import read_sides
from extract.models import find_model
from extract.papers import Paper
from extract.pipeline import RunOptions, run
from extract.prompting import Prompt
from extract.recipe import Recipe
from extract.request import Sampling
from extract.shown import ShownPaper
from extract.tasks import load_task
from extract.todo import prepare
from tests.cassette_kit import NET, TOOL, record, replay, session, stub_model
from tests.stub_model import StubModel

ROOT = Path(__file__).parent.parent
GOLD = ROOT / "fixtures" / "eval" / "gold.jsonl"


@pytest.fixture(scope="module")
def taped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Extracted]:
    """Return a folder with the recordings of two papers, and the facts that were live."""
    place = tmp_path_factory.mktemp("taped") / "tapes"
    return place, record(place)


@pytest.fixture
def tapes(taped: tuple[Path, Extracted], tmp_path: Path) -> Path:
    """Return a copy of the recordings, to be spoilt."""
    return Path(shutil.copytree(taped[0], tmp_path / "tapes"))


def test_replayed_facts_are_the_live_ones(taped: tuple[Path, Extracted]) -> None:
    """Every row is the same, its place in the text too."""
    place, live = taped

    assert live.papers == replay(place).papers
    assert ["12", "91.4%", "40"] == [row["value"] for row in live.rows("results")]


def test_a_cassette_is_named_by_its_key_and_holds_what_was_asked(tapes: Path) -> None:
    """The question in its parts and the raw answer with its usage; no header, key or address."""
    todo = prepare(NET, stub_model().recipe)
    document = json.loads((tapes / f"{todo.key}.json").read_text(encoding="utf-8"))

    assert ["format", "key", "paper", "request", "outcome", "check"] == list(document)
    assert {"id": "one", "title": "Alpha: A Net"} == document["paper"]
    assert "We train Alpha on 12 GPUs." == document["request"]["sentences"][1]
    assert todo.request.prompt_version == document["request"]["prompt_version"]
    assert 4096 == document["request"]["sampling"]["max_tokens"]
    assert {"input_tokens": 10, "output_tokens": 5, "calls": 1} == document["outcome"]["usage"]
    assert "91.4%" in document["outcome"]["replies"][0]["content"]
    assert "127.0.0.1" not in json.dumps(document)


MODES = [
    # mode, recorded: whether it is asked and whether it is written
    ("replay", True, False, False),
    ("record", True, False, False),
    ("record", False, True, True),
    ("refresh", True, True, True),
    ("refresh", False, True, True),
    ("live", True, True, False),
    ("live", False, True, False),
]


@pytest.mark.parametrize(("mode", "is_recorded", "is_asked", "is_written"), MODES)
def test_what_a_mode_asks_and_writes(
    tapes: Path, mode: str, is_recorded: bool, is_asked: bool, is_written: bool
) -> None:
    """The modes as a truth table."""
    paper = NET if is_recorded else Paper("new", "Gamma: New", "We use 7 GPUs.")
    file = tapes / f"{prepare(paper, stub_model().recipe).key}.json"
    before = file.stat().st_mtime_ns if is_recorded else 0
    with StubModel() as server:
        model = stub_model(server.url)
        extract_papers([paper], model, session(tapes, mode, model))
        calls = len(server.calls)
    after = file.stat().st_mtime_ns if file.exists() else 0

    assert is_asked == (calls == 1)
    assert is_written == (before != after)


def test_replaying_what_is_not_recorded_is_an_error(tapes: Path) -> None:
    """The one mode that is not in the table."""
    with pytest.raises(CassetteMissing, match="no answer is recorded about 'Gamma: New'"):
        replay(tapes, [Paper("new", "Gamma: New", "We use 7 GPUs.")])


@pytest.mark.parametrize(
    ("ci", "mode"), [("true", "replay"), ("1", "replay"), ("", "record"), ("false", "record")]
)
def test_the_default_is_to_replay_under_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, mode: str
) -> None:
    """There a missing recording must fail; elsewhere it is made."""
    monkeypatch.setenv("CI", ci)

    assert mode == default_mode() == mode_of(None)


def test_an_unknown_mode_is_named() -> None:
    """With the modes that there are."""
    with pytest.raises(InputError, match="'rewind'") as caught:
        mode_of("rewind")

    assert "replay, record, refresh, live" in caught.value.hint


class WrongOnce(StubModel):
    """Gives an answer of the wrong shape first, and a right one when it is asked again."""

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        is_reask = any("methods" in str(m["content"]) for m in body["messages"][2:])
        self.wrong = {} if is_reask else {"": "invalid"}
        return super().answer(body)


@dataclass(frozen=True)
class Changed(Recipe):
    """A recipe of a library that reads answers in another way; its requests are the same."""

    refused: str = "\0"
    taken: str = "\0"

    def answer(self, content: str, shown: ShownPaper) -> Any:
        if self.refused in content:
            raise ValueError("results.0.unit: this version wants a unit")
        if self.taken in content:
            content = '{"methods":[],"datasets":[],"results":[],"claims":[]}'
        return super().answer(content, shown)


def changed(**options: Any) -> Changed:
    """Return the stub's recipe with a change in how answers are read."""
    own = stub_model().recipe
    return Changed(own.task, own.model, own.model_id, own.style, own.mode, own.sampling, **options)


def test_replies_that_were_sent_back_are_recorded_and_checked_again(tmp_path: Path) -> None:
    """The model was asked twice; the replay reads both replies and takes the second."""
    with WrongOnce() as server:
        live = record(tmp_path, [NET], server=server)
        [cassette] = Cassettes(tmp_path).readable()

        assert 2 == len(server.calls)
    replayed = replay(tmp_path, [NET])
    assert '{"methods":"none"}' == cassette.outcome.replies[0].content
    assert 2 == len(cassette.outcome.replies)
    assert 2 == cassette.outcome.usage.calls
    assert live.papers == replayed.papers


def test_a_reply_that_is_an_answer_now_is_the_answer(tmp_path: Path) -> None:
    """A library that takes what it once sent back never hears the second reply."""
    with WrongOnce() as server:
        record(tmp_path, [NET], server=server)
    replayed = replay(tmp_path, [NET], recipe=changed(taken='"none"'))

    assert [] == replayed.rows("results")


def test_an_answer_that_is_none_any_more_is_a_miss(tapes: Path) -> None:
    """A live model would be asked again, and nobody recorded what it then says."""
    with pytest.raises(CassetteMissing) as caught:
        replay(tapes, [NET], recipe=changed(refused="91.4%"))

    words = str(caught.value)
    assert "the recorded answer about 'Alpha: A Net' is none any more" in words
    assert "this version wants a unit" in words
    assert ".json" in words


def test_recording_asks_again_where_an_answer_is_none_any_more(tapes: Path) -> None:
    """What cannot be replayed counts as not recorded."""
    with StubModel() as server:
        # Its new answer is none either, and so a failure this time.
        model = replace(stub_model(server.url), recipe=changed(refused="91.4%"))
        extracted = extract_papers([NET], model, session(tapes, "record", model))

        assert ["Alpha: A Net"] * 2 == server.calls
    assert ["one"] == list(extracted.failed)


@pytest.mark.parametrize(("wrong", "name"), [("refusal", "refused"), ("invalid", "schema_invalid")])
def test_a_failure_is_recorded_and_stays_one(tmp_path: Path, wrong: Any, name: str) -> None:
    """Class, words and cost are those of the live failure."""
    with StubModel(wrong={"Alpha": wrong}) as server:
        live = record(tmp_path, [NET], server=server).failed["one"].failure
    replayed = replay(tmp_path, [NET]).failed["one"].failure

    assert name == replayed.failure_class
    assert replace(live, request_id=None) == replayed


def test_a_failure_for_a_passing_reason_is_asked_again_when_recording(tmp_path: Path) -> None:
    """A server that was down for a moment is no fixture."""
    failing = Failure("timeout", "no answer in 60 s", is_transient=True)
    todo = prepare(NET, stub_model().recipe)
    session(tmp_path, "record", stub_model())._record(todo, failing)

    assert "timeout" == replay(tmp_path, [NET]).failed["one"].failure.failure_class
    assert {} == record(tmp_path, [NET]).failed


LIBRARY = {
    "another address": lambda url: stub_model(url),
    "another limit of length": lambda url: replace(stub_model(url), max_chars=10_000),
}


@pytest.mark.parametrize("what", LIBRARY)
def test_how_a_model_is_reached_leaves_recordings_valid(tapes: Path, what: str) -> None:
    """Address and limits are no part of a question."""
    model = LIBRARY[what]("http://127.0.0.1:10")

    assert 2 == len(replay(tapes, model=model).papers)


@pytest.mark.parametrize(
    "limits",
    [
        {"call_timeout_s": 1},
        {"total_timeout_s": 1},
        {"max_attempts": 1},
        {"max_wait_s": 1},
        {"max_reasks": 5},
        {"concurrency": 3},
        {"breaker": 1},
        {"max_response_bytes": 10},
    ],
    ids=lambda limits: next(iter(limits)),
)
def test_retries_and_time_limits_leave_recordings_valid(
    tapes: Path, monkeypatch: pytest.MonkeyPatch, limits: dict[str, Any]
) -> None:
    """A recording made under one policy is played under any other."""
    from extract import models
    from extract.asking import Limits

    monkeypatch.setattr(models, "limits_for", lambda model, concurrency: Limits(**limits))

    assert 2 == len(replay(tapes).papers)


def prompt(text: str) -> Any:
    """Return the built-in task with another prompt."""
    task = load_task()
    return replace(task, prompts={**task.prompts, "json": task.prompts["json"] + text})


def named(name: str) -> Any:
    """Return the built-in task under another name."""
    return replace(load_task(), name=name)


INGREDIENTS: dict[str, tuple[dict[str, Any], str]] = {
    "prompt": ({"task": prompt("\nBe brief.\n")}, r"prompt version: facts\.json-\w+ -> facts"),
    "task": ({"task": named("findings")}, "task: facts -> findings"),
    "model": ({"model": "openai/other"}, "model: openai/stub -> openai/other"),
    "weights": ({"model_id": "sha256:9"}, "model id: none -> sha256:9"),
    "mode": ({"mode": "tools"}, "wire: json -> json/tools"),
    "temperature": (
        {"sampling": Sampling(temperature=0.7, max_tokens=4096)},
        "sampling temperature: 0.0 -> 0.7",
    ),
    "seed": (
        {"sampling": Sampling(temperature=0.0, max_tokens=4096, seed=3)},
        "sampling seed: none -> 3",
    ),
    "a setting of some servers": (
        {"sampling": Sampling(max_tokens=4096, extra=(("dry_base", 1.75),))},
        "sampling dry_base: none -> 1.75",
    ),
}


@pytest.mark.parametrize("what", INGREDIENTS)
def test_each_part_of_a_question_is_named_where_it_differs(tapes: Path, what: str) -> None:
    """Another question has no recording, and the message says what makes it another."""
    changes, words = INGREDIENTS[what]
    with pytest.raises(CassetteMissing, match=words) as caught:
        replay(tapes, model=stub_model(**changes))

    assert "and no answer is recorded about 1 more paper" in str(caught.value)


def with_text(title: str = NET.title, abstract: str = NET.abstract, name: str = "one") -> Paper:
    """Return the first paper with another text."""
    return Paper(name, title, abstract)


TEXTS = {
    "a name": (
        with_text(abstract=NET.abstract.replace("HarbourSet", "HarborSet")),
        "sentence 2 of the abstract: 'It reaches 91.4% on HarbourSet.' ->"
        " 'It reaches 91.4% on HarborSet.'",
    ),
    "a new sentence": (
        with_text(abstract=NET.abstract + " Code is free."),
        "sentence 3 of the abstract is new: 'Code is free.'",
    ),
    "a sentence that is gone": (
        with_text(abstract="We train Alpha on 12 GPUs."),
        "sentence 2 of the abstract was recorded and is gone: 'It reaches 91.4% on HarbourSet.'",
    ),
    "the title": (with_text("Alpha: The Net"), "the title: 'Alpha: A Net' -> 'Alpha: The Net'"),
    "a paper with another id too": (
        with_text(abstract=NET.abstract.replace("12", "13"), name="sha:other"),
        "sentence 1 of the abstract: 'We train Alpha on 12 GPUs.' -> 'We train Alpha on 13 GPUs.'",
    ),
}


@pytest.mark.parametrize("what", TEXTS)
def test_the_words_that_differ_are_shown(tapes: Path, what: str) -> None:
    """With the number of their sentence, and the rest of a long one cut off."""
    paper, words = TEXTS[what]
    with pytest.raises(CassetteMissing) as caught:
        replay(tapes, [paper])

    assert words in str(caught.value)


def test_a_text_like_no_other_has_no_nearest_recording(tapes: Path) -> None:
    """The message does not compare apples and pears."""
    paper = Paper("x", "Über Käse", "Der Käse reift im Keller, zwölf Monate lang und länger.")
    with pytest.raises(CassetteMissing, match="none of the 2 recordings in .* is like it"):
        replay(tapes, [paper])


def test_an_empty_folder_is_said_to_be_one(tmp_path: Path) -> None:
    """There is nothing to be like."""
    with pytest.raises(CassetteMissing, match="nothing is recorded in "):
        replay(tmp_path / "none")


def test_an_answer_in_the_folder_beside_is_found(tapes: Path) -> None:
    """A test file that is renamed leaves its recordings behind."""
    with pytest.raises(CassetteMissing, match=f"it is recorded in .*{tapes.name}/k1-"):
        replay(tapes.parent / "beside")


def test_a_server_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    """The cause is told, and not where in this library the error was raised."""
    with pytest.raises(ModelError, match="Connect") as caught:
        extract_papers([NET], stub_model(), session(tmp_path, "record", stub_model()))

    assert "event loop" not in str(caught.value)


LATEX = Paper("tex", r"The \alpha Net", r"It is $\sim$13x  faster.  It needs 4~GB.")


def test_a_text_that_its_sentences_do_not_make_up_again_is_kept(tmp_path: Path) -> None:
    """A model is shown no LaTeX commands; what stands where is said of the text as it was."""
    extracted = record(tmp_path / "tapes", [LATEX, NET])
    abstracts = {c.paper.id: c.paper.abstract for c in Cassettes(tmp_path / "tapes").readable()}
    assert {"tex": LATEX.abstract, "one": None} == abstracts

    write_expected(tmp_path / "expected.json", extracted)
    sides = read_sides(str(tmp_path / "tapes"), str(tmp_path / "expected.json"), load_task())
    comparison = compare(*sides, load_task())
    assert comparison.is_same
    assert comparison.total.same


def test_a_token_is_a_line_of_a_recording(tmp_path: Path) -> None:
    """Hundreds of them, each with others that it might have been, are read as a column."""
    record(tmp_path, [NET])
    [cassette] = Cassettes(tmp_path).readable()
    tokens = [["a" * 60, -0.5, {"b" * 60: -1.0}], ["c", -0.1, {}]]
    outcome = cassette.outcome.model_copy(update={"token_logprobs": tokens})
    text = cassette.model_copy(update={"outcome": outcome}).dumps()

    assert all(json.dumps(token) in text for token in tokens)
    assert tokens == loads(text).outcome.token_logprobs


def test_what_only_the_library_changes_is_said_to_be_its_doing(
    tapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user changed nothing, and is told so."""
    shown = Prompt.messages
    monkeypatch.setattr(
        Prompt,
        "messages",
        lambda self, paper: [*shown(self, paper), {"role": "user", "content": ""}],
    )
    with pytest.raises(CassetteMissing, match="messages, which this version of paperfacts makes"):
        replay(tapes)


def test_the_message_says_how_to_record(tapes: Path) -> None:
    """The command is the caller's."""
    model = stub_model()
    playing = session(tapes, "replay", model, command="pytest --paperfacts-record")
    with pytest.raises(CassetteMissing) as caught:
        extract_papers([with_text("New")], model, playing)

    assert "Record it with: pytest --paperfacts-record" == caught.value.hint


def test_recordings_that_nothing_plays_are_stale(tapes: Path) -> None:
    """They are told with the title of their paper."""
    model = stub_model()
    playing = session(tapes, "replay", model)

    extract_papers([NET], model, playing)

    stale = playing.stale()
    assert stale is not None
    assert "1 recording was not played" in str(stale)
    assert "about 'Beta: A Tool'" in str(stale)
    extract_papers([TOOL], model, playing)
    assert playing.stale() is None


@pytest.mark.parametrize("status", ["answered", "failed"])
def test_texts_can_be_left_out(tmp_path: Path, status: str) -> None:
    """No sentence and no title is in a file; the feed is enough to replay."""
    wrong: dict[str, Any] = {"Alpha": "invalid"} if status == "failed" else {}
    with StubModel(wrong=wrong) as server:
        live = record(tmp_path, server=server, with_text=False)
    written = "".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())

    assert live.papers == replay(tmp_path).papers
    assert ["one"] * len(wrong) == list(replay(tmp_path).failed)
    assert "Alpha: A Net" not in written
    assert "GPUs" not in written
    assert '{"chars": 26, "hash": ' in written


def test_a_miss_without_texts_tells_their_lengths(tmp_path: Path) -> None:
    """And says that a sentence has other words where the length is the same."""
    record(tmp_path, with_text=False)

    with pytest.raises(CassetteMissing, match="sentence 2 of the abstract: 31 -> 30 characters"):
        replay(tmp_path, [with_text(abstract=NET.abstract.replace("HarbourSet", "HarborSet"))])
    with pytest.raises(CassetteMissing, match="sentence 1 .*: other words of the same 26"):
        replay(tmp_path, [with_text(abstract=NET.abstract.replace("12", "13"))])


def test_one_file_for_all_recordings(tmp_path: Path, taped: tuple[Path, Extracted]) -> None:
    """A JSONL file is a set too: it grows by lines, and is left in the order of its keys."""
    file = tmp_path / "set.jsonl"
    record(file, [TOOL])
    record(file, [NET])
    lines = file.read_text(encoding="utf-8").splitlines()

    assert sorted(path.stem for path in taped[0].iterdir()) == [
        json.loads(line)["key"] for line in lines
    ]
    assert taped[1].papers == replay(file).papers
    assert taped[1].papers == replay(tmp_path).papers


def test_a_later_line_replaces_an_earlier_one(tmp_path: Path) -> None:
    """A run that was killed before it could tidy up leaves a set that can be read."""
    file = tmp_path / "set.jsonl"
    record(file, [NET])
    old = file.read_text(encoding="utf-8")
    with StubModel(wrong={"Alpha": "refusal"}) as server:
        model = stub_model(server.url)
        extract_papers([NET], model, session(file, "refresh", model))
    file.write_text(old + file.read_text(encoding="utf-8"), encoding="utf-8")

    assert ["one"] == list(replay(file, [NET]).failed)


def test_unplayed_recordings_are_removed_from_file_and_folder(tmp_path: Path, tapes: Path) -> None:
    """What is kept can still be played."""
    file = tmp_path / "set.jsonl"
    record(file)
    for place in (file, tapes):
        cassettes = Cassettes(place)
        cassettes.remove([prepare(TOOL, stub_model().recipe).key])

        assert 1 == len(Cassettes(place))
        assert ["one"] == list(replay(place, [NET]).papers)


def test_a_run_into_a_database_is_the_same_from_recordings(tmp_path: Path) -> None:
    """Every fact and every answer of the live run, with no server there any more."""
    rows = {}
    with StubModel(wrong={"Ferry": "refusal"}) as server:
        model = find_model("openai/stub", load_task(), base_url=server.url)
        for name, mode in (("live", "record"), ("replayed", "replay")):
            db = tmp_path / f"{name}.duckdb"
            opened = session(tmp_path / "tapes", mode, model).opened
            report = run(RunOptions(str(GOLD), db), model, open_session=opened)
            with duckdb.connect(str(db), read_only=True) as connection:
                rows[name] = (
                    connection.execute(
                        "select f.* exclude (fact_id) from results f order by all"
                    ).fetchall()
                    + connection.execute(
                        "select * exclude (run_id, created_at, latency_s, request_id)"
                        " from completions order by all"
                    ).fetchall()
                )
            assert report.asked
        assert 3 == len(server.calls)

    assert rows["live"] == rows["replayed"]


def test_a_miss_stops_a_run(tmp_path: Path, tapes: Path) -> None:
    """Nothing is asked, and the exit code is that of bad input."""
    with StubModel() as server:
        model = stub_model(server.url)
        opened = session(tapes, "replay", model).opened
        with pytest.raises(CassetteMissing) as caught:
            run(RunOptions(str(GOLD), tmp_path / "x.duckdb"), model, open_session=opened)

        assert [] == server.calls
    assert 2 == caught.value.exit_code


NO_NETWORK = """
import socket, subprocess, sys
from pathlib import Path
def refuse(*arguments, **options): raise AssertionError("the network was used")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = refuse
socket.getaddrinfo = subprocess.Popen = refuse
from tests.cassette_kit import replay
print(sum(len(paper["results"]) for paper in replay(Path(sys.argv[1])).papers.values()))
print(sorted({"openai", "instructor", "httpx2", "xllamacpp", "duckdb"} & set(sys.modules)))
"""


def test_a_replay_has_no_way_to_a_network(tapes: Path) -> None:
    """Nothing connects, looks up a name or starts a process; no client is even imported."""
    done = subprocess.run(
        [sys.executable, "-c", NO_NETWORK, str(tapes)], cwd=ROOT, capture_output=True, text=True
    )

    assert ("3\n[]\n", "") == (done.stdout, done.stderr)


def test_a_model_that_cannot_be_used_records_nothing(tmp_path: Path) -> None:
    """An error of the run is no answer about a paper."""
    model = stub_model()
    with pytest.raises(ModelError):
        extract_papers([NET], model, session(tmp_path / "tapes", "record", model))

    assert not (tmp_path / "tapes").exists()


def test_a_long_sentence_is_cut_around_its_difference(tmp_path: Path) -> None:
    """Whole words are shown, and dots for the rest."""
    long = "Our method was trained on the data of {} for many years and then tried on other seas."
    record(tmp_path, [Paper("one", "Alpha: A Net", long.format("HarbourSet"))])

    with pytest.raises(CassetteMissing) as caught:
        replay(tmp_path, [Paper("one", "Alpha: A Net", long.format("HarborSet"))])

    assert "sentence 1 of the abstract: '…" in str(caught.value)
    assert "HarbourSet for many years and then…' -> '…" in str(caught.value)
