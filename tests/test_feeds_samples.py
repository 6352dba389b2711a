"""One invented sample per format gives exactly the papers written beside it."""

import dataclasses
import json
from pathlib import Path

import pytest

from extract.feeds import read_feed

FIXTURES = Path(__file__).parent.parent / "fixtures"
EXPECTED = json.loads((FIXTURES / "feeds" / "expected.json").read_text("utf-8"))


def as_json(paper):
    """The fields that a paper has, as they stand in expected.json."""
    fields = dataclasses.asdict(paper)
    return json.loads(
        json.dumps({name: value for name, value in fields.items() if value not in (None, ())})
    )


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_sample_gives_its_papers(name):
    """The papers and problems of a sample are those of expected.json."""
    feed = read_feed(FIXTURES / "feeds" / name)
    actual = {
        "papers": [as_json(paper) for paper in feed.papers],
        "problems": [[problem.location, problem.reason] for problem in feed.problems],
        "format": feed.format,
    }

    assert actual == EXPECTED[name]


def test_every_sample_has_its_papers_written_down():
    """A sample without expectations would be tested by nothing."""
    files = {path.name for path in (FIXTURES / "feeds").iterdir()}

    assert files - {"README.md", "expected.json"} == set(EXPECTED)


def test_the_sample_feed_has_24_papers_and_says_that_they_are_invented():
    """It has the shape of a mail digest, with LaTeX remnants as they come."""
    feed = read_feed(FIXTURES / "sample.txt")
    papers = list(feed.papers)

    assert "invented" in (FIXTURES / "sample.txt").read_text("utf-8").partition("\n")[0]
    assert (len(papers), feed.problems) == (24, [])
    assert "84.1\\% top-1" in papers[0].abstract
    assert any("18.1~dB" in paper.abstract for paper in papers)


def test_a_parquet_file_gives_its_rows(tmp_path):
    """Columns are named as in a table."""
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "odd[1]*.parquet"
    duckdb.sql(
        "select 7 as id, 'Brackish' as Title, 'We propose Brackish.' as abstract,"
        " date '2099-01-05' as published, ['Ada Brine', 'Bo Delta'] as authors"
        " union all select 8, 'No abstract', null, null, null"
    ).write_parquet(str(tmp_path / "plain.parquet"))
    (tmp_path / "plain.parquet").rename(path)
    feed = read_feed(path)
    [paper] = feed.papers

    assert (feed.format, paper.paper_id, paper.title) == ("parquet", "7", "Brackish")
    assert (paper.published, paper.authors) == ("2099-01-05", ("Ada Brine", "Bo Delta"))
    assert [problem.location for problem in feed.problems] == ["row 2"]


def test_columns_say_which_column_is_which_field(tmp_path):
    """A table with names of its own is read with the caller's help."""
    path = tmp_path / "odd.csv"
    path.write_text("Kopf;Inhalt;Nr\nBrackish;We propose it.;7\n")
    feed = read_feed(path, columns={"title": "Kopf", "abstract": "Inhalt", "id": "Nr"})
    [paper] = feed.papers

    assert (paper.paper_id, paper.title, paper.abstract) == ("7", "Brackish", "We propose it.")


def test_columns_name_the_keys_of_json_records_too(tmp_path):
    """Records with keys of their own are read with the caller's help."""
    path = tmp_path / "odd.jsonl"
    path.write_text('{"t": "Brackish", "x": "We propose it."}\n')
    [paper] = read_feed(path, columns={"title": "t", "abstract": "x"}).papers

    assert (paper.title, paper.abstract) == ("Brackish", "We propose it.")
