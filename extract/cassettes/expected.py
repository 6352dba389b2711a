"""Expected facts in a file: what the recorded answers said when somebody last looked.

    {"papers": [
     {"id": "sha:0f3a…", "title": "…",
      "methods": [
       {"name": "Tidewater", "role": "proposed", …},
       …

One row a line, so that a change of one fact is a change of one line. `paperfacts diff` reads the
same file. The evidence is left out: it follows from the sentence's number. A paper that failed has
`failed`, the class of its failure, instead of facts; `ungrounded` counts what an answer said
and its paper does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from extract.cassettes.extracting import Extracted
from extract.cassettes.folder import is_recording, shown_path, write_file
from extract.compare import Comparison, compare
from extract.differences import as_text
from extract.errors import InputError
from extract.task import Task

MOST = 60
_AGAIN = "Take it back from version control, or make it anew with: pytest --paperfacts-update"
_NO_LISTS = frozenset({"id", "title", "failed", "ungrounded"})

Paper = dict[str, Any]


def read_expected(path: Path) -> list[Paper]:
    """Return the papers of an expected file; `InputError` says what is wrong with it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{shown_path(path)} is not JSON: {error}", hint=_AGAIN) from None
    except OSError as error:
        words = f"{shown_path(path)} cannot be read: {error.strerror}"
        raise InputError(words, hint=_AGAIN) from None
    papers = document.get("papers") if isinstance(document, dict) else None
    if not isinstance(papers, list) or not all(isinstance(p, dict) and "id" in p for p in papers):
        words = f"{shown_path(path)} holds no list of papers with their ids"
        raise InputError(words, hint=_AGAIN)
    for paper in papers:
        for name in paper.keys() - _NO_LISTS:
            if not _is_rows(paper[name]):
                words = f"{shown_path(path)}, paper {paper['id']}: {name} is no list of rows"
                raise InputError(words, hint=_AGAIN)
    return papers


def uncompared(folder: Path, compared: set[str]) -> list[str]:
    """Return the expected files of *folder* that are none of *compared*, as people type them."""
    found = []
    for path in sorted(folder.glob("*.json")):
        if str(path) in compared or is_recording(path):
            continue
        with suppress(InputError):  # a file of another kind is no business of ours
            read_expected(path)
            found.append(shown_path(path))
    return found


def _is_rows(rows: Any) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def write_expected(path: Path, extracted: Extracted) -> None:
    """Write the facts of *extracted*; without text, no sentence and no title is written."""
    papers = expected_of(extracted)
    entries = [_entry(paper, extracted.task) for paper in papers]
    write_file(path, '{"papers": [\n' + ",\n".join(entries) + "\n]}\n")


def expected_of(extracted: Extracted) -> list[Paper]:
    """Return the papers of *extracted* as they are written."""
    with_text = extracted.with_text
    papers = []
    for paper_id, paper in extracted.papers.items():
        kept: Paper = {"id": paper_id}
        if with_text:
            kept["title"] = paper["title"]
        if ungrounded := extracted.ungrounded.get(paper_id):
            kept["ungrounded"] = dict(ungrounded)
        for kind in extracted.task.kinds:
            # The text of a record without a name is its sentence.
            left_out = {"evidence"} if with_text or kind.key else {"evidence", "text"}
            kept[kind.name] = [
                {name: value for name, value in row.items() if name not in left_out}
                for row in paper[kind.name]
            ]
        papers.append(kept)
    for paper_id, failed in extracted.failed.items():
        title = {"title": failed.title} if with_text else {}
        papers.append({"id": paper_id, **title, "failed": failed.failure.failure_class})
    return papers


def difference(expected: list[Paper], extracted: Extracted) -> str:
    """Return in words what differs from *expected*, empty where nothing does."""
    found = expected_of(extracted)
    comparison = compare_papers(expected, found, extracted.task)
    notes = list(_notes(expected, found))
    if comparison.is_same and not notes:
        return ""
    return "\n".join([as_text(comparison, most=MOST), *notes])


def compare_papers(expected: list[Paper], found: list[Paper], task: Task) -> Comparison:
    """Return the comparison itself; a paper that failed has no facts."""
    return compare({p["id"]: p for p in expected}, {p["id"]: p for p in found}, task)


def _notes(expected: list[Paper], found: list[Paper]) -> Iterator[str]:
    """Yield a line for each paper that fails in another way, or invents more or fewer things."""
    before_of = {paper["id"]: paper for paper in expected}
    for after in found:
        before = before_of.get(after["id"])
        if before is None:
            continue
        who = f"! {after['id']} {str(after.get('title') or '')[:40]}:"
        ways = [p.get("failed", "answered") for p in (before, after)]
        if ways[0] != ways[1]:
            yield f"{who} {ways[0]} -> {ways[1]}"
        counts = [_count(p.get("ungrounded")) for p in (before, after)]
        if counts[0] != counts[1]:
            yield f"{who} not in its text: {counts[0]} -> {counts[1]}"


def _count(ungrounded: Mapping[str, int] | None) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in (ungrounded or {}).items()) or "none"


def _entry(paper: Paper, task: Task) -> str:
    """Return a paper as JSON with one row a line."""
    head = {name: value for name, value in paper.items() if not isinstance(value, list)}
    parts = [json.dumps(head, ensure_ascii=False)[1:-1]]
    for kind in task.kinds:
        if kind.name in paper:
            rows = [json.dumps(row, ensure_ascii=False) for row in paper[kind.name]]
            inside = "[\n   " + ",\n   ".join(rows) + "]" if rows else "[]"
            parts.append(f"{json.dumps(kind.name)}: {inside}")
    return " {" + ",\n  ".join(parts) + "}"
