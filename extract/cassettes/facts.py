"""The facts that recordings say, for a comparison: without the prompt that asked for them.

A recording is read by what it is about, and not by its key: it may answer a prompt that nobody
has any more. Where it holds no text, or joins its sentences otherwise than the paper did, the
text comes from a feed or from the other side of the comparison.

Not here: replaying, where the question has to be the very same (`session`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extract.cassettes.cassette import Cassette, request_part
from extract.cassettes.extracting import facts_of
from extract.cassettes.folder import Cassettes
from extract.cassettes.playing import NoLongerValid, played
from extract.completion import Failure
from extract.errors import InputError
from extract.models import curves_for
from extract.papers import Paper
from extract.recipe import Recipe
from extract.task import Task
from extract.todo import Todo, prepare

Texts = Mapping[str, Paper]

_RECORDING = re.compile(r"k\d+-[0-9a-f]{32}")
_OPENING = b'{"format"'


def recorded_facts(
    path: Path, task: Task, texts: Texts, wanted: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the papers of the recordings at *path* with their facts, by paper id.

    *wanted* may name a model and a prompt, or their beginnings. A paper whose recording is a
    failure is left out. Raises `InputError` where a text is not known or a paper comes twice.
    """
    cassettes = Cassettes(path)
    papers: dict[str, dict[str, Any]] = {}
    for key in cassettes.unplayed():
        cassette = cassettes.get(key)
        if cassette is None or not _is_wanted(cassette, task, wanted):
            continue
        paper_id = cassette.paper.id
        if paper_id in papers:
            raise InputError(
                f"{path} has several recordings about paper {paper_id}",
                hint=f"Pick those of one model or prompt: {path}@model=NAME,prompt=VERSION.",
            )
        if (facts := _facts(cassette, task, texts, cassettes.place(key))) is not None:
            papers[paper_id] = facts
    if not papers:
        raise InputError(
            f"{path} has no recorded answers of the task {task.name} that fit",
            hint=_what_is_there(cassettes),
        )
    return papers


def is_recorded(path: Path) -> bool:
    """True where *path* is a file of recordings, or a folder that has some."""
    if path.is_dir():
        return any(is_recorded(file) for file in path.iterdir() if file.is_file())
    if path.suffix == ".json":
        return bool(_RECORDING.fullmatch(path.stem))
    if path.suffix != ".jsonl":
        return False
    with path.open("rb") as file:
        return file.read(len(_OPENING)) == _OPENING


def _what_is_there(cassettes: Cassettes) -> str:
    """Say what a place has recordings of, so that a name can be picked."""
    asked = [cassette.request for cassette in cassettes.readable()]
    has = sorted({f"task {a.task}, model {a.model}, prompt {a.prompt_version}" for a in asked})
    return (
        f"It has: {'; '.join(has)}. A task of your own is named with --task FOLDER."
        if has
        else "None of its files is a recording that can be read."
    )


def _is_wanted(cassette: Cassette, task: Task, wanted: Mapping[str, str]) -> bool:
    asked = cassette.request
    return (
        asked.task == task.name
        and asked.model.startswith(wanted.get("model", ""))
        and asked.prompt_version.startswith(wanted.get("prompt", ""))
    )


def _facts(cassette: Cassette, task: Task, texts: Texts, place: str) -> dict[str, Any] | None:
    """Return the paper with its facts, None where the recording is a failure."""
    form, _, mode = cassette.request.wire.partition("/")
    asked = cassette.request
    curves = curves_for(asked.model_id, task.name)
    recipe = Recipe(task, asked.model, asked.model_id, form, mode, calibration=curves)
    todo = _todo(cassette, recipe, texts, place)
    try:
        outcome = played(cassette, todo, recipe)
    except NoLongerValid as error:
        hint = "It was asked under another schema, or the library checks otherwise by now."
        if todo.paper is not texts.get(todo.paper.paper_id):
            hint = (
                "If the paper has LaTeX, which no model is shown: name the feed that was recorded"
                f" with --feed. Else: {hint[0].lower()}{hint[1:]}"
            )
        raise InputError(
            f"{place}: the recorded answer is none any more: {error}",
            hint=f"{hint} Record it anew.",
        ) from None
    if isinstance(outcome, Failure):
        return None
    facts = facts_of(todo, outcome, recipe)
    del facts["ungrounded"]
    return facts


def _todo(cassette: Cassette, recipe: Recipe, texts: Texts, place: str) -> Todo:
    """Return the paper that was recorded, its text the very one that was asked about."""
    paper_id, sentences = cassette.paper.id, cassette.request.sentences
    candidates = [texts[paper_id]] if paper_id in texts else []
    if cassette.has_text:
        shown_title, *rest = map(str, sentences)
        title, abstract = cassette.paper.title, cassette.paper.abstract
        candidates.append(Paper(paper_id, title or shown_title, abstract or " ".join(rest)))
    for paper in candidates:
        todo = prepare(paper, recipe)
        if request_part(todo, with_text=cassette.has_text).sentences == sentences:
            return todo
    problem = (
        "holds no text, and the paper's text is not known"
        if not candidates
        else "is about another text than the one that is known of the paper"
    )
    raise InputError(
        f"{place} {problem}: {paper_id}", hint="Name the feed that was recorded with --feed."
    )
