"""Where the memory of the app or the server is, minute by minute, as it says itself. See `soak.py`, `--probe`.

    python benchmarks/soak_probe.py probe.jsonl chat shakespeare

runs `rnntui chat shakespeare` with a thread that appends a JSON line every minute: what the kernel counts (PSS, USS,
RSS), what of it is malloc's (used, free but kept, mapped for itself) and Python's own, which objects there are most of,
and the numbers of entries of the caches of Rich, Textual and `functools`. Linux with glibc only.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import json
import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

SECONDS = 60.0
MOST = 60  # types of objects that are written


class _Mallinfo(ctypes.Structure):
    """`struct mallinfo2` of glibc; sums over all arenas."""

    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split(" ")]


def kernel_facts() -> dict[str, float]:
    """Return RSS, PSS and USS in megabytes, and what of the anonymous memory lies in the heap that grows by `brk`."""
    facts: Counter[str] = Counter()
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines()[1:]:
        name, value = line.split(":")
        facts[name] += int(value.split()[0])
    is_heap = False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if line[0] in "0123456789abcdef":
            is_heap = line.endswith("[heap]")
        elif is_heap and line.startswith("Rss:"):
            facts["Heap"] += int(line.split()[1])
    return {
        "rss_mb": facts["Rss"] / 1000,
        "pss_mb": facts["Pss"] / 1000,
        "uss_mb": (facts["Private_Clean"] + facts["Private_Dirty"]) / 1000,
        "anonymous_mb": facts["Anonymous"] / 1000,
        "heap_mb": facts["Heap"] / 1000,
    }


def malloc_facts() -> dict[str, float]:
    """Return what malloc has taken from the kernel in megabytes: used, free but kept, mapped for one block each."""
    function = ctypes.CDLL(None).mallinfo2
    function.restype = _Mallinfo
    info = function()
    return {
        "malloc_used_mb": info.uordblks / 1e6,
        "malloc_free_mb": info.fordblks / 1e6,
        "malloc_mapped_mb": info.hblkhd / 1e6,
        "malloc_maps": info.hblks,
    }


def arena_facts(path: Path) -> list[list[float]]:
    """Return for each arena of malloc its megabytes, and those of them that are free; most threads have their own.

    `path` is that of a file to write to, as glibc writes XML.
    """
    c = ctypes.CDLL(None)
    c.fopen.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(c.fopen(str(path).encode(), b"w"))
    c.malloc_info(0, stream)
    c.fclose(stream)
    heaps = re.findall(r'<heap nr="\d+">(.*?)</heap>', path.read_text(encoding="utf-8"), re.DOTALL)
    path.unlink()
    arenas = []
    for heap in heaps:
        free = sum(int(size) for size in re.findall(r'<total type="(?:fast|rest)" count="\d+" size="(\d+)"/>', heap))
        held = re.search(r'<system type="current" size="(\d+)"/>', heap)
        arenas.append([round(int(held[1]) / 1e6, 2) if held else 0.0, round(free / 1e6, 2)])
    return arenas


def object_facts() -> dict[str, Any]:
    """Return how many objects of which types the collector knows, and the entries of caches of functions."""
    counts: Counter[str] = Counter()
    caches: dict[str, int] = {}
    for thing in gc.get_objects():
        kind = type(thing)
        counts[f"{kind.__module__}.{kind.__qualname__}"] += 1
        if kind is functools._lru_cache_wrapper:
            size = thing.cache_info().currsize
            if size >= 64:
                caches[f"{thing.__module__}.{thing.__qualname__}"] = size
        elif kind.__name__ in ("LRUCache", "FIFOCache") and len(thing) >= 64:
            name = f"{kind.__name__} of {thing.maxsize if hasattr(thing, 'maxsize') else thing._maxsize}"
            caches[name] = caches.get(name, 0) + len(thing)
    return {"objects": sum(counts.values()), "types": dict(counts.most_common(MOST)), "caches": caches}


def big_containers(least: int = 200) -> dict[str, int]:
    """Return the largest lists, dictionaries and sets by size and what they hold, which shows which of them grow."""
    found: Counter[str] = Counter()
    for thing in gc.get_objects():
        if type(thing) in (list, dict, set, bytearray) and len(thing) >= least:
            first = next(iter(thing), None)
            found[f"{type(thing).__name__} of {type(first).__qualname__}, {len(thing) // 1000 * 1000}"] += 1
    return dict(found.most_common(40))


def probe(path: Path, objects_every: int = 5) -> None:
    """Append a line every minute, with the objects in every fifth: counting them makes lists of their own."""
    began = time.monotonic()
    with path.open("a", encoding="utf-8") as file:
        for number in range(1 << 30):
            line: dict[str, Any] = {"seconds": round(time.monotonic() - began, 1), "blocks": sys.getallocatedblocks()}
            line |= kernel_facts() | malloc_facts()
            line["arenas_mb"] = arena_facts(path.with_suffix(".xml"))
            line["threads"] = Counter(thread.name for thread in threading.enumerate())
            if number % objects_every == 0:
                line |= object_facts() | {"containers": big_containers()}
            print(json.dumps(line), file=file, flush=True)
            time.sleep(SECONDS)


def main() -> None:
    """Run `rnntui` with the probe."""
    path = Path(sys.argv[1])
    sys.argv = ["rnntui", *sys.argv[2:]]
    threading.Thread(target=probe, args=(path,), name="probe", daemon=True).start()
    from rnntui.__main__ import main as run

    run()


if __name__ == "__main__":
    main()
