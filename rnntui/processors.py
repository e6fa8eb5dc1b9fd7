"""Number of processors that this process may use: affinity, and the CPU limit of its container (cgroup)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rnntui.cgroups import cgroup_folders, read_kernel_file


def usable_cpus(root: Path = Path("/")) -> int:
    """Return how many CPUs this process may use at a time, at least 1.

    That is the number in its affinity mask (as set by `taskset` or a batch system), or fewer if its cgroup has a CPU
    limit (as set by `docker run --cpus`); a limit of 1.5 CPUs counts as 2. The numerical libraries respect the mask but
    not the limit: with more threads than it allows, the kernel stops them all for the rest of every 100 ms.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([affinity, *cgroup_limits(root)])


def cgroup_limits(root: Path = Path("/")) -> Iterator[int]:
    """Yield the CPU limits, rounded up, of this process's cgroups and their ancestors; a malformed one is no limit.

    Read are `cpu.max` of version 2, `cpu.cfs_quota_us` and `cpu.cfs_period_us` of version 1. `root` is the folder that
    has /proc and the cgroup mounts.
    """
    for is_v2, folder in cgroup_folders("cpu", root):
        if is_v2:
            quota, _, period = read_kernel_file(folder / "cpu.max").strip().partition(" ")
        else:
            quota, period = (read_kernel_file(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        limit = _limit(quota, period)
        if limit is not None:
            yield limit


def _limit(quota: str, period: str) -> int | None:
    """Return a quota of CPU time per period in CPUs, rounded up; None where there is none ("max", -1)."""
    try:
        quota_us, period_us = int(quota), int(period)
    except ValueError:
        return None
    return -(-quota_us // period_us) if quota_us > 0 and period_us > 0 else None
