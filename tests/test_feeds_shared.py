"""Real feeds, where they lie beside the checkout: nothing in them is lost or changed."""

import html
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from extract.feeds import NoPapersError, read_feed

FEEDS = Path(__file__).parent.parent.parent / "shared" / "feeds"
pytestmark = pytest.mark.skipif(not FEEDS.is_dir(), reason=f"no real feeds at {FEEDS}")

#: Papers, and problems by reason.
COUNTS = {
    "arxiv-api.atom.xml": (5, {}),
    "arxiv-daily.atom.xml": (7, {}),
    "arxiv-daily.rss.xml": (3, {}),
    "arxiv.bib": (0, {"no_abstract": 3}),
    "bom.ris": (0, {"no_abstract": 1}),
    "crossref-jats.json": (1, {}),
    "duplicates.csv": (8, {"duplicate": 1, "conflict": 1, "no_abstract": 4}),
    "generic.csv": (1, {"conflict": 1, "duplicate": 4}),
    "generic.tsv": (1, {"conflict": 1}),
    "hf-daily-papers.json": (30, {}),
    "missing-values.csv": (1, {"no_abstract": 2, "duplicate": 1}),
    "openalex-works.json": (0, {"no_abstract": 3}),
    "pubmed-efetch.xml": (5, {}),
    "references.ris": (98, {"no_abstract": 2}),
    "scopus.ris": (6, {}),
    "semantic-scholar-search.json": (5, {}),
    "trending.txt": (219, {}),
}


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_every_record_is_a_paper_or_a_problem(name):
    """The counts are those of the raw files."""
    try:
        feed = read_feed(FEEDS / name)
        papers, problems = len(list(feed.papers)), feed.problems
    except NoPapersError as error:
        papers, problems = 0, error.problems

    assert (papers, dict(Counter(problem.reason for problem in problems))) == COUNTS[name]


def test_trending_is_its_lines():
    """Titles and abstracts stand as in the file, but for the button glued to the first."""
    rows = (FEEDS / "trending.txt").read_text("utf-8").split("\n")[2:]
    rows[0] = rows[0].removeprefix("Subscribe")
    papers = read_feed(FEEDS / "trending.txt").papers

    assert [text for paper in papers for text in (paper.title, paper.abstract)] == rows


@pytest.mark.parametrize(
    "name", ["arxiv-api.atom.xml", "arxiv-daily.atom.xml", "arxiv-daily.rss.xml"]
)
def test_abstracts_of_arxiv_stand_in_the_feed(name):
    """Nothing of an abstract is changed, and the announcement before it is gone."""
    raw = html.unescape((FEEDS / name).read_text("utf-8"))
    for paper in read_feed(FEEDS / name).papers:
        assert paper.abstract in raw
        assert "Announce Type" not in paper.abstract
        assert paper.paper_id.startswith("arxiv:")
        assert paper.authors
        assert paper.published


def test_abstracts_of_json_feeds_are_their_strings():
    """Hugging Face and Semantic Scholar give plain text."""
    daily = json.loads((FEEDS / "hf-daily-papers.json").read_text("utf-8"))
    search = json.loads((FEEDS / "semantic-scholar-search.json").read_text("utf-8"))["data"]

    assert [p.abstract for p in read_feed(FEEDS / "hf-daily-papers.json").papers] == [
        record["paper"]["summary"].strip() for record in daily
    ]
    assert [p.abstract for p in read_feed(FEEDS / "semantic-scholar-search.json").papers] == [
        record["abstract"].strip() for record in search
    ]


@pytest.mark.parametrize("name", ["pubmed-efetch.xml", "references.ris", "scopus.ris"])
def test_words_of_abstracts_follow_one_another_as_in_the_feed(name):
    """Tags and line breaks go, labels come; the words in between are those of the file."""
    raw = (FEEDS / name).read_text("utf-8-sig")
    if name.endswith(".xml"):  # RIS knows no entities: an "&lt;" in it is text
        raw = html.unescape(re.sub(r"</?(?:sub|sup|i|b)>", "", raw))
    raw = " ".join(raw.split())
    for paper in read_feed(FEEDS / name).papers:
        for section in paper.abstract.split("\n"):
            words = " ".join(re.sub(r"^[A-Z &]+: ", "", section).split())
            assert words in raw
