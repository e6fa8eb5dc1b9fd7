"""Number of processors that this process may use: affinity, and the CPU limit of its container (cgroup)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


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

    Both versions are read (`cpu.max` of version 2; `cpu.cfs_quota_us` and `cpu.cfs_period_us` of version 1), as a
    system can have mounted both. `root` is the folder that has /proc and the cgroup mounts.
    """
    paths = dict(_cgroup_paths(root))
    for is_v2, mount_point, mount_root in _cgroup_mounts(root):
        if is_v2 not in paths:
            continue
        for folder in _up_to_mount(paths[is_v2], mount_root):
            location = root / mount_point.relative_to("/") / folder
            if is_v2:
                quota, _, period = _read(location / "cpu.max").strip().partition(" ")
            else:
                quota, period = (_read(location / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
            limit = _limit(quota, period)
            if limit is not None:
                yield limit


def _cgroup_paths(root: Path) -> Iterator[tuple[bool, PurePosixPath]]:
    """Yield this process's path in the cgroup hierarchies that can limit its CPUs, and whether it is version 2's."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon and (hierarchy == "0" or "cpu" in controllers.split(",")):
            yield hierarchy == "0", PurePosixPath(path)


def _cgroup_mounts(root: Path) -> Iterator[tuple[bool, PurePosixPath, PurePosixPath]]:
    """Yield, of each cgroup mount, whether it is version 2, its mount point, and the path of what is mounted there."""
    for line in _read(root / "proc/self/mountinfo").splitlines():
        mount, _, file_system = line.partition(" - ")
        fields, kind = mount.split(), file_system.split()
        if len(fields) < 5 or len(kind) < 3 or not fields[4].startswith("/"):
            continue
        is_v2 = kind[0] == "cgroup2"
        if is_v2 or (kind[0] == "cgroup" and "cpu" in kind[2].split(",")):
            yield is_v2, PurePosixPath(fields[4]), PurePosixPath(fields[3])


def _up_to_mount(path: PurePosixPath, mount_root: PurePosixPath) -> list[PurePosixPath]:
    """Return the path, relative to a mount, and its ancestors up to the mount itself.

    In a container, the path may be the host's, outside what is mounted; the mount is then the container's own cgroup.
    """
    if not path.is_relative_to(mount_root) or ".." in path.parts:
        return [PurePosixPath()]
    relative = path.relative_to(mount_root)
    return [relative, *relative.parents]


def _limit(quota: str, period: str) -> int | None:
    """Return a quota of CPU time per period in CPUs, rounded up; None where there is none ("max", -1)."""
    try:
        quota_us, period_us = int(quota), int(period)
    except ValueError:
        return None
    return -(-quota_us // period_us) if quota_us > 0 and period_us > 0 else None


def _read(path: Path) -> str:
    """Return the text of a file of the kernel's; empty if it is missing."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):  # ValueError: a path with a null character
        return ""
