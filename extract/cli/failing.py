"""How an error of ours is told: what, where, what now; as data under `--json`."""

from __future__ import annotations

import json
import sys

from extract.errors import PaperfactsError
from extract.terminal import safe_text


def explain(error: PaperfactsError, *, as_json: bool) -> None:
    """Print *error* to stderr, and as data to stdout where that was asked for."""
    if as_json:
        body = {"type": type(error).__name__, "message": str(error), "hint": error.hint}
        print(json.dumps({"error": body, "exit_code": error.exit_code}))
        return
    print(f"paperfacts: {safe_text(str(error), keep=chr(10))}", file=sys.stderr)
    if error.hint:
        print(f"  {safe_text(error.hint, keep=chr(10))}", file=sys.stderr)
