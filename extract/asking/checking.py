"""Whether a reply is an answer: the same check for a model that is asked and for recorded replies.

Not here: what follows from a reply that is none. A live model is told and asked again; a
recording has its next reply or ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from extract.asking.answer_text import UnfitAnswer, fit_text
from extract.completion import Heard

T = TypeVar("T")


def checked(reply: Heard, validate: Callable[[str], T]) -> tuple[T, str, bool]:
    """Return the answer of *reply*, its text, and whether that had to be mended.

    Raises `ValueError` with words for the model where the reply is no answer.
    """
    if reply.problem:
        raise UnfitAnswer(reply.problem)
    text, is_repaired = fit_text(reply.content)
    return validate(text), text, is_repaired
