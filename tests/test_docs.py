"""What the documents say of tables, files and commands is so."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from extract.cli import COMMANDS
from extract.store.database import Database
from extract.store.layout import TABLES, fact_columns
from extract.tasks import load_task

ROOT = Path(__file__).parent.parent
DOCUMENTS = ["README.md", "CHANGELOG.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]


def documented() -> dict[str, dict[str, str]]:
    """Return the columns of each section of docs/tables.md, with their types."""
    text = (ROOT / "docs/tables.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    rows = re.compile(r"^\| `(\w+)` \| (\S+) \| \S.* \|$", re.MULTILINE)
    return {section.split("\n", 1)[0]: dict(rows.findall(section)) for section in sections}


def built(path: Path) -> dict[str, dict[str, str]]:
    """Return the columns of the tables and views of a new database."""
    task = load_task()
    expected = {name: columns for name, (columns, _) in TABLES.items()}
    expected |= {kind.name: fact_columns(kind) for kind in task.kinds}
    Database(path, task).prepare()
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute(
            "select table_name, column_name, data_type from duckdb_columns()"
            " where schema_name = 'main' and not internal order by table_name, column_index"
        ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, column, type_ in rows:
        found.setdefault(table, {})[column] = type_
    return found | expected


def test_every_table_and_column_is_documented_and_none_is_invented(tmp_path: Path) -> None:
    """docs/tables.md has a section for each table and view, and a row for each column."""
    assert built(tmp_path / "papers.duckdb") == documented()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files(document: str) -> None:
    """A link inside the repository has something at its other end."""
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    inside = [link for link in links if link and "://" not in link]

    assert [] == [link for link in inside if not (ROOT / document).parent.joinpath(link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_that_are_mentioned_exist(document: str) -> None:
    """In code, the word after `paperfacts` is a command."""
    text = (ROOT / document).read_text(encoding="utf-8")
    code = re.findall(r"```.*?```|`[^`\n]+`", text, flags=re.DOTALL)
    named = {word for each in code for word in re.findall(r"\bpaperfacts ([a-z]\w*)", each)}

    assert set() == named - set(COMMANDS)


def test_every_fault_has_a_row_and_every_test_of_a_fault_is_named() -> None:
    """docs/reliability.md has the 56 faults in order, and leaves out no file of tests/faults."""
    text = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", text, flags=re.MULTILINE)]
    tests = {path.name for path in (ROOT / "tests/faults").glob("test_row*.py")}

    assert list(range(1, 57)) == numbers
    assert set() == tests - set(re.findall(r"\[(test_row\w+\.py)\]", text))
    assert "| open |" not in text
