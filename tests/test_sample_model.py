"""The embedded model turns the sample into facts, with nothing set up but the weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from extract.errors import ModelError
from extract.local.registry import local_model
from extract.local.weights import ensure_weights
from extract.models import DEFAULT

MAIN = "from extract.cli import main; main()"
ROOT = Path(__file__).parent.parent


@pytest.mark.model
def test_the_embedded_model_finds_facts_in_the_sample(tmp_path: Path) -> None:
    """`paperfacts run` with no model named reads two papers and stores facts of them."""
    try:
        ensure_weights(local_model(DEFAULT.removeprefix("local/")))
    except ModelError as error:
        pytest.skip(f"the weights of {DEFAULT} cannot be had: {error}")

    feed, db = ROOT / "fixtures" / "sample.txt", tmp_path / "papers.duckdb"
    options = ["--limit", "2", "--json", "--db", str(db)]
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "run", str(feed), *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert 0 == done.returncode, done.stderr
    report = json.loads(done.stdout)
    assert (2, 2, []) == (report["papers"], report["asked"], report["failed"])
    assert sum(report["facts"].values()) > 0
