"""The memory that malloc keeps."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

THREADS_THAT_ALLOCATE = """
import ctypes, sys, threading
from rnntui.system_memory import use_few_malloc_arenas

if sys.argv[1] == "few":
    use_few_malloc_arenas()
c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
together = threading.Barrier(6)

def allocate():
    c.malloc(1000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
c.malloc_info(0, ctypes.c_void_p.in_dll(c, "stdout"))
c.fflush(None)
"""


def arenas(argument: str, **variables: str) -> int:
    """Return the number of malloc's arenas in a process whose six threads allocate at the same time."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
    }
    done = subprocess.run(
        [sys.executable, "-c", THREADS_THAT_ALLOCATE, argument], env=environment | variables, capture_output=True,
        text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="arenas are glibc's")
def test_threads_share_two_arenas_unless_the_user_has_set_their_number() -> None:
    assert arenas("many") > 2
    assert arenas("few") <= 2
    assert 2 < arenas("few", MALLOC_ARENA_MAX="4") <= 4


FREE_BETWEEN_USED = """
import numpy as np, psutil
from rnntui.system_memory import release_free_memory

blocks = [np.ones(1500) for _ in range(10_000)]
kept = blocks[::10]
del blocks
resident = [psutil.Process().memory_info().rss]
release_free_memory()
resident.append(psutil.Process().memory_info().rss)
assert all(block.sum() == 1500 for block in kept)
print(resident[0] - resident[1])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="malloc_trim is glibc's")
def test_what_is_free_between_what_is_used_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FREE_BETWEEN_USED], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) > 50_000_000, "of 120 MB, a tenth is in use"
