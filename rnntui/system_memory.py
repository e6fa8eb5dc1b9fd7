"""Memory that this process can still get: of the system, and within the limit of its container (cgroup).

Also how much of it malloc keeps for itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from rnntui.cgroups import cgroup_folders, read_kernel_file

# Of torch's allocator on a CPU, of that on a GPU, and of C++ code that gives no text of its own.
_OUT_OF_MEMORY = re.compile(r"can't allocate memory|out of memory|not enough memory|bad_alloc", re.IGNORECASE)


_M_ARENA_MAX = -8  # of glibc's malloc.h
_ARENAS = 2


def use_few_malloc_arenas() -> None:
    """Let the threads to come share two of malloc's arenas; only for glibc on Linux, and unless the user has set that.

    By default almost every thread has an arena of its own (mallopt(3), `M_ARENA_MAX`), and each arena keeps what its
    largest work took: memory grows whenever a task is the first of its kind in a thread, and the app's short tasks run
    in six threads by turns. The server took 195 MB with two arenas, and 225 MB without.
    """
    if sys.platform == "linux" and not {"MALLOC_ARENA_MAX", "GLIBC_TUNABLES"} & os.environ.keys():
        import ctypes  # which numpy imports too

        with contextlib.suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def release_free_memory() -> None:
    """Give the memory that malloc keeps free back to the system, with glibc; other C libraries are left alone.

    What is free between what is in use is else kept for good, and grows with hours of short tasks: by 4 MB an hour in
    the app, in which nothing else grew, and by 7 in a training. Takes some milliseconds, without Python's lock.
    """
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def is_out_of_memory(error: BaseException) -> bool:
    """Return True for the error of an allocation that failed.

    numpy raises `MemoryError`, torch `RuntimeError`, the import of a library that cannot be mapped `ImportError`, and
    the start of a process `OSError`.
    """
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, ImportError):  # where it is not permitted, as on a noexec file system, the message goes on
        return str(error).endswith("failed to map segment from shared object")
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(str(error)) is not None
    )


def available_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes that this process can allocate before the kernel kills it or another; None where unknown.

    That is `MemAvailable` with the free swap space, or less if its cgroup has a memory limit (as set by `docker run
    --memory`). The file cache does not count as used, as the kernel takes it back; nor does that of ZFS.
    `root` is the folder that has /proc and the cgroup mounts.
    """
    system = _values(read_kernel_file(root / "proc/meminfo"), 1024)
    if "MemAvailable" not in system:
        return None
    swap = system.get("SwapFree", 0)
    zfs = _values(read_kernel_file(root / "proc/spl/kstat/zfs/arcstats"))
    zfs_cache = max(0, zfs.get("size", 0) - zfs.get("c_min", 0))
    return min([system["MemAvailable"] + zfs_cache + swap, *_cgroup_headrooms(swap, root)])


def _cgroup_headrooms(free_swap: int, root: Path) -> Iterator[int]:
    """Yield the bytes below the memory limit of each cgroup of this process that has one."""
    for is_v2, folder in cgroup_folders("memory", root):
        limit_name, usage_name = ("max", "current") if is_v2 else ("limit_in_bytes", "usage_in_bytes")
        limit, usage = (_number(folder / f"memory.{name}") for name in (limit_name, usage_name))
        if limit is None or usage is None:
            continue
        statistics = _values(read_kernel_file(folder / "memory.stat"))
        cache = statistics.get("file" if is_v2 else "total_cache", 0)
        swap_limit = _number(folder / "memory.swap.max") if is_v2 else None
        swap = free_swap if swap_limit is None else min(free_swap, swap_limit)
        yield max(0, limit - usage + cache + swap)


def _number(path: Path) -> int | None:
    """Return the number in a file; None if there is none, as in `max`."""
    text = read_kernel_file(path).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _values(text: str, unit: int = 1) -> dict[str, int]:
    """Return the numbers of lines such as `MemAvailable: 123 kB` and `file 123`, times the unit, by name.

    In a line of three fields (`size 4 123`) the last number is the value.
    """
    values: dict[str, int] = {}
    for line in text.splitlines():
        name, *rest = line.replace(":", " ").split()[:3] or [""]
        numbers = [field for field in rest if field.isascii() and field.isdigit()]
        if numbers:
            values[name] = int(numbers[-1]) * unit
    return values
