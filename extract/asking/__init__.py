"""Asking a model, local or hosted: one request in, one checked answer or one failure out.

The only package that imports openai, instructor and tenacity, and only when a model is really
asked: importing openai takes most of a second.

What concerns one paper is returned as a `Failure`; what concerns the run is raised as one of
the errors in `extract.asking.errors`, which are all `ModelError`s.
"""

from extract.asking.asker import Asked, Asker
from extract.asking.checking import checked
from extract.asking.endpoint import Endpoint, Limits
from extract.asking.errors import (
    KeyRejected,
    ModelNotFound,
    NotAnApi,
    ProviderDown,
    QuotaExhausted,
    RedirectRefused,
    SchemaRefused,
    Unreachable,
    WaitTooLong,
)

__all__ = [
    "Asked",
    "Asker",
    "Endpoint",
    "KeyRejected",
    "Limits",
    "ModelNotFound",
    "NotAnApi",
    "ProviderDown",
    "QuotaExhausted",
    "RedirectRefused",
    "SchemaRefused",
    "Unreachable",
    "WaitTooLong",
    "checked",
]
