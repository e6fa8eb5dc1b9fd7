"""Control groups (cgroups) of this process, which limit the CPUs and the memory of a container."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def cgroup_folders(controller: str, root: Path = Path("/")) -> Iterator[tuple[bool, Path]]:
    """Yield the folders of this process's cgroups and of their ancestors, each with True if it is of version 2.

    Both versions are looked for, as a system can have mounted both. A folder may not exist.

    Args:
        controller: name of the controller in version 1, `cpu` or `memory`; version 2 has one hierarchy for all.
        root: the folder that has /proc and the cgroup mounts.
    """
    paths = dict(_cgroup_paths(controller, root))
    for is_v2, mount_point, mount_root in _cgroup_mounts(controller, root):
        if is_v2 in paths:
            for folder in _up_to_mount(paths[is_v2], mount_root):
                yield is_v2, root / mount_point.relative_to("/") / folder


def read_kernel_file(path: Path) -> str:
    """Return the text of a file in /proc or /sys; empty if it is missing."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):  # ValueError: a path with a null character
        return ""


def _cgroup_paths(controller: str, root: Path) -> Iterator[tuple[bool, PurePosixPath]]:
    """Yield this process's path in the cgroup hierarchies that have the controller, and whether it is version 2's."""
    for line in read_kernel_file(root / "proc/self/cgroup").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, colon, path = rest.partition(":")
        if colon and (hierarchy == "0" or controller in controllers.split(",")):
            yield hierarchy == "0", PurePosixPath(path)


def _cgroup_mounts(controller: str, root: Path) -> Iterator[tuple[bool, PurePosixPath, PurePosixPath]]:
    """Yield, of each cgroup mount, whether it is version 2, its mount point, and the path of what is mounted there."""
    for line in read_kernel_file(root / "proc/self/mountinfo").splitlines():
        mount, _, file_system = line.partition(" - ")
        fields, kind = mount.split(), file_system.split()
        if len(fields) < 5 or len(kind) < 3 or not fields[4].startswith("/"):
            continue
        is_v2 = kind[0] == "cgroup2"
        if is_v2 or (kind[0] == "cgroup" and controller in kind[2].split(",")):
            yield is_v2, PurePosixPath(fields[4]), PurePosixPath(fields[3])


def _up_to_mount(path: PurePosixPath, mount_root: PurePosixPath) -> list[PurePosixPath]:
    """Return the path, relative to a mount, and its ancestors up to the mount itself.

    In a container, the path may be the host's, outside what is mounted; the mount is then the container's own cgroup.
    """
    if not path.is_relative_to(mount_root) or ".." in path.parts:
        return [PurePosixPath()]
    relative = path.relative_to(mount_root)
    return [relative, *relative.parents]
