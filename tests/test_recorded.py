"""The whole way through on recorded answers: the embedded model, and a server of wrong answers.

Nothing here needs weights, a server or a network. `sh fixtures/record.sh` makes the recordings
and the expected facts anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from extract.cassettes import Cassettes, CassetteSession
from extract.cassettes.expected import compare_papers, read_expected
from extract.cassettes.testing import Recordings
from extract.compare import compare
from extract.factsets import read_facts
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.replay_report import replay_text
from extract.replaying import replay_database
from extract.report import RunReport
from extract.tasks import load_task
from tests.faults.chaos_server import ChaosServer

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "fixtures" / "sample.txt"
RECORDED = ROOT / "fixtures" / "recorded" / "test_recorded"
EXPECTED = RECORDED / "test_the_sample_gives_the_expected_facts.json"
PAPER = {
    "id": "one",
    "title": "Alpha: A Net",
    "abstract": "We train Alpha on 12 GPUs. It reaches 91.4% on HarbourSet.",
}
FAULTS = {
    "refusal": "refused",
    "filter": "filtered",
    "cut": "truncated",
    "null-content": "empty_response",
    "too-long": "too_long",
    "wrong-schema": "schema_invalid",
    "two-objects": "schema_invalid",
    "tools-twice": "schema_invalid",
    "key-error": "server_error",
    "broken-envelope": "transport",
}
"""What the server of wrong answers does, and the class of the failure that follows."""


def test_the_sample_gives_the_expected_facts(paperfacts: Recordings) -> None:
    """What the embedded model said of 24 invented papers is what it said when it was recorded."""
    extracted = paperfacts.extract(SAMPLE)

    assert {} == extracted.failed
    paperfacts.assert_same(extracted)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    """Return the database of a run over the sample, and its report."""
    db = tmp_path_factory.mktemp("replayed") / "papers.duckdb"
    model = find_model(None, load_task())
    session = CassetteSession(Cassettes(RECORDED), model.recipe)
    return db, run(RunOptions(str(SAMPLE), db), model, open_session=session.opened)


def test_a_run_stores_the_expected_facts(replayed: tuple[Path, RunReport]) -> None:
    """The database says what the file of expected facts says."""
    task = load_task()
    found = compare(read_facts(str(EXPECTED), task), read_facts(str(replayed[0]), task), task)

    assert () == found.differences
    assert (24, {}, {}) == (found.papers, found.only_before, found.only_after)


def test_a_replay_of_the_run_finds_no_difference(replayed: tuple[Path, RunReport]) -> None:
    """Confidences are derived again too, from the curves of the model that answered."""
    replay = replay_database(replayed[0], load_task())

    assert replay.is_same, replay_text(replay)
    with duckdb.connect(str(replayed[0]), read_only=True) as connection:
        counted = connection.execute(
            "select count(*), count(confidence) from task_facts.methods_all"
        ).fetchone() or (0, 0)
    assert counted[0] == counted[1] > 20


def test_every_row_of_the_run_stands_in_its_text(replayed: tuple[Path, RunReport]) -> None:
    """The characters at its offsets are the sentence's, and an exact value's own."""
    with duckdb.connect(str(replayed[0]), read_only=True) as connection:
        rows = connection.execute(
            "select f.value, f.evidence, f.alignment, substr(case when f.sentence = 0 then p.title"
            " else p.abstract end, f.span_start + 1, f.span_end - f.span_start)"
            " from results f join papers p using (paper_id)"
        ).fetchall()

    assert rows
    assert [] == [r for r in rows if r[3] not in r[1] or (r[2] == "exact" and r[3] != r[0])]


@pytest.fixture
def provider(paperfacts: Recordings) -> Iterator[ChaosServer | None]:
    """Return the server of wrong answers while its answers are recorded."""
    if paperfacts.mode == "replay":
        yield None
        return
    with ChaosServer() as server:
        yield server


@pytest.mark.parametrize("route", FAULTS)
def test_a_recorded_fault_is_the_failure_that_it_was(
    paperfacts: Recordings, provider: ChaosServer | None, route: str
) -> None:
    """Each has its class and its words, and no facts."""
    # Nobody listens there: that a server is named counts, and not which.
    url = provider.url(route) if provider else "http://127.0.0.1:9"
    extracted = paperfacts.extract([PAPER], model=f"openai/{route}", base_url=url)

    assert [] == list(extracted.papers)
    assert FAULTS[route] == extracted.failed["one"].failure.failure_class


def test_a_lost_fact_would_be_noticed() -> None:
    """The comparison of the first test can fail: one row less is one fact lost."""
    expected, fewer = read_expected(EXPECTED), read_expected(EXPECTED)
    paper = next(paper for paper in fewer if paper["results"])
    row = paper["results"].pop()

    comparison = compare_papers(expected, fewer, load_task())

    assert [("lost", row["value"])] == [(d.outcome, d.key) for d in comparison.differences]
