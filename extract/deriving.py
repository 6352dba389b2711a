"""From a stored or fresh completion to facts: the one way, for runs and for replays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import BaseModel

from extract.completion import TokenLogprob
from extract.evidence import PaperText
from extract.grounding import Grounded, ground
from extract.recipe import Recipe, answer_rows
from extract.shown import ShownPaper


def derive(
    recipe: Recipe,
    content: str,
    tokens: Sequence[TokenLogprob] | None,
    shown: ShownPaper,
    text: PaperText,
    *,
    example_values: frozenset[str] | None = None,
    answer: BaseModel | None = None,
) -> Grounded:
    """Return the facts of an answer; ValueError where *content* is no answer.

    *example_values* are those of the prompt that asked, where it is not the recipe's own;
    *answer* is the validated answer where the caller has it.
    """
    rows = answer_rows(answer or recipe.answer(content, shown))
    sure = recipe.probabilities(content, shown, tokens)
    if example_values is None:
        example_values = recipe.prompt.example_values
    grounded = ground(recipe.task, rows, text, example_values, sure)
    if not sure:
        return grounded
    facts = tuple(
        replace(fact, confidence=recipe.confidence(fact.kind, fact.probability))
        for fact in grounded.facts
    )
    return replace(grounded, facts=facts)
