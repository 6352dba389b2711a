"""When a recording is played and when a model is asked.

| mode    | recorded          | not recorded      |
|---------|-------------------|-------------------|
| replay  | played            | an error          |
| record  | played            | asked and written |
| refresh | asked and written | asked and written |
| live    | asked             | asked             |
"""

from __future__ import annotations

import os
from typing import Literal

from extract.errors import InputError

Mode = Literal["replay", "record", "refresh", "live"]
MODES: tuple[Mode, ...] = ("replay", "record", "refresh", "live")


def default_mode() -> Mode:
    """Return `replay` under CI, where a missing recording must fail; else `record`."""
    return "replay" if os.environ.get("CI", "").lower() not in ("", "0", "false") else "record"


def mode_of(name: str | None) -> Mode:
    """Return the mode called *name*, the default for None."""
    if name is None:
        return default_mode()
    for mode in MODES:
        if mode == name:
            return mode
    raise InputError(f"there is no cassette mode {name!r}", hint=f"Modes are: {', '.join(MODES)}.")
