"""One call: the body goes out, one reply or one fault comes back.

The outer time limit is ours: the SDK's is per read, and a body that trickles in never ends it.
The envelope is read from the bytes; the SDK's own reading makes objects of anything.
"""

from __future__ import annotations

import asyncio

from extract.asking.client import Line
from extract.asking.errors import SchemaRefused
from extract.asking.fault import Fault, LibraryError
from extract.asking.mapping import late, mapped
from extract.asking.policy import Tally
from extract.asking.question import Question
from extract.asking.reply import Received, Reply, document_of, read_chat, read_responses
from extract.asking.statuses import fault_in_body, fault_of_status
from extract.asking.words import shown_words
from extract.asking.wrapped import ask_wrapped


async def call(line: Line, question: Question, tally: Tally, limit_s: float) -> Reply:
    """Call the provider once; raise the `Fault` where that gives no answer."""
    try:
        async with asyncio.timeout(limit_s):
            if line.is_wrapped:
                return await ask_wrapped(line, question, tally)
            tally.count_sent()
            received = await _post(line, question)
    except Fault as error:
        fault = error
    except TimeoutError:
        fault = late(line.endpoint, limit_s)
    except Exception as error:  # noqa: BLE001  # what is not known there is raised again
        fault = mapped(error, line.endpoint)
    else:
        return read_received(received, question.mode, tally)
    if "grammar" in question.body and isinstance(fault.stops, SchemaRefused):
        fault.stops, fault.is_the_providers = None, True  # made for this paper: others have theirs
    raise fault


async def _post(line: Line, question: Question) -> Received:
    """Send the question and return the bytes of the answer.

    Not with the SDK's own `post`, which makes and checks objects for every call and takes longer
    than the call; what it sends is the same.
    """
    assert line.sender is not None
    answer = await line.sender.post(question.path, question.encoded)
    if answer.status >= 300:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        fault = fault_of_status(answer.status, answer.body, headers, line.endpoint)
        said = answer.body.decode("utf-8", "replace")
        words = shown_words(said, line.endpoint.secret())
        raise fault from LibraryError(f"status {answer.status}: {words}")
    return Received(
        body=answer.body,
        content_type=answer.headers.get("content-type", ""),
        http_status=answer.status,
        request_id=answer.headers.get("x-request-id"),
        endpoint=line.endpoint,
    )


def read_received(received: Received, mode: str, tally: Tally) -> Reply:
    """Return the reply in what was received; its tokens count whatever it is worth."""
    document = document_of(received)
    tally.add_usage(document)
    fault = fault_in_body(document, received.endpoint)
    if fault is not None:
        raise fault
    read = read_responses if mode == "responses" else read_chat
    return read(received, document)
