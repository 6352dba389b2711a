"""Where a set of facts for a comparison comes from, by the name that a user gives it.

    papers.duckdb                     the current facts of a database
    papers.duckdb@run-5a1b            those that one run derived
    papers.duckdb@model=openai/gpt-5-mini,prompt=facts.json
                                      those of a model, of a prompt version, or of both
    @model=local/smollm2-135m         the same database as on the other side
    expected.jsonl, expected.json     papers with their lists, as in `paperfacts eval`
    results.jsonl, results.json       rows as `paperfacts export results` writes them
    FOLDER                            all such files in it
    RECORDINGS, RECORDINGS@model=X    a folder or a .jsonl file as `paperfacts record` writes it

The beginning of a run, model or prompt is enough where only one begins so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from extract.cassettes.facts import is_recorded, recorded_facts
from extract.compare import Comparison, FactSet, compare
from extract.errors import InputError
from extract.evaluation.goldfile import checked_id, object_of, text_of
from extract.evaluation.plan import scoring_plan
from extract.feeds import read_feed
from extract.papers import Paper
from extract.store.selecting import SELECTORS, selected_facts
from extract.task import Task

SUFFIXES = (".json", ".jsonl")
_FORMS = (
    "Give a database (papers.duckdb, papers.duckdb@model=NAME), a .json or .jsonl file of papers"
    " with their facts, or a folder of such files."
)


def read_sides(
    before: str, after: str, task: Task, *, feed: str | None = None
) -> tuple[FactSet, FactSet]:
    """Return the facts of both sides of a comparison.

    Recordings without text take it from *feed*, else from the other side.
    """
    if after.startswith("@"):
        after = str(_path_and_selector(before)[0]) + after
    texts = _feed_texts(feed) if feed else {}
    found: dict[str, FactSet] = {}
    # The side with the texts is read first.
    for name in sorted({before, after}, key=lambda n: is_recorded(_path_and_selector(n)[0])):
        found[name] = read_facts(name, task, texts)
        texts = _texts_of(found[name]) | texts
    return found[before], found[after]


def read_facts(name: str, task: Task, texts: Mapping[str, Paper] | None = None) -> FactSet:
    """Return the facts that *name* means; *texts* are papers that recordings may be about."""
    path, selector = _path_and_selector(name)
    wanted = _wanted(name, selector)
    if is_recorded(path):
        if "run" in wanted:
            raise InputError(f"{name}: recordings belong to no run", hint="Pick a model or prompt.")
        return recorded_facts(path, task, texts or {}, wanted)
    if path.is_dir() or path.suffix in SUFFIXES:
        if wanted:
            raise InputError(f"{name}: only databases and recordings have parts", hint=_FORMS)
        return _from_files(path, task)
    if path.suffix != ".duckdb" and not _is_database(path):
        raise InputError(f"{path}: neither a database nor a file of facts", hint=_FORMS)
    return selected_facts(path, task, wanted)


def _is_database(path: Path) -> bool:
    """True where a file begins like one of DuckDB's, or cannot be read: the store says why."""
    try:
        with path.open("rb") as file:
            return file.read(12).endswith(b"DUCK")
    except OSError:
        return True


def _feed_texts(feed: str) -> dict[str, Paper]:
    return {paper.paper_id: paper for paper in read_feed(feed).papers}


def _texts_of(papers: FactSet) -> dict[str, Paper]:
    """Return the papers of a set whose whole text it has."""
    return {
        paper_id: Paper(paper_id, paper["title"], paper["abstract"])
        for paper_id, paper in papers.items()
        if paper.get("title") is not None and paper.get("abstract") is not None
    }


def compare_papers(before: FactSet, after: FactSet, task: Task) -> Comparison:
    """Compare two sets; `InputError` where they have no paper in common, for that says nothing."""
    comparison = compare(before, after, task)
    if not comparison.papers:
        named = f"{next(iter(before), 'none')!r} and {next(iter(after), 'none')!r}"
        raise InputError(
            f"no paper is on both sides: the first ones are {named}",
            hint="Papers are known by their ids: extract both sides from the same feed.",
        )
    return comparison


