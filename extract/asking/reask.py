"""The conversation in which a model is told what was wrong with its answer.

instructor knows how each endpoint wants to be told: as the result of the tool call, or as the
next message. Only an answer that failed pays for it.
"""

from __future__ import annotations

from dataclasses import replace

from extract.asking.question import Question
from extract.asking.reply import Reply
from extract.asking.words import problem_words

MAX_PROBLEM = 2_000


def reasked(question: Question, reply: Reply, problem: ValueError) -> Question:
    """Return *question* with the failed answer, and what is wrong with it, in its messages."""
    words = problem_words(problem)[:MAX_PROBLEM]
    if reply.is_wrapped:
        return _plainly(question, reply, words)
    from instructor import Mode
    from instructor.processing.response import handle_reask_kwargs
    from openai.types.chat import ChatCompletion
    from openai.types.responses import Response

    modes = {
        "tools": Mode.TOOLS,
        "json_schema": Mode.JSON_SCHEMA,
        "responses": Mode.RESPONSES_TOOLS,
    }
    response_type = Response if question.mode == "responses" else ChatCompletion
    body = handle_reask_kwargs(
        {**question.body, "messages": list(question.body["messages"])},
        modes[question.mode],
        response_type.construct(**reply.document),
        ValueError(words),
    )
    return replace(question, body=body)


def _plainly(question: Question, reply: Reply, words: str) -> Question:
    """Tell a provider that only instructor speaks to: it has no document of theirs to show."""
    said = {"role": "assistant", "content": reply.content}
    wrong = {"role": "user", "content": f"The answer is not right:\n{words}\nCorrect it."}
    messages = [*question.body["messages"], said, wrong]
    return replace(question, body={**question.body, "messages": messages})
