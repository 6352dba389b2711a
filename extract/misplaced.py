"""What an answer puts in the wrong place: numbers among names, and names of another list.

Both are kept in the stored answer; in the facts, unknown or missing is what is true of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from extract.columns import reference
from extract.evidence import name_key
from extract.numbers import parse_quantity
from extract.task import RecordKind, TaskField

NOT_A_NAME = "a number, not a name"
"""Why a number in a list of names is kept as missing."""

_MARKUP = re.compile(r"\\(?:times|cdot|pm|sim|approx|text[a-z]*|math[a-z]*)")
_EXPONENT = re.compile(r"(?<=\d)[eE](?=[-+]?\d)")


def is_number(name: str) -> bool:
    """Say whether a name is nothing but a number, as `1e-4` and `90%`; `GPT-3` has letters."""
    plain = _EXPONENT.sub("", _MARKUP.sub("", name))
    has_letters = any(char.isalpha() for char in plain)
    return not has_letters and parse_quantity(name).shape != "unread"


def own_reference(
    kind: RecordKind,
    f: TaskField,
    value: Any,
    names: Mapping[str, Mapping[str, tuple[int, str]]],
) -> tuple[Any, tuple[str, int] | None]:
    """Return what a reference names; None where it names what another reference is for.

    A name that stands in the list of another field, and not in this one's, is in the wrong
    field: unknown is true of it.
    """
    named, at = reference(f, value, names)
    if value is None or at is not None:
        return named, at
    key = name_key(str(value))
    others = {o.target for o in kind.fields if o.type == "ref" and o.target != f.target}
    is_misplaced = any(key in names.get(other, {}) for other in others)
    return (None, None) if is_misplaced else (named, at)
