"""Room for open connections: the soft limit on open files, raised as far as is allowed."""

from __future__ import annotations

FILES_BESIDES = 128
"""Files and pipes of a run that are not connections to the model."""


def allow_open_files(connections: int) -> None:
    """Raise the soft limit so that *connections* fit; no error where that is not allowed."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    wanted = connections + FILES_BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (ValueError, OSError):
        return
