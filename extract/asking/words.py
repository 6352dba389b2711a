"""Words of others made fit to be shown: without keys, markup and control characters."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_WORDS = 300

_KEY_SHAPE = re.compile(r"\b(?:sk|pk|rk|gsk|xai|key|pplx|nvapi|hf|fw|csk)[-_][A-Za-z0-9_*\-]{8,}")
_BEARER = re.compile(r"(?i)\bbearer\s+\S+")
_HIDDEN = re.compile(r"(?is)<(script|style|head)\b.*?</\1>|<!--.*?-->")
_TAG = re.compile(r"<[^<>]{0,500}>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")
_LINK = re.compile(r"\s*For further information visit https://errors\.pydantic\.dev\S*")
_SURROGATE = re.compile("[\ud800-\udfff]")


def without_key(text: str, key: str) -> str:
    """Return *text* with *key*, and whatever looks like a key, replaced."""
    if key:
        text = text.replace(key, "[key]")
    return _BEARER.sub("Bearer [key]", _KEY_SHAPE.sub("[key]", text))


def without_surrogates(text: str) -> str:
    """Return *text* with halves of characters replaced, so that it can be encoded."""
    return _SURROGATE.sub("\ufffd", text)


def shown_words(text: str, key: str = "") -> str:
    """Return the words of *text* on one line, short enough for a message."""
    head = without_surrogates(text[:20_000])
    words = _CONTROL.sub(" ", _TAG.sub(" ", _HIDDEN.sub(" ", head))).strip()
    words = without_key(words, key)
    return words if len(words) <= MAX_WORDS else words[: MAX_WORDS - 1] + "…"


def problem_words(problem: ValueError) -> str:
    """Return what is wrong with an answer, without pydantic's links, which say nothing of it."""
    return _LINK.sub("", str(problem))


def error_of(body: bytes) -> tuple[dict[str, Any], str]:
    """Return the error object of a provider's answer and its text; both may be empty."""
    text = body[:100_000].decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}, text
    if isinstance(document, list) and document:
        document = document[0]
    error = document.get("error", document) if isinstance(document, dict) else document
    if isinstance(error, dict):
        inner = error.get("message") or error.get("detail") or error.get("type") or ""
        return error, inner if isinstance(inner, str) else json.dumps(inner)
    return {}, error if isinstance(error, str) else text
