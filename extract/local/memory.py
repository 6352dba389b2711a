"""How much memory this process may still take, as far as the system says.

A container's limit binds below what the machine has. What is used of it is not taken off: that
counts cached files too, which make way.
"""

from __future__ import annotations

from pathlib import Path

from extract.local.cores import CGROUP_ROOT, PROC_CGROUP, group_folders, words_of

MEMINFO = Path("/proc/meminfo")


def usable_memory(
    *, meminfo: Path = MEMINFO, cgroup_root: Path = CGROUP_ROOT, proc_cgroup: Path = PROC_CGROUP
) -> int | None:
    """Return the bytes that are available; None on a system that does not tell them so."""
    words = words_of(meminfo)
    if "MemAvailable:" not in words:
        return None
    available = int(words[words.index("MemAvailable:") + 1]) * 1024
    for folder in group_folders("memory", cgroup_root, proc_cgroup):
        for file in ("memory.max", "memory.limit_in_bytes"):
            limit = words_of(folder / file)
            if limit and limit[0].isdigit():
                available = min(available, int(limit[0]))
    return available
