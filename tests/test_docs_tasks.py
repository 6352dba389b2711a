"""The example of docs/tasks.md is a task."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from extract.task import FieldType
from extract.tasks import load_task

TEXT = (Path(__file__).parent.parent / "docs/tasks.md").read_text(encoding="utf-8")


def test_the_example_loads(tmp_path: Path) -> None:
    """Its lists come in the order of the file, with what each is asked per."""
    [example] = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
    (tmp_path / "schema.yaml").write_text(example, encoding="utf-8")

    task = load_task(str(tmp_path))

    assert "arms" == task.name
    assert [("drugs", None), ("doses", "quantity"), ("outcomes", "sentence")] == [
        (kind.name, kind.per) for kind in task.kinds
    ]


def test_every_type_is_documented() -> None:
    """The table of types leaves none out."""
    rows = "".join(re.findall(r"^\| (`.*?) \|", TEXT, flags=re.MULTILINE))

    assert set(get_args(FieldType)) == set(re.findall(r"`(\w+)`", rows))
