"""Every row leads to the sentence, the request and the completion that it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.cli import _guarded
from extract.errors import InputError
from extract.models import find_model
from extract.pipeline import RunOptions, run
from extract.store.provenance import facts_of_paper, find_paper, origin_of
from extract.store.reading import rows_of
from extract.tasks import load_task
from tests.stub_model import StubModel

SAMPLE = Path(__file__).parent.parent / "fixtures" / "sample.txt"
TASK = load_task("facts")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database in which two models read the same two papers, one after the other."""
    path = tmp_path_factory.mktemp("origin") / "papers.duckdb"
    with StubModel() as server:
        for name in ("one", "two"):
            model = find_model(name, TASK, base_url=server.url)
            run(RunOptions(feed=str(SAMPLE), database=path, limit=2), model)
    return path


def fact_of(db: Path, model: str) -> str:
    """Return the id of a result that a model stated."""
    sql = (
        "select fact_id from history.facts_results join completions using (completion_key)"
        f" where model = '{model}' and alignment <> 'missing' order by all limit 1"
    )
    return str(rows_of(db, sql)[0]["fact_id"])


def test_a_fact_leads_to_its_request_and_completion(db: Path) -> None:
    """The sentence stands in the message that was sent, the value in what came back."""
    origin = origin_of(db, TASK, fact_of(db, "two"))

    assert origin.is_current and "two" == origin.completion["model"]
    assert f"[{origin.fact['sentence']}]" in origin.request["messages"][1]["content"]
    assert origin.fact["value"] in origin.completion["content"]


def test_a_fact_that_is_not_current_any_more_is_found_too(
    db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A difference between two models is looked into on both sides."""
    assert 0 == _guarded(["show", "--why", fact_of(db, "one"), "--db", str(db)])

    out = capsys.readouterr().out
    assert "not current: a later extraction of the paper took its place" in out
    assert "model one, prompt facts.json-" in out and "--- completion k1-" in out


def test_a_fact_that_is_not_there_is_named(db: Path) -> None:
    """The hint tells where ids stand."""
    with pytest.raises(InputError, match="no fact 'results-0' of the task facts") as missing:
        origin_of(db, TASK, "results-0")

    assert "paperfacts sql" in missing.value.hint


def test_all_lists_of_a_paper_are_read_in_the_order_of_the_answer(db: Path) -> None:
    """The current facts alone: the other model's are history."""
    paper = find_paper(db, str(rows_of(db, "select min(paper_id) as id from papers")[0]["id"]))
    facts = facts_of_paper(db, TASK, paper["paper_id"])

    assert [kind.name for kind in TASK.kinds] == list(facts)
    positions = [row["position"] for row in facts["results"]]
    assert positions == sorted(set(positions)) and positions


def test_a_paper_that_is_not_there_is_named(db: Path) -> None:
    """Neither an id, nor its beginning, nor words of a title."""
    with pytest.raises(InputError, match="no paper 'Nowhere'"):
        find_paper(db, "Nowhere")
