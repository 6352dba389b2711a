"""XML that is refused or broken, tags that are taken out, TeX that is undone, dates."""

import json

import pytest

from extract.feeds import FeedFormatError, NoPapersError, read_feed
from extract.feeds.dates import iso_date, iso_parts
from extract.feeds.latex import plain_text
from extract.feeds.markup import strip_markup
from extract.feeds.records import names_of

BOMB = """<?xml version="1.0"?>
<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>
<rss version="2.0"><channel><item><title>X</title><description>&b;</description></item></channel>
</rss>"""
EXTERNAL = '<!DOCTYPE PubmedArticleSet SYSTEM "file:///etc/passwd"><PubmedArticleSet/>'
ENTITY = '<!DOCTYPE PubmedArticleSet [<!ENTITY x SYSTEM "file:///etc/passwd">]><PubmedArticleSet/>'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("content", [BOMB, ENTITY], ids=["bomb", "external entity"])
def test_entities_are_refused_before_any_parser(tmp_path, content, encoding):
    """A bomb and a file of this machine are both defined in a document type."""
    path = tmp_path / "feed.xml"
    path.write_text(content, encoding)

    with pytest.raises(FeedFormatError, match="document type"):
        read_feed(path)


def test_the_document_type_of_pubmed_is_never_fetched(tmp_path):
    """It may stand there: nothing looks at what it names."""
    path = tmp_path / "feed.xml"
    path.write_text(EXTERNAL)

    with pytest.raises(NoPapersError):
        read_feed(path)


def test_an_rss_feed_cut_off_is_reported(tmp_path):
    """feedparser gives what came before the break without a word."""
    item = "<item><title>{0}</title><guid>{0}</guid><description>We do {0}.</description></item>"
    path = tmp_path / "feed.rss"
    path.write_text("<rss><channel>" + item.format("X") + item.format("Y")[:40])
    feed = read_feed(path)

    assert [paper.title for paper in feed.papers] == ["X"]
    assert feed.problems[0].reason == "truncated"


def test_pubmed_cut_off_is_reported(tmp_path):
    """The articles before the break are kept."""
    article = (
        "<PubmedArticle><MedlineCitation><PMID>1</PMID><Article><Abstract><AbstractText>We do X."
        "</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>"
    )
    path = tmp_path / "feed.xml"
    path.write_text("<PubmedArticleSet>" + article + article[:50])
    feed = read_feed(path)

    assert [paper.paper_id for paper in feed.papers] == ["pmid:1"]
    assert feed.problems[0].reason == "truncated"


def test_a_json_array_cut_off_keeps_its_beginning(tmp_path):
    """Records are decoded one by one."""
    path = tmp_path / "feed.json"
    path.write_text(json.dumps([{"title": "X", "abstract": "We do X."}] * 2)[:50])
    feed = read_feed(path)

    assert [paper.title for paper in feed.papers] == ["X"]
    assert feed.problems[0].reason == "truncated"


def test_a_quote_that_is_never_closed_is_reported(tmp_path):
    """It would swallow every row behind it without a word."""
    path = tmp_path / "feed.csv"
    path.write_text('title,abstract\nX,We do X.\nY,"We do Y.\nZ,We do Z.\n')
    feed = read_feed(path)

    assert [paper.title for paper in feed.papers] == ["X"]
    assert [(problem.location, problem.reason) for problem in feed.problems] == [
        ("line 3", "truncated")
    ]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One <i>two</i></p><p>three</p>", "One two\nthree"),
        ("p < 0.05 and <UNK> or a<b and c>d", "p < 0.05 and <UNK> or a<b and c>d"),
        ("a <b and c> d", "a <b and c> d"),
        ("<a href='x' class=\"y\">link</a> <br/>next", "link\nnext"),
        ("<jats:title>Abstract</jats:title><jats:p>H<jats:sub>2</jats:sub>O</jats:p>", "H2O"),
        ("3 &lt; 4 &amp; 5", "3 < 4 & 5"),
        ("x<!-- <p> -->y <!-- open", "xy <!-- open"),
    ],
)
def test_only_tags_are_taken_out(markup, text):
    """What compares or stands for a token is text."""
    assert strip_markup(markup).strip() == text


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (
            '{\\\'E}mile G{\\"o}del \\v{C}ech na\\"{\\i}ve Stra{\\ss}e',
            "Émile Gödel Čech naïve Straße",
        ),
        ("50% of x, 3\\% of y", "50% of x, 3% of y"),
        ("{BERT} and {a {nested} B}", "BERT and a nested B"),
        ("$k^{2}$, x^{2}, \\textbf{bold {X}}, ~5", "$k^{2}$, x^{2}, \\textbf{bold X}, ~5"),
        ("open { and } close }", "open  and  close }"),
    ],
)
def test_only_the_spelling_of_characters_is_undone(latex, text):
    """Formulas and commands stay, and an unescaped percent sign ends nothing."""
    assert plain_text(latex) == text


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("2024-05-01", "2024-05-01"),
        ("2024/05/01/", "2024-05-01"),
        ("2024/5", "2024-05"),
        ("2014//", "2014"),
        (2020, "2020"),
        ("2026 Jun 12", "2026-06-12"),
        ("2000 Nov-Dec", "2000-11"),
        ("12 June 2026", "2026-06-12"),
        ("June 12, 2026", "2026-06-12"),
        ("Mon, 27 Apr 2026 00:00:00 -0400", "2026-04-27T04:00:00Z"),
        ("2026-05-30T00:00:00.000Z", "2026-05-30T00:00:00Z"),
        ("2026-05-30T12:00:00", "2026-05-30"),
        ("2024-02-31", "2024-02"),
        ("n.d.", None),
        ("", None),
        (None, None),
        (True, None),
    ],
)
def test_dates_are_written_in_one_way(written, date):
    """As far as the feed gives them: no day is made up."""
    assert iso_date(written) == date


def test_a_date_of_parts_goes_as_far_as_they_do():
    """A month may be a name."""
    assert iso_parts("2099", "Jan", None) == "2099-01"


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("['Marx, Karl', 'Lindgren, Astrid']", ("Marx, Karl", "Lindgren, Astrid")),
        ("Brine, Ada and Delta, Bo", ("Brine, Ada", "Delta, Bo")),
        ("Brine A.; Delta B.", ("Brine A.", "Delta B.")),
        ("Ada Brine, Bo Delta", ("Ada Brine", "Bo Delta")),
        ("Bernard, Matthew", ("Bernard, Matthew",)),
        ([{"name": "Ada"}, "Bo", None], ("Ada", "Bo")),
        (None, ()),
    ],
)
def test_authors_are_told_apart(written, names):
    """Commas separate authors only where they cannot separate names."""
    assert names_of(written) == names
