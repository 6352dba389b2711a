"""A gold file is read, or the line that is wrong is named."""

import json
from pathlib import Path

import pytest

from extract.errors import InputError
from extract.evaluation import parse_annotations, read_annotations
from extract.schemas.facts import ANSWER
from extract.task import describe

TASK = describe("facts", ANSWER)


def test_ids_are_compared_as_strings() -> None:
    """A gold file with numbers meets predictions with strings."""
    assert ["12", "b"] == list(parse_annotations(['{"id": 12}', "", '{"id": "b"}'], TASK))


def test_a_line_separator_inside_a_text_ends_no_line(tmp_path: Path) -> None:
    """JSON may hold U+2028 as it is; only a newline ends a record."""
    path = tmp_path / "gold.jsonl"
    path.write_text('{"id": 1, "title": "a\u2028b"}\n', encoding="utf-8")

    assert "a\u2028b" == read_annotations(path, TASK)["1"]["title"]


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "expected an object, got list"),
        ('{"methods": []}', "the paper has no id"),
        ('{"id": 1}\n{"id": 1}', "line 2: id 1 stands already on line 1"),
        ({"id": 1, "title": 3}, "title is not a string"),
        ({"id": 1, "abstract": "a b", "sentences": [[0, 9]]}, r"sentence 1 \[0, 9\]"),
        ({"id": 1, "sentences": [[0, 3], [2, 5]]}, r"sentence 2 \[2, 5\]"),
        ({"id": 1, "sentences": ["all"]}, "sentence 1 is not"),
        ({"id": 1, "claims": {}}, "claims is not a list"),
        ({"id": 1, "claims": [{"type": "result"}]}, "claims, record 1: has no sentence"),
        ({"id": 1, "methods": ["BERT"]}, "methods, record 1: expected an object, got str"),
        ({"id": 1, "methods": [{"role": "other"}]}, "record 1: name is not a string: None"),
        ({"id": 1, "methods": [{"name": "A", "aliases": "B"}]}, "aliases is not a list of strings"),
        ({"id": 1, "results": [{"value": 95.9}]}, "record 1: value is not a string: 95.9"),
        ({"id": 1, "results": [{"value": "1", "metric": 3}]}, "metric is not a string: 3"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(annotation: object, said: str) -> None:
    """Every message names the file's line and the record."""
    text = annotation if isinstance(annotation, str) else json.dumps(annotation)

    with pytest.raises(InputError, match=rf"gold, line \d.*{said}|gold, {said}"):
        parse_annotations(text.split("\n"), TASK, where="gold")


def test_a_file_that_is_not_there_is_named() -> None:
    """The path stands in the message."""
    with pytest.raises(InputError, match="nowhere.jsonl: there is no such file"):
        read_annotations(Path("nowhere.jsonl"), TASK)


def test_a_file_that_is_not_utf8_is_an_input_error(tmp_path: Path) -> None:
    """The byte where it goes wrong is told."""
    path = tmp_path / "gold.jsonl"
    path.write_bytes(b'{"id": "\xff"}')

    with pytest.raises(InputError, match="not UTF-8, at byte 8"):
        read_annotations(path, TASK)


def test_an_empty_file_is_an_input_error(tmp_path: Path) -> None:
    """No annotations are no reason for figures of zero."""
    path = tmp_path / "gold.jsonl"
    path.write_text("\n\n")

    with pytest.raises(InputError, match="holds no annotations"):
        read_annotations(path, TASK)
