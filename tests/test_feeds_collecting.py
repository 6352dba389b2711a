"""Which records become papers, and what becomes of the others."""

import json

import pytest

from extract.feeds import NoPapersError, read_feed


@pytest.fixture
def collected(tmp_path):
    def read(*records):
        path = tmp_path / "feed.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        feed = read_feed(path)
        papers = list(feed.papers)
        return papers, [(problem.location, problem.reason) for problem in feed.problems]

    return read


def record(abstract="We propose X.", title="X", **more):
    return {"title": title, "abstract": abstract, **more}


@pytest.mark.parametrize(
    "again",
    [
        record(id="1", doi="10.1/x"),
        record(id="2"),
        record(id="1", abstract="We  propose\nX."),
        record(doi="https://doi.org/10.1/X"),
    ],
)
def test_a_paper_told_twice_is_one_paper(collected, again):
    """The same text is the same paper, whatever its ids and line breaks."""
    papers, problems = collected(record(id="1", doi="10.1/x"), again)

    assert [paper.paper_id for paper in papers] == ["1"]
    assert problems == [("line 2", "duplicate")]


@pytest.mark.parametrize("ids", [{"id": "1"}, {"doi": "10.1/X"}, {"arxiv_id": "2401.00001v2"}])
def test_the_same_id_with_another_text_is_a_conflict(collected, ids):
    """The first record is kept, and the second reported."""
    first = record(id="1", doi="10.1/x", arxiv_id="2401.00001v1")
    papers, problems = collected(first, record(abstract="We retract X.", **ids))

    assert [paper.abstract for paper in papers] == ["We propose X."]
    assert problems == [("line 2", "conflict")]


@pytest.mark.parametrize("abstract", ["", "  ", None, "N/A", "[No abstract available]", "nan"])
def test_a_record_without_an_abstract_is_kept_as_a_problem(collected, abstract):
    """What spreadsheets write for nothing is nothing."""
    papers, problems = collected(record(abstract=abstract, title="Y"), record())

    assert [paper.title for paper in papers] == ["X"]
    assert problems == [("line 1", "no_abstract")]


def test_a_paper_may_have_no_title(collected):
    """The facts stand in the abstract."""
    papers, problems = collected(record(title=None))

    assert ([paper.title for paper in papers], problems) == ([""], [])


def test_characters_that_cannot_be_stored_are_replaced_and_counted(tmp_path):
    """One bad character does not lose the paper, and never goes unnoticed."""
    path = tmp_path / "feed.jsonl"
    path.write_text('{"title": "X\\ud800", "abstract": "a\\u0000b\\u001b[2J"}\n')
    feed = read_feed(path)
    [paper] = feed.papers

    assert (paper.title, paper.abstract) == ("X\ufffd", "a\ufffdb\ufffd[2J")
    assert feed.problems[0].reason == "replaced_characters"
    assert feed.problems[0].message.startswith("3 ")


def test_the_excerpt_of_a_problem_can_be_printed(tmp_path):
    """A broken line may hold anything, and a terminal would obey it."""
    path = tmp_path / "feed.jsonl"
    path.write_text('{"title": "X", "abstract": "We do X."}\n{"broken \x1b[2J\n')
    feed = read_feed(path)
    list(feed.papers)

    assert feed.problems[0].excerpt == '{"broken \ufffd[2J'


def test_a_feed_without_any_abstract_is_an_error_that_keeps_its_records(collected):
    """An empty result and a failure are not the same value."""
    with pytest.raises(NoPapersError, match="none of its 2 records has an abstract") as caught:
        collected(record(abstract="", title="Y"), record(abstract="", title="Z"))

    assert [problem.excerpt for problem in caught.value.problems] == ["Y", "Z"]
