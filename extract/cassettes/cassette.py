"""A cassette: one question to a model and what came back, as it lies in a file.

    {"format": 1, "key": "k1-…", "paper": {…}, "request": {…}, "outcome": {…}, "check": "…"}

What is written is what these classes name and nothing else: no header, no address, no account.
The schema, the grammar and the prompt's words follow from the rest of the request and are kept
as hashes. `check` is a digest of all of it: a recording is made by a model, never by hand.

Not here: where cassettes lie (`folder`) and when one is made or played (`session`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from extract.completion import Completion, Failure, FailureClass, Heard, Usage
from extract.request import Request
from extract.todo import Todo

FORMAT = 1
LINE_CHARS = 100
MAX_BYTES = 16_000_000
_A_LINE_EACH = frozenset({"token_logprobs"})


class NotACassette(ValueError):
    """The text is no cassette of this format; the message says why, `hint` what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Sentence(_Part):
    """A sentence whose text is left out: how long it is, and a hash to compare it by."""

    chars: int
    hash: str


class PaperPart(_Part):
    """The paper that was asked about. Without text it has no title.

    The abstract is kept where its sentences, as they are shown to a model, do not make it up
    again: where it has LaTeX commands, or more than a space between two sentences.
    """

    id: str
    title: str | None = None
    abstract: str | None = None


class RequestPart(_Part):
    """The question in its parts. Sentence 0 is the title."""

    task: str
    task_version: str
    prompt_version: str
    wire: str
    model: str
    model_id: str
    sampling: dict[str, Any]
    sentences: list[str | Sentence]
    messages_hash: str
    schema_hash: str | None = None
    grammar_hash: str | None = None


class Reply(_Part):
    """One reply as the model gave it. All but the last were sent back to be corrected."""

    content: str
    problem: str = ""


class UsagePart(_Part):
    """Tokens and calls over all attempts."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    calls: int = 0


class OutcomePart(_Part):
    """What came back: replies of which the last was accepted, or why there is no answer."""

    status: Literal["ok", "failed"]
    failure_class: FailureClass | None = None
    failure_message: str | None = None
    is_transient: bool = False
    finish_reason: str | None = None
    http_status: int | None = None
    attempts: int = 0
    usage: UsagePart = UsagePart()
    replies: list[Reply] = []
    excerpt: str | None = None
    token_logprobs: list[Any] | None = None


class Cassette(_Part):
    """One recording."""

    format: Literal[1] = 1
    key: str
    paper: PaperPart
    request: RequestPart
    outcome: OutcomePart

    @property
    def has_text(self) -> bool:
        """True where the sentences themselves are kept."""
        return all(isinstance(s, str) for s in self.request.sentences)

    @property
    def about(self) -> str:
        """The paper in words for a message."""
        return f"{self.paper.title!r}" if self.paper.title else self.paper.id

    def dumps(self) -> str:
        """Return the text of the cassette's file."""
        return _pretty(self._document()) + "\n"

    def dump_line(self) -> str:
        """Return the cassette as a line of a JSONL file."""
        return json.dumps(self._document(), ensure_ascii=False)

    def _document(self) -> dict[str, Any]:
        document = self.model_dump(mode="python", exclude_defaults=True)
        document = {"format": self.format} | document
        return document | {"check": _check(document)}


