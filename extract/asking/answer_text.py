"""The answer's text: what it must not contain, and the little that is mended without paying.

Two readers may take one text differently: DuckDB reads the first of two equal keys and pydantic
the last. So such texts are refused, and numbers that no column holds with them. Code fences and
prose around the one object are taken off; text that no database takes becomes U+FFFD.

Not here: whether the answer fits its schema. The caller's `validate` says that.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

MAX_INTEGER = 2**63
MAX_BRACES = 64

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(
    r"\\(?:u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u(?P<unit>[0-9a-fA-F]{4})|.)",
    re.DOTALL,
)


class UnfitAnswer(ValueError):
    """The answer's text cannot be taken; the message is for the model, which is asked again."""


def fit_text(content: str) -> tuple[str, bool]:
    """Return the answer's JSON and whether it had to be mended.

    Text without any JSON comes back as it is: the caller's own words say best what was wanted.
    """
    text = storable(content)
    try:
        _load(text, strict=True)
        return text, text != content
    except UnfitAnswer:
        raise
    except ValueError:
        pass
    try:
        return json.dumps(_load(text, strict=False), ensure_ascii=False), True
    except UnfitAnswer:
        raise
    except ValueError:
        pass
    found = _objects_in(text)
    if len(found) > 1:
        raise UnfitAnswer(f"the answer holds {len(found)} JSON objects; give exactly one")
    return (found[0], True) if found else (text, False)


def storable(text: str) -> str:
    """Return *text* with lone surrogates and NUL replaced, written plainly or as JSON escapes."""
    text = _LONE_SURROGATE.sub("\ufffd", text).replace("\x00", "\ufffd")
    return _ESCAPE.sub(_storable_escape, text) if "\\u" in text else text


def _storable_escape(match: re.Match[str]) -> str:
    """Return one JSON escape, U+FFFD where it is half a pair or NUL."""
    unit = match["unit"]
    if unit is not None and (unit == "0000" or (unit[0] in "dD" and unit[1] in "89abcdefABCDEF")):
        return r"\ufffd"
    return match[0]


def _objects_in(text: str) -> list[str]:
    """Return the JSON objects that stand in prose or in code fences."""
    found = []
    position = text.find("{")
    for _ in range(MAX_BRACES):
        if position < 0:
            break
        try:
            document, end = _decoder(strict=False).raw_decode(text, position)
            found.append(_as_written(text[position:end], document))
        except UnfitAnswer:
            raise
        except ValueError:
            end = position + 1
        except RecursionError:
            raise UnfitAnswer("the answer is nested too deeply") from None
        position = text.find("{", end)
    return found


def _as_written(text: str, document: Any) -> str:
    """Return *text* where it is JSON; written anew where it holds raw control characters."""
    try:
        _decoder(strict=True).decode(text)
    except ValueError:
        return json.dumps(document, ensure_ascii=False)
    return text


def _load(text: str, *, strict: bool) -> Any:
    """Parse the whole of *text*; `UnfitAnswer` for JSON that readers take differently."""
    try:
        return _decoder(strict=strict).decode(text)
    except RecursionError:
        raise UnfitAnswer("the answer is nested too deeply") from None


def _decoder(*, strict: bool) -> json.JSONDecoder:
    return json.JSONDecoder(
        strict=strict,
        object_pairs_hook=_distinct,
        parse_constant=_no_constant,
        parse_int=_integer,
        parse_float=_finite,
    )


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; no key may stand twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise UnfitAnswer(f"the key {twice[:80]!r} stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise UnfitAnswer(f"{name} is not a number in JSON")


def _integer(digits: str) -> int:
    """Return an integer that a BIGINT column holds; the length is looked at first."""
    if len(digits) > 20 or not -MAX_INTEGER <= int(digits) < MAX_INTEGER:
        raise UnfitAnswer(f"the integer {digits[:20]}… has {len(digits)} digits and fits nowhere")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise UnfitAnswer(f"the number {digits[:20]} is too large")
    return value
