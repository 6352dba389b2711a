"""How many cores a container, a batch job and a bare machine leave to us."""

from pathlib import Path

from extract.local.cores import cpu_quota, usable_cores


def written(root: Path, files: dict[str, str]) -> Path:
    """Write *files* under *root* and return it."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_without_a_quota_the_affinity_counts(tmp_path: Path):
    """A machine without cgroups gives all cores that the scheduler gives."""
    actual = usable_cores(allowed=8, cgroup_root=tmp_path, proc_cgroup=tmp_path / "none")

    assert actual == 8


def test_a_v2_quota_is_rounded_up(tmp_path: Path):
    """One and a half cores are used by two threads."""
    root = written(tmp_path, {"proc": "0::/job\n", "job/cpu.max": "150000 100000\n"})

    actual = usable_cores(allowed=8, cgroup_root=root, proc_cgroup=root / "proc")

    assert actual == 2


def test_a_quota_below_one_core_leaves_one(tmp_path: Path):
    """There is always one thread."""
    root = written(tmp_path, {"proc": "0::/\n", "cpu.max": "20000 100000\n"})

    actual = usable_cores(allowed=8, cgroup_root=root, proc_cgroup=root / "proc")

    assert actual == 1


def test_max_is_no_quota(tmp_path: Path):
    """`max` is how version 2 says that nothing is limited."""
    root = written(tmp_path, {"proc": "0::/\n", "cpu.max": "max 100000\n"})

    actual = cpu_quota(root, root / "proc")

    assert actual is None


def test_a_parents_quota_binds_too(tmp_path: Path):
    """The tightest quota on the way to the root is the one that throttles."""
    root = written(
        tmp_path,
        {
            "proc": "0::/pod/box\n",
            "pod/cpu.max": "300000 100000\n",
            "pod/box/cpu.max": "max 100000\n",
        },
    )

    actual = cpu_quota(root, root / "proc")

    assert actual == 3.0


def test_a_v1_quota_is_read(tmp_path: Path):
    """Version 1 keeps quota and period in two files of the cpu controller."""
    root = written(
        tmp_path,
        {
            "proc": "4:memory:/m\n3:cpu,cpuacct:/box\n0::/\n",
            "cpu,cpuacct/box/cpu.cfs_quota_us": "400000\n",
            "cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
        },
    )

    actual = cpu_quota(root, root / "proc")

    assert actual == 4.0


def test_minus_one_is_no_quota(tmp_path: Path):
    """`-1` is how version 1 says that nothing is limited."""
    root = written(
        tmp_path,
        {
            "proc": "1:cpu:/\n",
            "cpu/cpu.cfs_quota_us": "-1\n",
            "cpu/cpu.cfs_period_us": "100000\n",
        },
    )

    actual = cpu_quota(root, root / "proc")

    assert actual is None


def test_a_hosts_path_inside_a_container_leads_to_the_mounts_root(tmp_path: Path):
    """A path that exists only outside must not hide the quota that is set inside."""
    root = written(tmp_path, {"proc": "0::/docker/4f2a\n", "cpu.max": "200000 100000\n"})

    actual = cpu_quota(root, root / "proc")

    assert actual == 2.0
