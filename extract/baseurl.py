"""The address of a server of the user's own, as `--base-url` names it.

Paths are added to its end, it is shown on the screen and kept in the database of a batch. So it
has neither user and password, which are a key, nor a query.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

BEGINNING = "a URL that begins with http:// or https://"
_UNFIT = re.compile(r"[\s\x00-\x20\x7f\\]")


def base_url_of(value: Any) -> str:
    """Return *value*, the address of a server; `ValueError` says what it should be."""
    if not isinstance(value, str):
        raise ValueError(BEGINNING)
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{BEGINNING}, and this one has a mistake: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(BEGINNING)
    if not host:
        raise ValueError(f"{BEGINNING} and goes on with a host")
    if parts.username is not None:
        raise ValueError(
            "without user and password: a key belongs into the environment"
            " (export PAPERFACTS_API_KEY=...) or a keyring"
        )
    if "?" in value or "#" in value:
        raise ValueError("without ? and #: what is asked for is added to its end")
    if _UNFIT.search(value):
        raise ValueError("without blanks")
    return value


def shown_url(value: str) -> str:
    """Return an address that is refused without what may be a key in it."""
    scheme, mark, rest = value.partition("://")
    rest = re.split(r"[?#]", rest, maxsplit=1)[0] + ("?..." if re.search(r"[?#]", rest) else "")
    host, slash, path = rest.partition("/")
    if "@" in rest:
        host, slash, path = f"...@{rest.rpartition('@')[2]}", "", ""
    return f"{scheme}{mark}{host}{slash}{path}" if mark else value
