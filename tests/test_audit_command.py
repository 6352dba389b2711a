"""`paperfacts audit` says in words what became of the numbers of a database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extract.audit import audit_paper
from extract.cli.auditing import audit
from extract.errors import InputError
from extract.tasks import load_task
from tests.replay import replay


@pytest.fixture
def audited(tmp_path: Path) -> Path:
    """Return a database of one paper with one of its two stated quantities extracted."""
    feed = tmp_path / "feed.jsonl"
    abstract = "In 2023, ResNet-50 [12] reached 76.3% in 90 epochs."
    paper = {"id": "p1", "title": "A title", "abstract": abstract}
    feed.write_text(json.dumps(paper) + "\n", encoding="utf-8")
    rows = [{"value": "76.3%", "kind": "score", "sentence": 1}]
    answer = {"methods": [], "datasets": [], "results": rows, "claims": []}
    replay(load_task(), feed, tmp_path / "papers.duckdb", lambda todo: answer)
    return tmp_path / "papers.duckdb"


def test_the_command_says_what_became_of_each_number(
    audited: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts come in words, and what no fact holds is listed with its sentence."""
    audit(db=audited)

    assert (
        """\
5 numbers in 1 paper, 80.0% accounted for
2 of them state a quantity, and facts hold 1 of those
      1  extracted
      1  part of a name (as in GPT-3)
      1  citation
      1  year
      1  unaccounted: stated, and in no fact
p1 [1]  90  in: In 2023, ResNet-50 [12] reached 76.3% in 90 epochs.
"""
        == capsys.readouterr().out
    )


def test_the_command_says_where_a_number_stands(
    audited: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The offsets of the JSON are those of the abstract."""
    audit(db=audited, json_=True)

    [missed] = json.loads(capsys.readouterr().out)["unaccounted"]
    assert ("90", 41, 43) == (missed["value"], missed["start"], missed["end"])


def test_a_task_that_was_never_run_has_no_audit(audited: Path) -> None:
    """The error names the task and what to do, instead of a share of nothing."""
    trials = Path(__file__).parent.parent / "fixtures" / "tasks" / "trials"

    with pytest.raises(InputError, match="trials was not run"):
        audit(db=audited, task=str(trials))
    with pytest.raises(InputError, match="--limit is -1"):
        audit(db=audited, limit=-1)


def test_a_long_sentence_is_cut_around_its_number() -> None:
    """The number can be seen wherever in the sentence it stands."""
    abstract = "We " + "really " * 60 + "reach 71.5% here " + "and there " * 60 + "too."
    [number] = audit_paper("", abstract, []).unaccounted

    assert "71.5%" in number.excerpt(80)
    assert 82 >= len(number.excerpt(80))
