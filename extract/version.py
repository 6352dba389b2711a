"""The installed version. Imports nothing that costs: the command line asks for it on every call."""

from __future__ import annotations


def tool_version() -> str:
    """Return the installed version of paperfacts, `0` where it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("paperfacts")
    except PackageNotFoundError:
        return "0"
