"""A paper on its way through a run: what is known of it, and what would be asked."""

from __future__ import annotations

from dataclasses import dataclass

from extract.evidence import PaperText
from extract.grounding import digest
from extract.papers import Paper
from extract.recipe import Recipe
from extract.request import Request, request_key
from extract.shown import ShownPaper, show


@dataclass(frozen=True)
class Todo:
    """A paper on its way: what is known of it, and what it still needs."""

    paper: Paper
    text_hash: str
    shown: ShownPaper
    request: Request
    key: str

    @property
    def text(self) -> PaperText:
        """The paper's text with its sentences as they are stored, not as they are shown.

        A sentence that begins with a LaTeX command is shown without its backslash.
        """
        return PaperText.of(self.paper.title, self.paper.abstract)


def prepare(paper: Paper, recipe: Recipe) -> Todo:
    """Return the paper with the request that *recipe* makes of it."""
    shown = show(paper)
    request = recipe.request(shown)
    return Todo(paper, digest(paper.title, paper.abstract), shown, request, request_key(request))
