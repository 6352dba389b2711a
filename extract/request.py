"""What makes two requests the same.

A request holds everything that can change a completion, and its key names the completion in
the cache and in the cassettes. Adding a field here makes every kept completion stale, on
purpose: the prefix of the key changes with the recipe.

Not here: time limits, retries, concurrency. They change how we ask, not what is answered.
"""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field, fields
from typing import Any

KEY_RECIPE = "k1"
MAX_SCHEMAS = 64

_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_SCHEMAS: dict[int, tuple[dict[str, Any], str]] = {}


@dataclass(frozen=True)
class Sampling:
    """How a model draws its answer. None leaves a parameter to the provider."""

    temperature: float | None = 0.0
    top_p: float | None = None
    seed: int | None = None
    max_tokens: int = 2048
    extra: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Request:
    """One question to one model, complete: the same request may be answered from the cache.

    `model` is the provider and name (`openai/gpt-5-mini`, `local/smollm2-135m`) and `model_id`
    what pins its weights where that is known: the hashes of base and adapter. `wire` is the form
    of the answer, `answer_schema` its JSON schema with the fields in order, `grammar` the grammar
    it is held to. One of the two is set.
    """

    task: str
    task_version: str
    prompt_version: str
    wire: str
    model: str
    model_id: str
    sampling: Sampling
    messages: tuple[dict[str, str], ...]
    answer_schema: dict[str, Any] | None = None
    grammar: str | None = None
    parts: dict[str, Any] = field(default_factory=dict)
    """What the request was made from (title, sentences), for people to read; not in the key."""


def request_key(request: Request) -> str:
    """Return the name under which the completion of *request* is kept.

    Order counts: a schema with its fields in another order asks another question.
    """
    written = (
        f'"{each.name}":{_written(getattr(request, each.name))}'
        for each in fields(request)
        if each.name != "parts"
    )
    canonical = "{" + ",".join(written) + "}"
    digest = hashlib.blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=16)
    return f"{KEY_RECIPE}-{digest.hexdigest()}"


def _written(value: Any) -> str:
    """Return a field as compact JSON; a schema, the same for a whole task, is written once."""
    if not isinstance(value, dict):
        return _JSON.encode(vars(value) if isinstance(value, Sampling) else value)
    kept = _SCHEMAS.get(id(value))
    # Compared, not only found: somebody may have changed the schema since.
    if kept is None or kept[0] != value:
        kept = copy.deepcopy(value), _JSON.encode(value)
        if len(_SCHEMAS) >= MAX_SCHEMAS:
            _SCHEMAS.clear()
        _SCHEMAS[id(value)] = kept
    return kept[1]
