"""Keys of providers: from the environment, or from the system's keyring; never from an option.

A keyring is read where the package `keyring` is installed (`pip install 'paperfacts[keyring]'`)
and the environment has no key:

    keyring set paperfacts OPENAI_API_KEY
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extract.errors import InputError

if TYPE_CHECKING:
    from pydantic import SecretStr

SERVICE = "paperfacts"
GATEWAY_VARIABLE = "PAPERFACTS_API_KEY"
"""A gateway's key has a name of its own: a provider's key is not sent to a stranger."""
_UNFIT = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True)
class Key:
    """A key that was found; `place` says where, and is fit to be shown."""

    secret: SecretStr
    place: str


def find_key(variables: Sequence[str]) -> Key | None:
    """Return the key that one of *variables* names, the environment's first."""
    from pydantic import SecretStr

    for variable in variables:
        if value := os.environ.get(variable, "").strip():
            return Key(SecretStr(value), f"variable {variable}")
    for variable in variables:
        if value := _in_keyring(variable):
            return Key(SecretStr(value), f"keyring {SERVICE} {variable}")
    return None


def usable_key(variables: Sequence[str]) -> Key | None:
    """Return the key that *variables* name; `InputError` where it cannot be sent.

    A header takes one line of ASCII. A key that was copied with more than itself is told by its
    place, and not shown.
    """
    key = find_key(variables)
    if key is not None and (unfit := _UNFIT.search(key.secret.get_secret_value())):
        what = "a line break" if unfit[0] in "\r\n" else f"the character U+{ord(unfit[0]):04X}"
        raise InputError(
            f"the key in {key.place} cannot be sent: it has {what} in it",
            hint="Copy the key once more, and nothing else, to the same place.",
        )
    return key


def _in_keyring(variable: str) -> str:
    """Return what the keyring keeps under a name; empty without a keyring that answers."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return ""
    try:
        return (keyring.get_password(SERVICE, variable) or "").strip()
    except (KeyringError, RuntimeError, OSError) as error:
        logging.getLogger(__name__).debug("the keyring does not answer: %s", error)
        return ""
