"""Fault 40: a file that runs code when it is read.

Recordings and fixtures are JSON. YAML is read for one thing, the schema of a task, and with a
loader that knows no tags; nothing is unpickled.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.command import ROOT, called

FEED = ROOT / "fixtures" / "sample.txt"
SCHEMA = """\
records:
  things:
    fields:
      name: verbatim
      sentence: sentence
"""


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {made}']",
        "!!python/object/new:os.system ['touch {made}']",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/object/apply:subprocess.check_output [[touch, '{made}']]",
    ],
)
@pytest.mark.parametrize("where", ["task: {tag}\n" + SCHEMA, SCHEMA + "      other: {tag}\n"])
def test_a_tag_of_python_is_refused_and_not_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], tag: str, where: str
) -> None:
    """Exit 2 with the line, and nothing was touched."""
    folder = tmp_path / "task"
    folder.mkdir()
    made = tmp_path / "made"
    text = where.replace("{tag}", tag.replace("{made}", str(made)))
    (folder / "schema.yaml").write_text(text)
    code = called("run", FEED, "--task", folder, "--db", tmp_path / "papers.duckdb")

    said = capfd.readouterr().err
    assert 2 == code
    assert f"{folder / 'schema.yaml'}, line" in said
    assert "could not determine a constructor for the tag" in said
    assert ["task"] == [path.name for path in tmp_path.iterdir()]


def test_no_module_of_ours_can_run_what_it_reads() -> None:
    """No pickle, no eval, no shell; YAML with the safe loader; `exec` for trusted tasks alone."""
    found = {}
    for path in (ROOT / "extract").rglob("*.py"):
        if calls := sorted(_dangers(ast.parse(path.read_text(encoding="utf-8")))):
            found[path.relative_to(ROOT).as_posix()] = calls

    assert {
        "extract/tasks.py": ["exec"],
        "extract/taskyaml.py": ["yaml.load Loader=_DistinctLoader"],
    } == found


def _dangers(tree: ast.AST) -> set[str]:
    """Return the calls and imports of *tree* that may run what they are given."""
    dangers = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
            dangers |= {"marshal", "shelve", "dill", "jinja2"} & set(names)
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        keywords = {key.arg: ast.unparse(key.value) for key in node.keywords}
        if called in {
            "eval",
            "exec",
            "os.system",
            "os.popen",
            "yaml.unsafe_load",
            "pickle.load",
            "pickle.loads",
        }:
            dangers.add(called)
        if called == "yaml.load":
            dangers.add(f"yaml.load Loader={keywords.get('Loader')}")
        if called == "torch.load" and keywords.get("weights_only") != "True":
            dangers.add(called)
        if keywords.get("shell") == "True":
            dangers.add(f"{called} shell=True")
    return dangers
