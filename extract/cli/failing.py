"""How an error of ours is told: what, where, what now; as data under `--json`."""

from __future__ import annotations

import json
import os
import sys

from extract.errors import PaperfactsError
from extract.terminal import safe_text


def explain(error: PaperfactsError, *, as_json: bool) -> None:
    """Print *error* to stderr, and as data to stdout where that was asked for."""
    stream = sys.stdout if as_json else sys.stderr
    try:
        print(_document(error) if as_json else _words(error), file=stream, flush=True)
    except BrokenPipeError:
        # The reader left (`| head`); the exit code still says what happened.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _document(error: PaperfactsError) -> str:
    body = {"type": type(error).__name__, "message": str(error), "hint": error.hint}
    return json.dumps({"error": body, "exit_code": error.exit_code})


def _words(error: PaperfactsError) -> str:
    words = f"paperfacts: {error}" + (f"\n  {error.hint}" if error.hint else "")
    return safe_text(words, keep="\n")
