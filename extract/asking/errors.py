"""What stops a run: the model cannot be used, for this paper or any other.

    ModelError                 4    (extract.errors)
    ├── KeyRejected                 the key is missing, wrong, or not allowed
    ├── QuotaExhausted              billing: no money or no quota left
    ├── ModelNotFound               no such model, or no such URL
    ├── SchemaRefused               the provider does not take the answer's schema
    ├── Unreachable                 nobody answers at the URL, or not with an API
    │   ├── NotAnApi                it answers HTML: a login page, a proxy
    │   └── RedirectRefused         it sends us elsewhere
    ├── WaitTooLong                 it asks us to come back later than we may wait
    └── ProviderDown                too many papers in a row failed for its reasons

All of them leave the run resumable: what was answered is kept.
"""

from __future__ import annotations

from extract.errors import ModelError


class KeyRejected(ModelError):
    """The key is missing, wrong, or not allowed to use the model."""


class QuotaExhausted(ModelError):
    """The provider wants to be paid first."""


class ModelNotFound(ModelError):
    """The provider has no such model, or no such URL."""


class SchemaRefused(ModelError):
    """The provider does not take the schema of the answer; every paper would fail."""


class Unreachable(ModelError):
    """Nobody answers at the URL."""


class NotAnApi(Unreachable):
    """The URL answers, but with a web page."""


class RedirectRefused(Unreachable):
    """The URL redirects; following it would send papers and key elsewhere."""


class WaitTooLong(ModelError):
    """The provider asks for a longer wait than is allowed; `wait_s` says which."""

    def __init__(self, message: str, *, hint: str = "", wait_s: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


class ProviderDown(ModelError):
    """Too many papers in a row failed for reasons that are not theirs."""
