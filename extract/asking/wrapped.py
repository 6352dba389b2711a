"""Asking a provider whose SDK only instructor speaks: Anthropic, Google, Mistral and others.

instructor builds the body, reads the answer and asks again where it does not fit the schema.
Its transport retries stay off; ours are around it. What comes back is the answer written out as
JSON, so that the rest of the way is the same for every provider.
"""

from __future__ import annotations

from typing import Any

from extract.asking.client import Line
from extract.asking.endpoint import Endpoint
from extract.asking.fault import Fault
from extract.asking.policy import Tally
from extract.asking.question import Question
from extract.asking.reply import Reply
from extract.asking.words import shown_words
from extract.errors import InputError, ModelError

PARSE_RETRIES = 1


async def ask_wrapped(line: Line, question: Question, tally: Tally) -> Reply:
    """Ask through instructor; its re-asks count as calls, with their tokens."""
    from instructor.core.hooks import Hooks

    if question.answer_model is None or "grammar" in question.body:
        raise InputError(
            f"{line.endpoint.place} takes neither a grammar nor a schema without a model class",
            hint="Use a provider that speaks the OpenAI protocol.",
        )
    usages: list[dict[str, Any]] = []
    hooks = Hooks()
    hooks.on("completion:kwargs", lambda *_, **__: tally.count_sent())
    # Taken at once: instructor writes the running total into the response afterwards.
    hooks.on("completion:response", lambda response: usages.append(_usage_of(response)))
    options = {name: value for name, value in question.body.items() if name != "model"}
    try:
        answer, response = await line.client.create_with_completion(
            response_model=question.answer_model,
            max_retries=PARSE_RETRIES,
            hooks=hooks,
            **options,
        )
    except Exception as error:
        if (found := _fault_of(error, line.endpoint)) is None:
            raise
        fault = found
    else:
        return Reply(
            content=answer.model_dump_json(by_alias=True),
            finish_reason=_finish_of(response),
            document={},
            request_id=getattr(response, "id", None),
            is_wrapped=True,
        )
    finally:
        tally.calls += max(0, len(usages) - 1)
        for usage in usages:
            tally.add_usage({"usage": usage})
    raise fault


def _fault_of(error: BaseException, endpoint: Endpoint) -> Fault | None:
    """Return the fault of an error that instructor wraps; None for those of the transport."""
    from instructor.core.exceptions import InstructorRetryException

    cause = error.__cause__
    if not isinstance(error, InstructorRetryException):
        return None
    words = shown_words(str(cause), endpoint.secret())
    if isinstance(cause, ValueError):
        return Fault("schema_invalid", f"the answer is not what was asked for: {words}")
    if isinstance(cause, TypeError):
        message = f"the SDK of {endpoint.place} does not take the request: {words}"
        hint = "Leave that parameter to the provider."
        return Fault("bad_request", message, stops=ModelError(message, hint=hint))
    return None


def _finish_of(response: Any) -> str | None:
    """Return why an answer ended, in the provider's own word."""
    reason = getattr(response, "stop_reason", None) or getattr(response, "finish_reason", None)
    return str(reason) if reason else None


def _usage_of(response: Any) -> dict[str, Any]:
    """Return an SDK's usage object in the words of the OpenAI protocol."""
    if (counts := getattr(response, "usage_metadata", None)) is not None:  # Google's
        answer = _number(counts, "candidates_token_count") + _number(counts, "thoughts_token_count")
        cached = _number(counts, "cached_content_token_count")
        return _usage(_number(counts, "prompt_token_count"), cached, answer)
    usage = getattr(response, "usage", None)
    if hasattr(usage, "cache_read_input_tokens"):  # Anthropic's, which counts those apart
        cached = _number(usage, "cache_read_input_tokens")
        new = _number(usage, "input_tokens") + _number(usage, "cache_creation_input_tokens")
        return _usage(new + cached, cached, _number(usage, "output_tokens"))
    dump = getattr(usage, "model_dump", None)
    return dict(dump()) if dump is not None else {}


def _usage(tokens: int, cached: int, answer: int) -> dict[str, Any]:
    return {
        "prompt_tokens": tokens,
        "completion_tokens": answer,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _number(counts: Any, name: str) -> int:
    value = getattr(counts, name, None)
    return value if isinstance(value, int) else 0
