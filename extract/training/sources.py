"""Where annotations come from: files of them, or what a database's own models answered.

The second is distillation: a large model has read a feed, and the small one learns from it. Only
current answers to the schema as it is now are taken, and of those the records that stand in
the text: a name that is not there cannot be written under the grammar, so it is not taught.

Not here: what an example looks like (`examples`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from extract.errors import InputError
from extract.papers import Paper
from extract.sentences import split_sentences
from extract.shown import ShownPaper, clean, show
from extract.task import RecordKind, Task
from extract.training.config import TrainingConfig
from extract.training.examples import Annotation, fold_of, read_annotations
from extract.wire import CompactWire, WireError

ANSWERED = """
select p.paper_id, p.title, p.abstract, c.wire, c.content
from current_extractions as u
join extractions as e on e.extraction_id = u.extraction_id
join completions as c on c.completion_key = e.completion_key
join papers as p on p.paper_id = u.paper_id
where u.task = ? and c.status = 'ok' and c.task_version = ? and e.text_hash = p.text_hash
order by p.paper_id
"""

Row = Mapping[str, Any]


def all_annotations(config: TrainingConfig, folder: Path, task: Task) -> list[Annotation]:
    """Return the annotations that a config in *folder* names, each paper once.

    Raises `InputError` where a source cannot be read, a paper comes twice, or there are none.
    """
    found: dict[str, Annotation] = {}
    for name in (*config.annotations, *config.databases):
        path = folder / name
        is_file = name in config.annotations
        own = read_annotations(path, task) if is_file else annotations_of_database(path, task)
        for annotation in own:
            paper_id = str(annotation["id"])
            if paper_id in found:
                raise InputError(
                    f"{path}: paper {paper_id} is annotated twice",
                    hint="Keep one of the two: one of them would undo what the other teaches.",
                )
            found[paper_id] = annotation
    if not found:
        raise InputError(
            "there is nothing to train on",
            hint="Name files in `annotations`, or databases in `databases`.",
        )
    return list(found.values())


def without_fold(
    annotations: Sequence[Annotation], config: TrainingConfig
) -> tuple[list[Annotation], list[Annotation]]:
    """Return what is trained on and what is held out."""
    trained: list[Annotation] = []
    held_out: list[Annotation] = []
    for annotation in annotations:
        is_held_out = fold_of(str(annotation["id"]), config.folds) == config.hold_out
        (held_out if is_held_out else trained).append(annotation)
    if not trained:
        raise InputError("all papers are held out", hint="Set hold_out to another fold, or -1.")
    return trained, held_out


def digest_of(annotations: Sequence[Annotation]) -> str:
    """Return a hash of all that is trained on, in its order."""
    canonical = json.dumps(annotations, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def annotations_of_database(path: Path, task: Task) -> list[Annotation]:
    """Return what a database's current answers state, as annotations."""
    from extract.store.connection import connected

    if not path.is_file():
        raise InputError(f"there is no database {path}")
    with connected(path) as connection:
        cursor = connection.execute(ANSWERED, [task.name, task.version])
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if not rows:
        raise InputError(
            f"{path} has no current answers for this version of the task {task.name}",
            hint="Run paperfacts on a feed with the model that is to be learned from.",
        )
    return annotations_of_answers(rows, task)


def annotations_of_answers(rows: Iterable[Row], task: Task) -> list[Annotation]:
    """Return annotations of rows with paper_id, title, abstract, wire and content."""
    annotations: list[Annotation] = []
    for row in rows:
        paper = Paper(paper_id=row["paper_id"], title=row["title"], abstract=row["abstract"])
        shown = show(paper)
        answer = _answer(row, shown, task)
        annotation: dict[str, Any] = {
            "id": paper.paper_id,
            "title": paper.title,
            "abstract": paper.abstract,
            "sentences": [list(span) for span in split_sentences(paper.abstract)],
        }
        for kind in task.kinds:
            stated = (_stated(kind, record, shown) for record in answer[kind.name])
            annotation[kind.name] = [record for record in stated if record is not None]
        annotations.append(annotation)
    return annotations


def _answer(row: Row, shown: ShownPaper, task: Task) -> dict[str, list[dict[str, Any]]]:
    """Return the records of one answer, whichever form it was written in."""
    try:
        if row["wire"].startswith("compact"):
            raw: Any = CompactWire(task).decode(row["content"], shown)
            answer = task.answer.model_validate(raw)
        else:
            answer = task.answer.model_validate_json(row["content"])
    except (WireError, ValidationError) as error:
        raise InputError(
            f"the kept answer about {row['paper_id']} cannot be read any more: {error}",
            hint="Run paperfacts on its feed again; what is out of date is asked anew.",
        ) from error
    return answer.model_dump(mode="python")


def _stated(kind: RecordKind, record: Row, shown: ShownPaper) -> Row | None:
    """Return the record without what is not in the text; None where its key or sentence is not."""
    assert kind.sentence is not None
    sentence = record[kind.sentence.name]
    if not 0 <= sentence < len(shown.sentences):
        return None
    kept = dict(record)
    for f in kind.fields:
        value = record[f.name] if f.type in ("verbatim", "ref", "quantity") else None
        if value is not None and shown.locate(clean(value), sentence) is None:
            if f is kind.key or f.required:
                return None
            kept[f.name] = None
    return kept