def loads(text: str) -> Cassette:
    """Read the text of a cassette; raise `NotACassette` for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.startswith("<<<<<<<") or "\n<<<<<<<" in text:
            raise NotACassette(
                "it has the marks of a merge conflict",
                hint="Take it whole from one of the branches, or delete it and record it again.",
            ) from None
        raise NotACassette(f"it is not JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise NotACassette("it is JSON, and not a recording of paperfacts")
    if document["format"] != FORMAT:
        raise NotACassette(
            f"it has format {document['format']}, and this version of paperfacts reads {FORMAT}",
            hint="Install the version that recorded it, or delete it and record it again.",
        )
    if document.pop("check", None) != _check(document):
        raise NotACassette("it was changed after it was recorded: its check does not fit")
    try:
        return Cassette.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise NotACassette(
            f"another version of paperfacts recorded it: {where}: {first['msg']}",
            hint="Install the version that recorded it, or delete it and record it again.",
        ) from None


def cassette_of(
    todo: Todo,
    outcome: Completion | Failure,
    *,
    with_text: bool = True,
    secrets: Sequence[str] = (),
) -> Cassette:
    """Return the recording of *outcome*; none of *secrets* is in it, wherever it was said."""
    made = Cassette(
        key=todo.key,
        paper=_paper_part(todo) if with_text else PaperPart(id=todo.paper.paper_id),
        request=request_part(todo, with_text=with_text),
        outcome=_outcome_part(outcome, with_text),
    )
    document = made.model_dump(mode="python")
    return Cassette.model_validate(_without(document, [s for s in secrets if s]))


def _paper_part(todo: Todo) -> PaperPart:
    paper = todo.paper
    joined = " ".join(sentence.text for sentence in todo.shown.sentences[1:])
    abstract = None if paper.abstract == joined else paper.abstract
    return PaperPart(id=paper.paper_id, title=paper.title, abstract=abstract)


def request_part(todo: Todo, *, with_text: bool = True) -> RequestPart:
    """Return the parts of a question as they are recorded and compared."""
    request: Request = todo.request
    texts = [sentence.text for sentence in todo.shown.sentences]
    return RequestPart(
        task=request.task,
        task_version=request.task_version,
        prompt_version=request.prompt_version,
        wire=request.wire,
        model=request.model,
        model_id=request.model_id,
        sampling=json.loads(json.dumps(asdict(request.sampling))),
        sentences=list(texts) if with_text else [without_text(text) for text in texts],
        messages_hash=_hash(json.dumps(request.messages)),
        schema_hash=_hash(json.dumps(request.answer_schema)) if request.answer_schema else None,
        grammar_hash=_hash(request.grammar) if request.grammar is not None else None,
    )


def without_text(text: str) -> Sentence:
    """Return what is kept of a sentence that may not be published."""
    return Sentence(chars=len(text), hash=_hash(text))


def heard_of(outcome: OutcomePart) -> tuple[Heard, ...]:
    """Return the replies of a recording as a session hears them."""
    return tuple(Heard(reply.content, reply.problem) for reply in outcome.replies)


def usage_of(outcome: OutcomePart) -> Usage:
    """Return what the recorded answer cost."""
    return Usage(**outcome.usage.model_dump())


def _outcome_part(outcome: Completion | Failure, with_text: bool) -> OutcomePart:
    usage = UsagePart(**asdict(outcome.usage))
    if isinstance(outcome, Failure):
        return OutcomePart(
            status="failed",
            failure_class=outcome.failure_class,
            failure_message=_clean(outcome.message),
            is_transient=outcome.is_transient,
            finish_reason=outcome.finish_reason,
            http_status=outcome.http_status,
            attempts=outcome.attempts,
            usage=usage,
            # A reply that was no answer may be anything, the paper itself too.
            replies=_replies(outcome.heard) if with_text else [],
            excerpt=_clean(outcome.excerpt) if outcome.excerpt and with_text else None,
        )
    tokens = outcome.token_logprobs
    return OutcomePart(
        status="ok",
        finish_reason=outcome.finish_reason,
        http_status=outcome.http_status,
        attempts=outcome.attempts,
        usage=usage,
        replies=_replies(outcome.heard or (Heard(outcome.content),)),
        token_logprobs=json.loads(json.dumps(tokens)) if tokens else None,
    )


def _replies(heard: Sequence[Heard]) -> list[Reply]:
    return [Reply(content=_clean(h.content), problem=_clean(h.problem)) for h in heard]


def _clean(text: str) -> str:
    """Return *text* without halves of characters, which no file takes."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _without(value: Any, secrets: Sequence[str]) -> Any:
    """Return *value* with every secret in it replaced."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "[key]")
        return value
    if isinstance(value, dict):
        return {key: _without(each, secrets) for key, each in value.items()}
    if isinstance(value, list):
        return [_without(each, secrets) for each in value]
    return value


def _check(document: dict[str, Any]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()


def _pretty(value: Any, depth: int = 0) -> str:
    """Return JSON in which what fits a line stands on one."""
    compact = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or len(compact) <= LINE_CHARS:
        return compact
    if isinstance(value, list):
        return _opened("[]", [_pretty(each, depth + 1) for each in value], depth)
    lines = [
        f"{json.dumps(k)}: {_tokens(v, depth + 1) if k in _A_LINE_EACH else _pretty(v, depth + 1)}"
        for k, v in value.items()
    ]
    return _opened("{}", lines, depth)


def _tokens(value: Any, depth: int) -> str:
    """Return a list with an entry a line, however long: hundreds of tokens, each with others."""
    return _opened("[]", [json.dumps(each, ensure_ascii=False) for each in value], depth)


def _opened(brackets: str, lines: Sequence[str], depth: int) -> str:
    inside = f",\n{' ' * (depth + 1)}".join(lines)
    return f"{brackets[0]}\n{' ' * (depth + 1)}{inside}\n{' ' * depth}{brackets[1]}"
