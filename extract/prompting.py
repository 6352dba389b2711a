"""From a prompt file and a paper to the messages that a model gets.

A prompt file is Markdown with the headings `# System` and `# User`; `{{paper}}` in the user
part is the only slot. The text of a paper goes nowhere else, and nothing in it is read as a
template.

Not here: the wire formats themselves, nor which file belongs to which model (`extract.tasks`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from extract.errors import InputError

SLOT = "{{paper}}"
FENCE_SLOT = "{{fence}}"
_HEADING = re.compile(r"^# (System|User)[ \t]*$", re.M)


@dataclass(frozen=True)
class Prompt:
    """The parts of a prompt file, and a version that changes with every character of it."""

    name: str
    system: str
    user: str
    version: str

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
    parts = {pieces[i]: pieces[i + 1].strip() for i in range(1, len(pieces) - 1, 2)}
    if set(parts) != {"System", "User"} or parts["User"].count(SLOT) != 1:
        raise InputError(
            f"prompt {name} needs the headings '# System' and '# User', and one {SLOT} in the latter",
            hint="See prompts/facts.json.md for an example.",
        )
    digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    return Prompt(name, parts["System"], parts["User"], f"{name}-{digest}")


def fence_for(paper: str) -> str:
    """Return the fence around a paper's text: fixed for the same text, and not to be guessed.

    It is a digest of the whole text, so a text cannot contain its own fence, and the same
    request has the same key on every machine.
    """
    return "paper-" + hashlib.blake2b(b"fence" + paper.encode(), digest_size=9).hexdigest()