def _path_and_selector(name: str) -> tuple[Path, str | None]:
    """Split at the first @ that follows the name of a file; a whole name that exists is one."""
    if Path(name).exists():
        return Path(name), None
    places = [place for place, character in enumerate(name) if character == "@" and place]
    for place in places:
        if Path(name[:place]).exists():
            return Path(name[:place]), name[place + 1 :]
    file = name[: places[0]] if places else name
    raise InputError(f"there is no file or folder {file}", hint=_FORMS)


def _wanted(name: str, selector: str | None) -> dict[str, str]:
    """Read `model=X,prompt=Y`; a part without a name is a run."""
    wanted: dict[str, str] = {}
    for part in selector.split(",") if selector is not None else ():
        key, is_named, value = part.partition("=")
        key, value = (key.strip(), value.strip()) if is_named else ("run", part.strip())
        if key not in SELECTORS or not value or key in wanted:
            raise InputError(
                f"{name}: {part!r} picks nothing",
                hint="After the @ write run-ID, model=NAME or prompt=VERSION,"
                " each once, with commas between them.",
            )
        wanted[key] = value
    return wanted


def _from_files(path: Path, task: Task) -> FactSet:
    """Return the facts of a file, or of all files of a folder."""
    files = [path]
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES and p.is_file())
    papers: dict[str, dict[str, Any]] = {}
    for file in files:
        for place, entry in _entries(file):
            if "failed" in entry:
                continue  # a paper without an answer has no facts, not even none
            if "paper_id" in entry and "id" not in entry:
                _add_row(papers, task, file, place, entry)
            else:
                _add_paper(papers, task, place, entry)
    if not papers:
        raise InputError(f"{path}: holds no facts", hint=_inside(path) or _FORMS)
    lists = [kind.name for kind in task.kinds]
    if not any(name in paper for paper in papers.values() for name in lists) and all(
        "id" in paper for paper in papers.values()
    ):
        # As a set of facts a feed would say that every paper has none, and nothing could be lost.
        raise InputError(
            f"{path}: none of its papers has a list of the task {task.name}",
            hint=f"A paper has {', '.join(lists)}. A feed has no facts: run it into a database.",
        )
    return papers


def _inside(path: Path) -> str:
    """Name the folders of recordings in a folder that has none itself, as tests keep them."""
    folders = sorted(p for p in path.iterdir() if p.is_dir()) if path.is_dir() else []
    recorded = [str(folder) for folder in folders if is_recorded(folder)]
    return (
        f"Name one of the folders of recordings in it: {', '.join(recorded)}." if recorded else ""
    )


def _entries(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a file, each with the place where it stands."""
    text = text_of(file)
    if file.suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield f"{file}, line {number}", object_of(line, f"{file}, line {number}")
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: not JSON: {error}", hint=_FORMS) from error
    if isinstance(document, dict) and isinstance(document.get("papers"), list):
        document = document["papers"]
    entries = document if isinstance(document, list) else [document]
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise InputError(f"{file}, entry {number}: not an object", hint=_FORMS)
        yield f"{file}, entry {number}", entry


def _add_paper(
    papers: dict[str, dict[str, Any]], task: Task, place: str, entry: dict[str, Any]
) -> None:
    """Take over a paper with its lists; rows from an export may have come before."""
    paper_id = checked_id(entry, scoring_plan(task), place)
    known = papers.setdefault(paper_id, {})
    twice = [k.name for k in task.kinds if known.get(k.name) and k.name in entry]
    if twice or "id" in known:
        raise InputError(
            f"{place}: the facts of paper {paper_id} were given already",
            hint="Every paper stands once in a set of facts.",
        )
    known.update(entry)


def _add_row(
    papers: dict[str, dict[str, Any]], task: Task, file: Path, place: str, entry: dict[str, Any]
) -> None:
    """Take over a row of an exported table, which is called after its file."""
    paper = papers.setdefault(str(entry["paper_id"]), {})
    if file.stem == "papers":
        paper.update({part: entry.get(part) for part in ("title", "abstract", "text_hash")})
        return
    if file.stem not in [kind.name for kind in task.kinds]:
        raise InputError(
            f"{place}: a row of an unknown table",
            hint=f"Call the file after its table: {', '.join(k.name for k in task.kinds)}.",
        )
    if entry.get("alignment") != "missing" and not entry.get("doubtful"):
        paper.setdefault(file.stem, []).append(entry)
