"""The real digest, from recorded answers. Its text is not ours to publish: it comes from the feed.

`sh fixtures/record.sh trending` makes the recordings, in about a quarter of an hour.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from extract.cassettes.testing import Recordings

ROOT = Path(__file__).parent.parent
TRENDING = ROOT.parent / "shared" / "feeds" / "trending.txt"
RECORDED = ROOT / "fixtures" / "recorded" / "test_recorded_trending"


def test_the_digest_gives_the_expected_facts(paperfacts: Recordings) -> None:
    """219 papers and the smaller model, replayed without a word of them in this repository."""
    if not TRENDING.is_file():
        pytest.skip("the feed ../shared/feeds/trending.txt is not there")
    if paperfacts.mode == "replay" and not RECORDED.is_dir():
        pytest.skip("not recorded: sh fixtures/record.sh trending")

    extracted = paperfacts.extract(TRENDING, model="local/smollm2-135m", with_text=False)

    assert 219 == len(extracted.papers) + len(extracted.failed)
    paperfacts.assert_same(extracted)
