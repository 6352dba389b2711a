"""What an import loads: a command that asks no model and opens no database starts at once."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SLOW = {"duckdb", "instructor", "numpy", "openai", "torch", "xllamacpp"}
MODULES = """
import sys
try:
    {code}
except SystemExit:
    pass
sys.stdout.flush()
print("\\n".join(sorted(sys.modules)), file=sys.stderr)
"""


def loaded(code: str) -> set[str]:
    """Return the slow packages that a new Python has loaded after *code*."""
    ran = subprocess.run(
        [sys.executable, "-c", MODULES.format(code=code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return SLOW & {name.partition(".")[0] for name in ran.stderr.split()}


def test_importing_the_package_loads_nothing_slow():
    """`import extract` loads no model's client and no database."""
    assert set() == loaded("import extract")


def test_the_check_sees_what_is_loaded():
    """The check would find a slow package, were it loaded."""
    assert {"xllamacpp"} <= loaded("import xllamacpp")


@pytest.mark.skipif(
    importlib.util.find_spec("extract.cli") is None, reason="needs extract.cli, not written yet"
)
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_loads_nothing_slow(arguments):
    """`paperfacts --help` and its like load no model's client and no database."""
    code = f"sys.argv[1:] = {arguments!r}; from extract.cli import main; main()"

    assert set() == loaded(code)
