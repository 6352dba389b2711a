"""From a prompt file and a paper to the messages that a model gets.

A prompt file is Markdown with the headings `# System` and `# User`; `{{paper}}` in the user
part is the only slot. The text of a paper goes nowhere else, and nothing in it is read as a
template. A third heading, `# Examples`, holds invented papers, each a block of numbered
sentences (```` ```text ````) followed by its answer (```` ```json ````). They are sent at the
end of the system message as they stand, and their values are known, so that one which a model
copies into an answer about another paper is told from a fact.

Not here: the wire formats themselves, nor which file belongs to which model (`extract.tasks`).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from extract.errors import InputError

SLOT = "{{paper}}"
FENCE_SLOT = "{{fence}}"
_HEADING = re.compile(r"^# (System|Examples|User)[ \t]*$", re.M)
_BLOCK = re.compile(r"^```(\w*)[ \t]*\n(.*?)^```[ \t]*$", re.M | re.S)


@dataclass(frozen=True)
class PromptExample:
    """An invented paper, as numbered sentences, and the text of the answer about it."""

    paper: str
    answer: str

    @cached_property
    def values(self) -> frozenset[str]:
        """Every string of the answer that was copied from the example's own paper.

        Single letters are codes of the compact form.
        """
        copied = _strings(json.loads(self.answer))
        return frozenset(v for v in copied if len(v) > 1 and v in self.paper)


@dataclass(frozen=True)
class Prompt:
    """The parts of a prompt file, and a version that changes with every character of it."""

    name: str
    system: str
    user: str
    version: str
    examples: tuple[PromptExample, ...] = ()

    @cached_property
    def example_values(self) -> frozenset[str]:
        """What the examples' answers copied from their papers: no fact of another paper."""
        return frozenset().union(*(example.values for example in self.examples))

    def messages(self, paper: str) -> list[dict[str, str]]:
        """Return the chat messages that ask about *paper*, the numbered sentences as text."""
        fence = fence_for(paper)
        system = self.system.replace(FENCE_SLOT, fence)
        before, after = self.user.replace(FENCE_SLOT, fence).split(SLOT)
        return [
            {"role": "system", "content": system},
            {"role": "user", "content": f"{before}{paper}{after}"},
        ]


def read_prompt(name: str, text: str) -> Prompt:
    """Read the text of the prompt file *name*; raise `InputError` where a part is missing."""
    pieces = _HEADING.split(text)
    headings = pieces[1::2]
    parts = dict(zip(headings, (piece.strip() for piece in pieces[2::2]), strict=True))
    is_whole = {"System", "User"} <= parts.keys() and len(parts) == len(headings)
    if not is_whole or parts["User"].count(SLOT) != 1:
        raise InputError(
            f"prompt {name} needs the headings '# System' and '# User' once each, "
            f"and one {SLOT} in the latter",
            hint=f"Write # System and what the model is to do, then # User and {SLOT}.",
        )
    shown = parts.get("Examples", "")
    examples = _examples(name, shown)
    system = f"{parts['System']}\n\n{shown}" if shown else parts["System"]
    digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    return Prompt(name, system, parts["User"], f"{name}-{digest}", examples)


def fence_for(paper: str) -> str:
    """Return the fence around a paper's text: fixed for the same text, and not to be guessed.

    It is a digest of the whole text, so a text cannot contain its own fence, and the same
    request has the same key on every machine.
    """
    return "paper-" + hashlib.blake2b(b"fence" + paper.encode(), digest_size=9).hexdigest()


def example_values_in(system: str) -> frozenset[str]:
    """Return `Prompt.example_values` of the prompt that made this system message."""
    blocks = _BLOCK.findall(system)
    values: set[str] = set()
    for (kind, paper), (next_kind, answer) in itertools.pairwise(blocks):
        if (kind, next_kind) == ("text", "json"):
            with suppress(ValueError, RecursionError):
                values |= PromptExample(paper.strip(), answer.strip()).values
    return frozenset(values)


def _examples(name: str, text: str) -> tuple[PromptExample, ...]:
    """Read the pairs of blocks; anything else in the section is prose for the model."""
    blocks = _BLOCK.findall(text)
    kinds = [kind for kind, _ in blocks]
    if kinds != ["text", "json"] * (len(kinds) // 2) or (text and not blocks):
        raise InputError(
            f"prompt {name}: the blocks under '# Examples' are not pairs of text and json",
            hint="Write each paper in a ```text block and its answer in a ```json block after it.",
        )
    bodies = [body.strip() for _, body in blocks]
    for number, answer in enumerate(bodies[1::2], 1):
        try:
            json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"prompt {name}: the answer of example {number} is not JSON: {error}",
                hint="Correct the ```json block.",
            ) from error
    return tuple(map(PromptExample, bodies[0::2], bodies[1::2]))


def _strings(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
