"""Where weights lie on this machine.

PAPERFACTS_CACHE     the cache folder, instead of the one the system has for caches
PAPERFACTS_MODELS    folders with GGUF files that the user keeps, separated like PATH;
                     looked into first, never written to
"""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "PAPERFACTS_CACHE"
MODELS_VARIABLE = "PAPERFACTS_MODELS"


def models_cache() -> Path:
    """Return the folder that fetched weights are kept in; it need not exist yet."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named).expanduser().absolute() / "models"
    import platformdirs

    return platformdirs.user_cache_path("paperfacts", appauthor=False) / "models"


def kept_folders() -> list[Path]:
    """Return the folders that the user keeps weights in."""
    named = os.environ.get(MODELS_VARIABLE, "").split(os.pathsep)
    return [Path(folder).expanduser().absolute() for folder in named if folder]
