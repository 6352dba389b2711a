"""Whatever the bytes, a reader gives a Feed or a FeedError, and ends.

The run by default is short and always the same. A long one with new examples each time:

    FUZZ_EXAMPLES=2000 pytest tests/test_feeds_fuzz.py
"""

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.feeds import FeedError, read_feed
from extract.feeds.formats import READERS

SAMPLES = sorted(
    path
    for path in (Path(__file__).parent.parent / "fixtures" / "feeds").iterdir()
    if path.name not in {"README.md", "expected.json"}
)
FORMATS = sorted(READERS)
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
#: Pieces that mean something to some parser.
TOKENS = (
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b'"',
    b"\r",
    b"\n\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b"<",
    b">",
    b"&#0;",
    b"&x;",
    b"]]>",
    b"<!--",
    b"<![CDATA[",
    b"<!DOCTYPE a [<!ENTITY x 'y'>]>",
    b"<?xml version='1.0' encoding='utf-7'?>",
    b"\nER  - \n",
    b"\nTY  - \n",
    b"@article{",
    b"\\",
    b"$",
    b"1e999",
    b"-1",
    b"9" * 5000,
    b"null",
    b"\\ud800",
    b"{" * 3000,
    b"[" * 3000,
    b"<a>" * 500,
    b"\xc3",
    b",",
    b"\t",
)


def bounded(examples: int) -> settings:
    """Return the settings of a property: so many examples, or those that were asked for."""
    return settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def drain(path: Path, name: str | None = None) -> None:
    """Read the feed to its end; what it stores must be fit to be stored."""
    try:
        feed = read_feed(path, format=name, max_bytes=1 << 20)
        papers = list(feed.papers)
    except FeedError as error:
        told = (str(path) in str(error), bool(error.hint))
        assert told == (True, True)
        return

    assert papers
    for paper in papers:
        assert paper.paper_id
        assert paper.abstract
        json.dumps([paper.title, paper.abstract, paper.paper_id, *paper.authors]).encode()
        "".join(map(str, (paper.title, paper.abstract, paper.url, paper.venue, paper.ids))).encode()


@pytest.mark.parametrize("name", [None, *FORMATS])
@bounded(20)
@given(content=st.binary(max_size=400))
def test_arbitrary_bytes_give_a_feed_or_a_feed_error(tmp_path, name, content):
    """No bytes make a reader raise anything but a FeedError."""
    path = tmp_path / "feed"
    path.write_bytes(content)

    drain(path, name)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
@bounded(25)
@given(
    changes=st.lists(
        st.tuples(
            st.floats(0, 1), st.sampled_from(TOKENS) | st.binary(max_size=6), st.integers(0, 60)
        ),
        min_size=1,
        max_size=6,
    ),
    is_gzip=st.booleans(),
)
def test_damaged_samples_give_a_feed_or_a_feed_error(tmp_path, sample, changes, is_gzip):
    """Cut out or pasted in anywhere, broken bytes are problems or a FeedError."""
    content = bytearray(sample.read_bytes())
    for place, pasted, cut in changes:
        at = int(place * len(content))
        content[at : at + cut] = pasted
    path = tmp_path / ("feed" + sample.suffix)
    path.write_bytes(gzip.compress(bytes(content), 1) if is_gzip else bytes(content))

    drain(path)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("name", FORMATS)
def test_a_sample_read_as_another_format_gives_a_feed_or_a_feed_error(sample, name):
    """A wrong --format is an error that can be read."""
    drain(sample, name)


KEYS = (
    "title",
    "abstract",
    "id",
    "url",
    "published",
    "authors",
    "venue",
    "doi",
    "DOI",
    "arxiv",
    "pmid",
    "ids",
    "paper",
    "summary",
    "publishedAt",
    "abstract_inverted_index",
    "primary_location",
    "authorships",
    "publication_year",
    "paperId",
    "externalIds",
    "year",
    "author",
    "issued",
    "container-title",
    "authors_parsed",
    "versions",
    "update_date",
    "categories",
    "results",
    "items",
    "data",
    "message",
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@bounded(100)
@given(
    records=st.lists(
        st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=9), min_size=1, max_size=4
    )
)
def test_records_of_any_shape_give_a_feed_or_a_feed_error(tmp_path, records):
    """A known key may hold any value."""
    path = tmp_path / "feed.json"
    path.write_text(json.dumps(records))

    drain(path)
