"""Fault 51: a URL for a feed, which could lead into the user's own network.

Only files and standard input are read: there is nothing here that fetches.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.command import called


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/feed.xml",
        "https://127.0.0.1:{port}/feed.xml",
        "HTTP://127.0.0.1:{port}/",
        "ftp://127.0.0.1:{port}/feed",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:{port}/feed",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "s3://bucket/feed.parquet",
        "gs://bucket/feed.parquet",
        "feed://127.0.0.1:{port}/",
    ],
)
def test_a_url_is_refused_with_the_way_to_fetch_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], url: str
) -> None:
    """Exit 2, no connection, no file."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = url.replace("{port}", str(listener.getsockname()[1]))
        code = called("run", url)
        listener.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listener.accept()

    said = capfd.readouterr().err
    assert 2 == code
    assert "this is a URL, not a file" in said
    assert "Fetch it first: curl -o feed " in said
    assert [] == list(tmp_path.iterdir())


def test_a_file_named_like_a_url_of_a_bucket_is_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Parquet is read by its name, and DuckDB would know what `s3://` means."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:" / "bucket").mkdir(parents=True)
    (tmp_path / "s3:" / "bucket" / "feed.parquet").write_bytes(b"PAR1")

    assert 2 == called("run", "s3://bucket/feed.parquet")
    assert "this is a URL, not a file" in capfd.readouterr().err


def test_no_link_inside_a_feed_is_followed(tmp_path: Path) -> None:
    """A feed's links, images and stylesheets are text."""
    from extract.feeds import read_feed

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        feed = tmp_path / "feed.xml"
        feed.write_text(
            f"<?xml version='1.0'?><?xml-stylesheet href='{url}'?><rss version='2.0'><channel>"
            f"<link>{url}</link><item><title>T</title><link>{url}</link><enclosure url='{url}'/>"
            f"<description>We show 12 terns. &lt;img src='{url}'&gt;</description></item>"
            "</channel></rss>"
        )
        [paper] = read_feed(feed).papers
        listener.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listener.accept()

    assert url == paper.url
