"""One row of a batch's output or error file: an answer, a failure, or a paper that was not asked.

A row holds what a call would have returned, status and body, and is read by the same code: an
answer has to pass the same checks, and an error means what it would have meant then. What would
have stopped a run only fails its own row here, and is asked again.

Not here: whether a failed row is sent again (`extract.batching`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from extract.asking.asker import invalid_answer
from extract.asking.call import read_received
from extract.asking.checking import checked
from extract.asking.endpoint import Endpoint, Limits
from extract.asking.fault import Fault
from extract.asking.policy import Tally
from extract.asking.reply import Received
from extract.asking.statuses import fault_in_body, fault_of_status
from extract.completion import Completion, Failure, Heard, Spent

NotAsked = Literal["cancelled"]

EXPIRED = Failure("timeout", "the batch expired before this paper was asked", is_transient=True)
MISSING = Failure("transport", "the batch ended without a row for this paper", is_transient=True)


def row_of(line: bytes) -> tuple[str, dict[str, Any]] | None:
    """Return the key and the row of a line; None where the line is no row."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    key = row.get("custom_id") if isinstance(row, dict) else None
    return (key, row) if isinstance(key, str) else None


def outcome_of(
    row: dict[str, Any],
    endpoint: Endpoint,
    mode: str,
    validate: Callable[[str], object],
    tries: int,
    unknown: Spent | None = None,
) -> Completion | Failure | NotAsked:
    """Return what *row* says, *tries* being how often the paper failed in batches before.

    *unknown* is what it counts with where it may have been billed and does not say its tokens.

    A failure that a live call would have tried again is transient: the next run asks again, as
    often as a live one would have.
    """
    error, response = row.get("error"), row.get("response")
    code = error.get("code") if isinstance(error, dict) else None
    if code == "batch_expired":
        return EXPIRED
    if code == "batch_cancelled":
        return "cancelled"
    tally = Tally(0.0, calls=1)
    try:
        answer = _completion(error, response, endpoint, mode, validate, tally)
        return answer if answer.usage.input_tokens else replace(answer, spent=unknown)
    except Fault as fault:
        limit = 1 + Limits().max_reasks if fault.failure_class == "schema_invalid" else fault.tries
        may_try = fault.is_transient or fault.stops is not None or tries + 1 < limit
        failure = fault.as_failure(tally.usage(), tuple(tally.heard))
        is_unknown = fault.may_be_billed and not failure.usage.input_tokens
        return replace(failure, is_transient=may_try, spent=unknown if is_unknown else None)


def _completion(
    error: Any,
    response: Any,
    endpoint: Endpoint,
    mode: str,
    validate: Callable[[str], object],
    tally: Tally,
) -> Completion:
    """Return the answer of a row; raise the `Fault` where it has none."""
    if not isinstance(response, dict):
        fault = fault_in_body({"error": error}, endpoint)
        raise fault or Fault("bad_envelope", "the row has neither an answer nor an error", tries=2)
    status = response.get("status_code")
    status = status if isinstance(status, int) else 200
    body = json.dumps(response.get("body")).encode()
    request_id = response.get("request_id")
    if not 200 <= status < 300:
        raise fault_of_status(status, body, {"x-request-id": str(request_id or "")}, endpoint)
    named = request_id if isinstance(request_id, str) else None
    received = Received(body, "application/json", status, named, endpoint)
    reply = read_received(received, mode, tally)
    tally.heard.append(Heard(reply.content, reply.problem))
    try:
        _, text, is_repaired = checked(tally.heard[-1], validate)
    except ValueError as problem:
        raise invalid_answer(reply, problem) from None
    return Completion(
        content=text,
        usage=tally.usage(),
        finish_reason=reply.finish_reason,
        repaired=is_repaired,
        request_id=reply.request_id,
        http_status=status,
        token_logprobs=reply.token_logprobs,
        heard=tuple(tally.heard),
    )
