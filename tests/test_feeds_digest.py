"""Digests: titles and abstracts by turns, and what happens where a line is missing."""

import pytest

from extract.feeds import NoPapersError, read_feed

LONG = " It does so on every one of the invented tasks that we could think of." * 5
FIRST = "We propose Brackish." + LONG
SECOND = "Lighthouse finds wrecks." + LONG
THIRD = "Fog is grey." + LONG


@pytest.fixture
def digest(tmp_path):
    def read(*lines, end="\n"):
        path = tmp_path / "feed.txt"
        path.write_bytes(end.join(lines).encode())
        feed = read_feed(path, format="digest")
        papers = [(paper.title, paper.abstract) for paper in feed.papers]
        return papers, [(problem.location, problem.reason) for problem in feed.problems]

    return read


PAIRS = [("Brackish", FIRST), ("Lighthouse", SECOND)]


def test_titles_and_abstracts_take_turns(digest):
    """No header is needed."""
    assert digest("Brackish", FIRST, "Lighthouse", SECOND) == (PAIRS, [])


def test_blank_lines_and_carriage_returns_mean_nothing(digest):
    """Files that went through mail and Windows are read as well."""
    lines = ("", "Brackish", "", FIRST, "", "", "Lighthouse", SECOND, "")

    assert digest(*lines, end="\r\n") == (PAIRS, [])


@pytest.mark.parametrize(
    "header",
    [
        ("Get trending papers in your email inbox once a day!",),
        ("From: news@example.org", "Subject: Papers", "To: you", "Date: Monday"),
        ("View this in your browser.", "----", "Unsubscribe"),
        ("Sample feed: every paper below is invented.", "Names are made up for testing."),
    ],
    ids=lambda header: header[0][:12],
)
def test_a_header_that_speaks_of_mail_is_skipped(digest, header):
    """It is neither a paper nor a problem."""
    assert digest(*header, "Brackish", FIRST, "Lighthouse", SECOND) == (PAIRS, [])


def test_other_lines_before_the_first_title_are_noted(digest):
    """They may have been a title, so they are not dropped without a word."""
    papers, problems = digest("Great reads", "Brackish", FIRST)

    assert (papers, problems) == (PAIRS[:1], [("line 1", "header_line")])


def test_the_button_glued_to_the_first_title_is_taken_off(digest):
    """Only from the first title, and only where it is glued."""
    papers, _ = digest("SubscribeBrackish", FIRST, "SubscribeNet", SECOND)

    assert [title for title, _ in papers] == ["Brackish", "SubscribeNet"]


def test_a_title_that_begins_with_the_word_keeps_it(digest):
    """A title may speak of subscribing."""
    papers, _ = digest("Subscribe or Not", FIRST)

    assert papers == [("Subscribe or Not", FIRST)]


def test_a_title_without_an_abstract_is_reported_and_the_rest_kept(digest):
    """Two titles in a row: the first one has lost its abstract."""
    papers, problems = digest("Brackish", FIRST, "Fog", "Lighthouse", SECOND)

    assert (papers, problems) == (PAIRS, [("line 3", "no_abstract")])


def test_an_abstract_without_a_title_is_reported_and_the_rest_kept(digest):
    """Two abstracts in a row: the second one has lost its title."""
    papers, problems = digest("Brackish", FIRST, THIRD + LONG, "Lighthouse", SECOND)

    assert (papers, problems) == (PAIRS, [("line 3", "no_title")])


def test_a_last_line_on_its_own_is_reported(digest):
    """An odd number of lines: the feed was cut off."""
    papers, problems = digest("Brackish", FIRST, "Lighthouse", SECOND, "Fog")

    assert (papers, problems) == (PAIRS, [("line 5", "no_abstract")])


def test_short_abstracts_end_with_a_full_stop(digest):
    """Length alone does not make an abstract."""
    papers, problems = digest("A", "We propose A. It gains 3\\%.", "B", "We propose B.")

    assert papers == [("A", "We propose A. It gains 3\\%."), ("B", "We propose B.")]
    assert problems == []


def test_only_titles_are_no_papers(digest):
    """The error counts what was met."""
    with pytest.raises(NoPapersError, match="no papers found"):
        digest("Brackish", "Lighthouse", "Fog")
