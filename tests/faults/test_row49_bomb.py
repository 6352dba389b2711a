"""Fault 49: a small answer, or a small feed, that unpacks to a large one."""

import gzip
import resource
from pathlib import Path

import pytest

from extract.feeds import FeedTooLarge, read_feed
from tests.asking_kit import ask
from tests.faults.chaos_server import ChaosServer


def test_an_answer_is_not_unpacked_beyond_its_limit(server: ChaosServer):
    """100 MB in a small body: one call, one row, and no memory for it."""
    ask(server.url("ok"))
    server.routes["warm"] = server.routes["bomb"]
    ask(server.url("warm"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = ask(server.url("bomb"))
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert ["too_large"] == outcome.failure_classes
    assert "the answer is over 8,000,000 bytes" in outcome.only.message
    assert 1 == server.hits["bomb"]
    assert grown_kb < 50_000


def test_a_plain_answer_has_the_same_limit(server: ChaosServer):
    """The limit is for what is read, however it comes."""
    outcome = ask(server.url("ok"), max_response_bytes=100)

    assert ["too_large"] == outcome.failure_classes


@pytest.mark.parametrize(
    ("format", "begun"),
    [
        ("json", '[{"id": "p", "title": "T", "abstract": "'),
        ("rss", "<rss version='2.0'><channel><item><title>T</title><description>"),
        ("pubmed", "<PubmedArticleSet><PubmedArticle><MedlineCitation>"),
        ("bibtex", "@article{p, title = {T}, abstract = {"),
        ("ris", "TY  - JOUR\nTI  - T\nAB  - "),
        ("digest", "T\n\n"),
        ("csv", "title,abstract\nT,"),
        ("jsonl", '{"id": "p", "title": "T", "abstract": "'),
    ],
)
def test_a_feed_is_not_unpacked_beyond_its_limit(tmp_path: Path, format: str, begun: str):
    """64 MB of blanks in 64 kB, in each format: it ends at the limit, and not as a paper."""
    feed = tmp_path / "feed.gz"
    with gzip.open(feed, "wb", compresslevel=1) as file:
        file.write(begun.encode())
        for _ in range(64):
            file.write(b" " * (1 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FeedTooLarge):
        read_feed(feed, format=format, max_bytes=8 << 20)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert grown_kb < 60_000
