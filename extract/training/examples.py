"""Annotated abstracts as training examples: what the model is shown, and what it should write.

Annotations are in the format of `paperfacts eval`: one JSON object a line with `id`, `title`,
`abstract` and one list per record kind. The example's two halves come from the same prompt and
the same wire format as a run's, so that training and use cannot drift apart.

Not here: the training itself (`extract.training.lora`).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.evaluation import goldfile
from extract.papers import Paper
from extract.shown import ShownPaper, show
from extract.task import Task
from extract.wire import CompactWire

Annotation = Mapping[str, Any]


@dataclass(frozen=True)
class Example:
    """One training example: the paper's numbered sentences and the answer in the wire format."""

    paper_id: str
    shown: str
    answer: str


def read_annotations(path: Path, task: Task) -> list[Annotation]:
    """Return the annotations in *path*, each with its text and every list of the task."""
    return list(goldfile.read_annotations(path, task, is_complete=True).values())


def as_paper(annotation: Annotation) -> Paper:
    """Return the annotated paper without its annotations."""
    return Paper(
        paper_id=str(annotation["id"]), title=annotation["title"], abstract=annotation["abstract"]
    )


def example(task: Task, annotation: Annotation) -> Example:
    """Return the training example of one annotated abstract.

    Raises `InputError` where a record lacks what the answer needs.
    """
    shown = show(as_paper(annotation))
    try:
        answer = {
            kind.name: [_renumbered(row, annotation, shown) for row in annotation[kind.name]]
            for kind in task.kinds
        }
        written = CompactWire(task).encode(answer, shown)
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"the annotation of {annotation['id']} cannot be made an example: "
            f"{type(error).__name__}: {error}",
            hint="Records need the fields of the schema, and choices the words it allows.",
        ) from error
    return Example(str(annotation["id"]), shown.text, written)


def _renumbered(row: Mapping[str, Any], annotation: Annotation, shown: ShownPaper) -> Any:
    """Put a row on our own sentences where the annotation cut the abstract elsewhere."""
    spans = annotation.get("sentences")
    number = row.get("sentence")
    if not spans or not number or number > len(spans):
        return row
    start, end = spans[number - 1]
    overlaps = [
        (min(end, s.origins[-1]) - max(start, s.origins[0]), -s.number) for s in shown.sentences[1:]
    ]
    value = str(row.get("value", ""))
    holding = [
        s.number
        for s, (overlap, _) in zip(shown.sentences[1:], overlaps, strict=True)
        if overlap > 0 and value and value in annotation["abstract"][s.origins[0] : s.origins[-1]]
    ]
    best = holding[0] if holding else -max(overlaps)[1]
    return {**row, "sentence": best}


def with_sentences_dropped(annotation: Annotation, rng: random.Random) -> Annotation:
    """Return the annotation with some sentences left out, and the facts that stood in them.

    It teaches that what is not there is not stated. Needs `sentences`, the spans of the abstract.
    """
    spans = annotation.get("sentences") or []
    if len(spans) < 4:
        return annotation
    dropped = set(rng.sample(range(1, len(spans) + 1), rng.randint(1, max(1, len(spans) // 3))))
    kept = [n for n in range(1, len(spans) + 1) if n not in dropped]
    parts, new_spans, abstract = {}, [], ""
    for n in kept:
        start, end = spans[n - 1]
        abstract += " " if abstract else ""
        new_spans.append([len(abstract), len(abstract) + end - start])
        abstract += annotation["abstract"][start:end]
        parts[n] = len(new_spans)
    text = annotation["title"] + "\n" + abstract
    parts[0] = 0
    result = {**annotation, "abstract": abstract, "sentences": new_spans}
    for key, rows in annotation.items():
        if isinstance(rows, list) and rows and isinstance(rows[0], dict):
            result[key] = list(_surviving(rows, parts, text))
    return result


def _surviving(
    rows: Iterable[Mapping[str, Any]], parts: Mapping[int, int], text: str
) -> Iterable[Mapping[str, Any]]:
    """Keep the rows whose sentence and whose words are still there."""
    for row in rows:
        if "sentence" in row:
            if row["sentence"] not in parts:
                continue
            row = {**row, "sentence": parts[row["sentence"]]}
        names = [n for n in (row.get("name"), *(row.get("aliases") or ())) if n]
        if names:
            standing = [n for n in names if n in text]
            if not standing:
                continue
            row = {**row, "name": standing[0], "aliases": standing[1:]}
        yield {
            key: (
                None
                if key in ("dataset", "method", "baseline", "metric")
                and value
                and value not in text
                else value
            )
            for key, value in row.items()
        }


def fold_of(paper_id: str, folds: int) -> int:
    """Return the fold of a paper, by its id alone: the same on every machine and in any order."""
    digest = hashlib.blake2b(str(paper_id).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % folds
