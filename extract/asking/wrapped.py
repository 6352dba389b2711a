"""Asking a provider whose SDK only instructor speaks: Anthropic, Google, Mistral and others.

instructor builds the body, reads the answer and asks again where it does not fit the schema.
Its transport retries stay off; ours are around it. What comes back is the answer written out as
JSON, so that the rest of the way is the same for every provider.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from extract.asking.client import Line
from extract.asking.endpoint import Endpoint
from extract.asking.fault import Fault
from extract.asking.policy import Tally
from extract.asking.question import Question
from extract.asking.reply import Reply
from extract.asking.words import problem_words, shown_words
from extract.completion import FailureClass
from extract.errors import InputError, ModelError

if TYPE_CHECKING:
    from tenacity import AsyncRetrying

PARSE_RETRIES = 1
_CUT = ("max_tokens", "length", "error_limit", "model_context_window_exceeded")
_FILTERED = (
    *("safety", "recitation", "blocklist", "prohibited_content", "spii", "jailbreak"),  # Google's
    *("content_filter", "content_filtered", "guardrail_intervened", "error_toxic"),
)
_ENDINGS: dict[str, tuple[FailureClass, str]] = {
    **dict.fromkeys(_CUT, ("truncated", "the answer was cut at the token limit")),
    **dict.fromkeys(_FILTERED, ("filtered", "the provider's content filter stopped the answer")),
    "refusal": ("refused", "the model refused"),
}
"""What an ending means, by the word of Anthropic, Google, Cohere, Bedrock, or one like OpenAI."""


async def ask_wrapped(line: Line, question: Question, tally: Tally) -> Reply:
    """Ask through instructor; its re-asks count as calls, with their tokens."""
    from instructor.core.hooks import Hooks

    if question.answer_model is None or "grammar" in question.body:
        raise InputError(
            f"{line.endpoint.place} takes neither a grammar nor a schema without a model class",
            hint="Use a provider that speaks the OpenAI protocol.",
        )
    usages: list[dict[str, Any]] = []
    responses: list[Any] = []
    hooks = Hooks()
    hooks.on("completion:kwargs", lambda *_, **__: tally.count_sent())
    # Taken at once: instructor writes the running total into the response afterwards.
    hooks.on("completion:response", lambda response: usages.append(_usage_of(response)))
    hooks.on("completion:response", responses.append)
    options = {name: value for name, value in question.body.items() if name != "model"}
    try:
        answer, response = await line.client.create_with_completion(
            response_model=question.answer_model,
            max_retries=_reasking(responses),
            hooks=hooks,
            **options,
        )
    except Exception as error:
        found = _ended(responses) or _fault_of(error, line.endpoint, is_read=bool(responses))
        if found is None:
            raise
        fault = found
    else:
        if (ended := _ended([response])) is not None:
            raise ended
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


def _reasking(responses: Sequence[Any]) -> AsyncRetrying:
    """Return when instructor asks again: where an answer was read, and is not what was asked for.

    Not where it was cut or refused, which would be paid for once more.
    """

    from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

    def may_ask(error: BaseException) -> bool:
        return bool(responses) and _ended(responses) is None and isinstance(error, ValueError)

    return AsyncRetrying(
        stop=stop_after_attempt(1 + PARSE_RETRIES), retry=retry_if_exception(may_ask), reraise=True
    )


def _ended(responses: Sequence[Any]) -> Fault | None:
    """Return the fault of an answer that was ended before it was one; None for any other.

    instructor looks at this for few providers, and takes what is left of the answer.
    """
    finish = _finish_of(responses[-1]) if responses else None
    failure_class, message = _ENDINGS.get((finish or "").lower(), (None, ""))
    if failure_class is None:
        return None
    tries = 2 if failure_class == "truncated" else 1
    return Fault(failure_class, f"{message} ({finish})", tries=tries, finish_reason=finish)


def _fault_of(error: BaseException, endpoint: Endpoint, *, is_read: bool) -> Fault | None:
    """Return the fault of an error that instructor wraps; None for those of the transport.

    With *is_read* there was an answer, and the error came of reading it.
    """
    from instructor.core.exceptions import InstructorRetryException

    cause = error.__cause__
    if not isinstance(error, InstructorRetryException):
        return None
    if isinstance(cause, ValueError):
        words = shown_words(problem_words(cause), endpoint.secret())
        return Fault("schema_invalid", f"the answer is not what was asked for: {words}")
    words = shown_words(str(cause), endpoint.secret())
    if isinstance(cause, TypeError):
        message = f"the SDK of {endpoint.place} does not take the request: {words}"
        hint = "Leave that parameter to the provider."
        return Fault("bad_request", message, stops=ModelError(message, hint=hint))
    if is_read and isinstance(cause, AttributeError | LookupError | AssertionError):
        message = f"the answer of {endpoint.place} cannot be read: {words}"
        return Fault("bad_envelope", message, tries=2)
    return None


def _finish_of(response: Any) -> str | None:
    """Return why an answer ended, in the provider's own word."""
    reason = getattr(response, "stop_reason", None) or getattr(response, "finish_reason", None)
    if reason is None:
        # Google's and those like OpenAI's, which have it with each of several answers.
        several = getattr(response, "candidates", None) or getattr(response, "choices", None) or []
        reason = getattr(several[0], "finish_reason", None) if several else None
    if reason is None and (feedback := getattr(response, "prompt_feedback", None)) is not None:
        reason = getattr(feedback, "block_reason", None)
    # Google's are members of an enumeration.
    return str(getattr(reason, "value", reason)) if reason else None


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
    if (units := getattr(usage, "billed_units", None)) is not None:  # Cohere's
        tokens = _number(units, "input_tokens"), _number(units, "output_tokens")
        return _usage(tokens[0], 0, tokens[1])
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
    # Cohere's are floats.
    return int(value) if isinstance(value, int | float) else 0
