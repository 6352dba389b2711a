"""From a recording back to an outcome, through the same checks as a live answer.

The replies are read again, mended again and validated again, the first of them first: where the
library has learnt to take a reply that it once sent back, that reply is the answer now. Where it
takes none of them any more, a live model would be told and asked again, and nobody recorded what
it then says: that is a miss, and no failure of the model.
"""

from __future__ import annotations

from extract.cassettes.cassette import Cassette, heard_of, usage_of
from extract.completion import Completion, Failure
from extract.recipe import Recipe
from extract.todo import Todo


class NoLongerValid(Exception):
    """None of the recorded replies is an answer today, and one of them was."""


def played(cassette: Cassette, todo: Todo, recipe: Recipe) -> Completion | Failure:
    """Return what *cassette* says about *todo*."""
    from extract.asking import checked

    outcome, heard = cassette.outcome, heard_of(cassette.outcome)
    problem: ValueError | None = None
    for count, reply in enumerate(heard, 1):
        try:
            _, text, is_repaired = checked(
                reply, lambda content: recipe.answer(content, todo.shown)
            )
        except ValueError as error:
            problem = error
            continue
        is_accepted = outcome.status == "ok" and count == len(heard)
        tokens = outcome.token_logprobs if is_accepted else None
        return Completion(
            content=text,
            usage=usage_of(outcome),
            finish_reason=outcome.finish_reason,
            attempts=outcome.attempts,
            repaired=is_repaired,
            http_status=outcome.http_status,
            token_logprobs=tuple(tokens) if tokens else None,
            heard=heard[:count],
        )
    if outcome.status == "ok" or outcome.failure_class is None:
        raise NoLongerValid(" ".join(str(problem or "no reply was recorded").split())[:300])
    return Failure(
        outcome.failure_class,
        outcome.failure_message or "",
        usage=usage_of(outcome),
        attempts=outcome.attempts,
        http_status=outcome.http_status,
        finish_reason=outcome.finish_reason,
        excerpt=outcome.excerpt,
        is_transient=outcome.is_transient,
        heard=heard,
    )
