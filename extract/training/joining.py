"""Labels that were published without their texts, put beside the texts again.

The abstracts belong to their authors and are not given away with the labels. A label line has the
paper's id and a hash of the text that was annotated: a text that has changed since is refused,
because sentence numbers and names would no longer stand in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from extract.errors import InputError
from extract.grounding import digest


def join_texts(labels: Path, texts: Path, to: Path) -> int:
    """Write the annotated abstracts of *labels* to *to*, and return how many they are.

    *texts* has one JSON object a line with `id`, `title` and `abstract`. Raises `InputError`
    where a text is missing or is not the one that was annotated.
    """
    found = {str(line.get("id")): line for line in _lines(texts)}
    joined: list[str] = []
    for label in _lines(labels):
        paper_id, text_hash = str(label.get("id")), label.pop("text_hash", None)
        text = found.get(paper_id)
        if text is None:
            raise InputError(f"{texts} has no text of {paper_id}", hint=f"{labels} needs it.")
        title, abstract = str(text.get("title")), str(text.get("abstract"))
        if digest(title, abstract) != text_hash:
            raise InputError(
                f"{texts}: the text of {paper_id} is not the one that was annotated",
                hint="Take the version of the paper that the id names, as arXiv's API gives it.",
            )
        whole = {**label, "source": paper_id, "title": title, "abstract": abstract}
        joined.append(json.dumps(whole, ensure_ascii=False) + "\n")
    to.write_text("".join(joined), encoding="utf-8")
    return len(joined)


def _lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON objects; `InputError` names the line that is none."""
    found: list[dict[str, Any]] = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: not JSON: {error}") from error
        if not isinstance(content, dict):
            raise InputError(f"{path}, line {number}: not an object")
        found.append(content)
    return found
