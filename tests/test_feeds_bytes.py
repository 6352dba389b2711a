"""Files, encodings and compressed feeds: what is read, and what is refused with which words."""

import gzip
import io
import os

import pytest

from extract.errors import InputError
from extract.feeds import (
    FeedBytesError,
    FeedError,
    FeedFormatError,
    FeedPathError,
    FeedTooLarge,
    read_feed,
)

TABLE = "title,abstract\nCafé,Naïve “quotes” €3\n"
WESTERN = "title,abstract\nCafé,Naïve “quotes” here\n"


def read(path, content, **options):
    path.write_bytes(content)
    feed = read_feed(path, **options)
    return [(paper.title, paper.abstract) for paper in feed.papers], feed.problems


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"],
)
def test_unicode_is_read_with_and_without_marks(tmp_path, encoding):
    """UTF-16 without a mark is told by its NULs."""
    papers, problems = read(tmp_path / "feed.csv", TABLE.encode(encoding))

    assert (papers, problems) == ([("Café", "Naïve “quotes” €3")], [])


def test_windows_1252_is_read_and_noted(tmp_path):
    """The note names the line where it begins."""
    papers, problems = read(tmp_path / "feed.csv", WESTERN.encode("cp1252"))

    assert papers == [("Café", "Naïve “quotes” here")]
    assert [(problem.location, problem.reason) for problem in problems] == [("line 2", "encoding")]


def test_one_stray_byte_does_not_spoil_a_utf_8_feed(tmp_path):
    """Only the bytes that are not UTF-8 are read otherwise."""
    papers, _ = read(tmp_path / "feed.csv", "title,abstract\nCafé,Na".encode() + b"\xefve\n")

    assert papers == [("Café", "Naïve")]


def test_an_encoding_that_nobody_knows_is_refused(tmp_path):
    """Mojibake in the database would be worse."""
    content = ("title,abstract\n" + "日本語の要約です。" * 20 + "\n").encode("shift-jis")

    with pytest.raises(FeedBytesError, match="neither UTF-8") as caught:
        read(tmp_path / "feed.csv", content)
    assert "iconv" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \n\n", "empty"),
        (bytes(range(256)) * 8, "binary"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"%PDF-1.7 rest", "a PDF"),
        (gzip.compress(gzip.compress(b"x", mtime=0), mtime=0), "gzip inside gzip"),
        (b"\x1f\x8b\x08\x20" + bytes(20), "encrypted"),
        (b"\x1f\x8b\x08\x00" + bytes(20), "gzip data is broken"),
        (b"PAR1 but no table", "broken Parquet"),
        (b"<!DOCTYPE html><html><body>Papers</body></html>", "a web page"),
        (b"<opml version='1'/>", "unknown root <opml>"),
        (b"just a word", "unknown format"),
        (b"title,year\nX,2020\n", "unknown format"),
        (b"{broken", "no JSON"),
        (b"title,abstract\n", "no papers found"),
    ],
)
def test_what_is_no_feed_is_refused_by_name(tmp_path, content, words):
    """Each error says what the file is, and what to do now."""
    with pytest.raises(FeedError, match=words) as caught:
        read(tmp_path / "feed", content)

    assert caught.value.exit_code == 2
    assert str(tmp_path / "feed") in str(caught.value)
    assert caught.value.hint
    assert isinstance(caught.value, InputError)


def test_a_missing_file_is_refused(tmp_path):
    """The hint says whether the folder is there."""
    with pytest.raises(FeedPathError, match="no such file") as caught:
        read_feed(tmp_path / "none.txt")

    assert f"the folder {tmp_path} exists" in caught.value.hint


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (".", "a folder"),
        ("/dev/zero", "not a plain file"),
        ("https://example.org/feed", "a URL"),
        ("file:///etc/passwd", "a URL"),
        ("nul\0byte", "no file name"),
    ],
)
def test_what_is_no_plain_file_is_refused(path, words):
    """Devices never end, and URLs are fetched by others."""
    with pytest.raises(FeedPathError, match=words):
        read_feed(path)


def test_a_named_pipe_is_refused_at_once(tmp_path):
    """To open it would wait for a writer that may never come."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(FeedPathError, match="pipe") as caught:
        read_feed(tmp_path / "pipe")
    assert "standard input" in caught.value.hint


def test_a_format_that_does_not_exist_is_refused(tmp_path):
    """The hint lists those that do."""
    with pytest.raises(FeedFormatError, match="no format 'docx'") as caught:
        read(tmp_path / "feed", TABLE.encode(), format="docx")

    assert "bibtex" in caught.value.hint


def test_a_column_that_does_not_exist_is_refused(tmp_path):
    """The hint lists those that do."""
    with pytest.raises(FeedFormatError, match="no column 'Kurz'") as caught:
        read(tmp_path / "feed.csv", TABLE.encode(), columns={"abstract": "Kurz"})

    assert "title, abstract" in caught.value.hint


def test_a_table_without_abstracts_names_its_columns(tmp_path):
    """The next step is to say which column holds them."""
    with pytest.raises(FeedFormatError, match="known to hold abstracts: title, text") as caught:
        read(tmp_path / "feed.csv", b"title,text\nX,We propose X.\n")

    assert "--columns abstract=" in caught.value.hint


def test_gzip_is_unpacked_whatever_the_name(tmp_path):
    """The first bytes tell."""
    papers, _ = read(tmp_path / "feed.csv", gzip.compress(TABLE.encode()))

    assert papers == [("Café", "Naïve “quotes” €3")]


def test_a_gzip_bomb_is_stopped_at_its_limit(tmp_path):
    """A hundred megabytes of one line are not unpacked."""
    bomb = gzip.compress(b"title,abstract\nX," + b"a" * 100_000_000)

    with pytest.raises(FeedTooLarge, match="unpacks to more than 10,000,000 bytes"):
        read(tmp_path / "feed.csv.gz", bomb, max_bytes=10_000_000)


def test_a_feed_cut_off_in_its_middle_keeps_its_beginning(tmp_path):
    """What was read is papers; that the rest is missing is a problem."""
    rows = "".join(f"{n},We propose {n} and {os.urandom(40).hex()}.\n" for n in range(20_000))
    packed = gzip.compress(("title,abstract\n" + rows).encode())
    papers, problems = read(tmp_path / "feed.csv.gz", packed[: len(packed) // 2])

    assert 5_000 < len(papers) < 15_000
    assert problems[-1].reason == "truncated"
    assert "gzip data is broken or cut off" in problems[-1].message


def test_a_dash_is_standard_input(monkeypatch):
    """The format is found by the content."""
    stdin = io.TextIOWrapper(io.BytesIO(TABLE.encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    feed = read_feed("-")

    assert (feed.source, feed.format) == ("standard input", "csv")
    assert [paper.title for paper in feed.papers] == ["Café"]
    assert not stdin.buffer.closed
