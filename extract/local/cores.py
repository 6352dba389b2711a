"""How many processor cores this process may really use.

`os.cpu_count()` counts the machine's. A container or a batch scheduler gives a part of them:
by a CPU set (the scheduler's affinity mask) or by a quota of time (cgroup v1 and v2). A model
that starts more threads than that is throttled, and slower than with the right number.

Left out: how busy those cores are.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
PROC_CGROUP = Path("/proc/self/cgroup")


def usable_cores(
    *,
    allowed: int | None = None,
    cgroup_root: Path = CGROUP_ROOT,
    proc_cgroup: Path = PROC_CGROUP,
) -> int:
    """Return the number of cores that affinity and quota leave to this process, at least 1.

    A quota of 1.5 cores counts as 2: the second thread helps more than being stopped for a
    quarter of the time costs. *allowed* is what the affinity leaves; left out, it is asked for.
    """
    quota = cpu_quota(cgroup_root, proc_cgroup)
    allowed = allowed or _cores_by_affinity()
    if quota is None:
        return allowed
    return max(1, min(allowed, math.ceil(quota)))


def cpu_quota(cgroup_root: Path, proc_cgroup: Path) -> float | None:
    """Return the tightest quota, in cores, of this process's groups; None is no quota."""
    quotas = [
        quota
        for folder in group_folders("cpu", cgroup_root, proc_cgroup)
        if (quota := _quota_of(folder)) is not None
    ]
    return min(quotas, default=None)


def _cores_by_affinity() -> int:
    """Return how many cores the scheduler may put this process on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no such call
        return os.cpu_count() or 1


def group_folders(controller: str, cgroup_root: Path, proc_cgroup: Path) -> list[Path]:
    """Return the folders of this process's groups of *controller*, each with all of its parents.

    A parent's limit binds too. Inside a container the paths in /proc/self/cgroup may be the
    host's and not exist here; the root of the mount is then the group itself.
    """
    try:
        lines = proc_cgroup.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders: dict[Path, None] = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mounts = [cgroup_root, cgroup_root / "unified"]
        elif controller in controllers.split(","):
            mounts = [cgroup_root / controller, cgroup_root / controllers]
        else:
            continue
        inner = Path(path.lstrip("/"))
        for mount in mounts:
            folders.update(dict.fromkeys(mount / part for part in (inner, *inner.parents)))
    return list(folders)


def _quota_of(folder: Path) -> float | None:
    """Return the quota in cores that *folder* sets, None where it sets none."""
    v2 = words_of(folder / "cpu.max")  # "max 100000" or "150000 100000"
    v1 = words_of(folder / "cpu.cfs_quota_us") + words_of(folder / "cpu.cfs_period_us")
    for words in (v2, v1):
        if len(words) == 2 and words[0] not in {"max", "-1"} and int(words[1]) > 0:
            return int(words[0]) / int(words[1])
    return None


def words_of(file: Path) -> list[str]:
    """Return the words in *file*; none where it cannot be read."""
    try:
        return file.read_text(encoding="ascii").split()
    except OSError:
        return []
