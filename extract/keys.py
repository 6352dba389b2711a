"""Keys of providers: from the environment, or from the system's keyring; never from an option.

A keyring is read where the package `keyring` is installed (`pip install 'paperfacts[keyring]'`)
and the environment has no key:

    keyring set paperfacts OPENAI_API_KEY
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import SecretStr

SERVICE = "paperfacts"
GATEWAY_VARIABLE = "PAPERFACTS_API_KEY"
"""A gateway's key has a name of its own: a provider's key is not sent to a stranger."""


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
