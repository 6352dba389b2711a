"""Fault 50: XML that expands without end, or reads files of this machine."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from extract.feeds import FeedFormatError, FeedTooLarge, read_feed
from tests.command import called

ITEM = "<item><title>T</title><description>We show &x; terns. &x;</description></item>"
RSS = "<rss version='2.0'><channel><title>f</title>" + ITEM + "</channel></rss>"
ATOM = (
    "<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>i</id><title>T</title>"
    "<summary>We show &x; terns.</summary></entry></feed>"
)
PUBMED = (
    "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article>"
    "<ArticleTitle>T</ArticleTitle><Abstract><AbstractText>We show &x; terns.</AbstractText>"
    "</Abstract></Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
)
ROOTS = {"rss": RSS, "feed": ATOM, "PubmedArticleSet": PUBMED}
LAUGHS = "".join(
    f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' if n else '<!ENTITY x0 "ha">' for n in range(10)
)
SUBSETS = {
    "laughs": LAUGHS + '<!ENTITY x "&x9;">',
    "quadratic": f'<!ENTITY x "{"a" * 100_000}">',
    "file": "<!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "parameter": "<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p; <!ENTITY x 'y'>",
}


@pytest.mark.parametrize("subset", SUBSETS)
@pytest.mark.parametrize("root", ROOTS)
def test_a_document_type_with_entities_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], root: str, subset: str
) -> None:
    """Exit 2 in words, in each of the XML formats, and nothing is made."""
    feed = tmp_path / "feed.xml"
    feed.write_text(f"<?xml version='1.0'?><!DOCTYPE {root} [{SUBSETS[subset]}]>{ROOTS[root]}")
    code = called("run", feed, "--db", tmp_path / "papers.duckdb")

    said = capfd.readouterr().err
    assert 2 == code
    assert f"the XML has a document type <!DOCTYPE {root}>" in said
    assert "root:" not in said
    assert ["feed.xml"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("root", ROOTS)
def test_a_document_type_elsewhere_is_never_fetched(tmp_path: Path, root: str) -> None:
    """PubMed's own may stand there; nobody asks for what it names."""
    hits: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/x.dtd"
        feed = tmp_path / "feed.xml"
        text = ROOTS[root].replace("&x;", "12")
        feed.write_text(f"<?xml version='1.0'?><!DOCTYPE {root} SYSTEM '{url}'>{text}")
        if root == "PubmedArticleSet":
            assert ["We show 12 terns."] == [paper.abstract for paper in read_feed(feed).papers]
        else:
            with pytest.raises(FeedFormatError, match="document type"):
                read_feed(feed)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert [] == hits


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize(
    "before", ["<!-- " + "a" * 300_000 + " -->", "<?pi " + "a" * 300_000 + "?>"]
)
def test_a_document_type_is_not_hidden_behind_much_text(
    tmp_path: Path, root: str, before: str
) -> None:
    """What lies behind the part that is looked at is never parsed."""
    feed = tmp_path / "feed.xml"
    feed.write_text(f"{before}<!DOCTYPE {root} [{SUBSETS['laughs']}]>{ROOTS[root]}")

    for name in (None, "rss", "pubmed"):
        with pytest.raises(FeedFormatError):
            read_feed(feed, format=name)


@pytest.mark.parametrize("root", ["rss", "feed"])
def test_an_entity_that_comes_late_expands_to_nothing(tmp_path: Path, root: str) -> None:
    """In broken XML feedparser reads on by itself; definitions behind the root are text to it."""
    feed = tmp_path / "feed.xml"
    late = f"<!DOCTYPE {root} [<!ENTITY x 'EXPANDED'>]>"
    feed.write_text(ROOTS[root].replace(">", ">" + late, 1))
    texts = [paper.title + paper.abstract for paper in read_feed(feed).papers]

    assert [] == [text for text in texts if "EXPANDED" in text]


def test_an_article_without_an_end_is_not_gathered(tmp_path: Path) -> None:
    """100 MB of one abstract in 100 kB: the feed ends at a cap."""
    feed = tmp_path / "feed.xml.gz"
    begun = PUBMED.replace("&x;", "12").partition(" terns")[0].encode()
    with gzip.open(feed, "wb", compresslevel=1) as file:
        file.write(begun)
        for _ in range(100):
            file.write(b" " * (1 << 20))

    with pytest.raises(FeedTooLarge, match="without the end of an article"):
        read_feed(feed)
