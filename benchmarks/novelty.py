"""The novelty index: seconds, memory and disk to build it, and the time of its searches, for a run and a large text.

The large text is made of words drawn at random, by how often each follows another in the run's corpus. Each index is
built in a process of its own, whose peak memory is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import print_heading, print_table

ROOT = Path(__file__).resolve().parent.parent
_SAMPLE = 500  # characters of a report
_LIMIT = 40  # characters of a limit


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?", default=str(ROOT / "corpora" / "shakespeare.txt"), help="a text")
    parser.add_argument("--megabytes", type=float, default=100, help="size of the large text")
    parser.add_argument("--measure", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--write", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        text = Path(options.text).read_text("utf-8")
        Path(options.write).write_text(random_words(text, int(options.megabytes * 1e6)), "utf-8")
        return
    if options.measure:
        print(json.dumps(measure(Path(options.measure))))
        return
    print_heading("The novelty index", "none", megabytes=options.megabytes)
    with tempfile.TemporaryDirectory(prefix="rnntui-novelty-") as folder:
        large = Path(folder) / "large.txt"
        # In a process of its own: the peak memory of this one would count into that of the measurements.
        size = ["--megabytes", str(options.megabytes)]
        subprocess.run([sys.executable, __file__, options.text, "--write", str(large), *size], check=True)
        rows = []
        for path in (Path(options.text), large):
            done = subprocess.run(
                [sys.executable, __file__, "--measure", str(path)], check=True, capture_output=True,
                env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
            values = json.loads(done.stdout)
            rows.append(
                [
                    path.name, f"{values['characters'] / 1e6:.1f} M", f"{values['seconds']:.1f} s",
                    f"{values['characters'] / 1e6 / values['seconds']:.1f}", f"{values['memory'] / 1e6:.0f} MB",
                    f"{values['disk'] / 1e6:.0f} MB", f"{values['contains'] * 1e6:.0f} µs",
                    f"{values['lengths'] * 1e3:.0f} ms",
                ]
            )  # fmt: skip
    columns = ["text", "characters", "CPU time to build", "M/s", "memory", "disk", "a token", "500 characters"]
    print_table("Building and searching", columns, rows)


def random_words(text: str, size: int) -> str:
    """Return a text of `size` characters, of words drawn by how often they follow one another in another text."""
    import numpy as np

    words, ids = np.unique(np.array(text.replace("\n", " \n ").split(" ")), return_inverse=True)
    order = np.argsort(ids[:-1], kind="stable")
    followers = ids[1:][order]
    first = np.searchsorted(ids[:-1][order], np.arange(len(words) + 1))
    generator, streams = np.random.default_rng(1), 4096
    current = generator.integers(len(words), size=streams)
    steps = []
    for _ in range(size * len(ids) // len(text) // streams + 1):
        low, high = first[current], np.maximum(first[current + 1], first[current] + 1)
        current = followers[np.minimum(generator.integers(low, high), len(followers) - 1)]
        steps.append(current)
    return " ".join(" ".join(words[stream]) for stream in np.stack(steps).T)[:size].replace(" \n ", "\n")


def measure(path: Path) -> dict[str, Any]:
    """Return what the index of a text takes: CPU seconds and bytes to build, and CPU seconds of its searches."""
    from rnntui.text.char_tokenizer import code_points
    from rnntui.text.corpus import find_corpus
    from rnntui.text.suffix_index import SuffixIndex, build_suffix_index

    with tempfile.TemporaryDirectory(prefix="rnntui-novelty-") as name:
        folder = Path(name)
        started = time.process_time()
        build_suffix_index(folder, map(code_points, find_corpus([str(path)]).blocks()), {}, lambda fraction: None)
        seconds = time.process_time() - started
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        index = SuffixIndex(folder)
        text = index.characters(index.size // 3, index.size // 3 + 40 * _SAMPLE).upper().swapcase()
        texts = [text[start : start + _SAMPLE] for start in range(0, len(text), _SAMPLE)]
        lengths = _seconds_of(index.match_lengths, texts)
        stretches = [text[start : start + _LIMIT] + "é" for start in range(0, len(text) - _LIMIT, 37)]
        contains = _seconds_of(index.contains, stretches)
        disk = sum(file.stat().st_size for file in folder.iterdir())
    return {
        "characters": index.size, "seconds": seconds, "memory": memory, "disk": disk, "contains": contains,
        "lengths": lengths,
    }  # fmt: skip


def _seconds_of(search: Any, texts: list[str]) -> float:
    """Return the CPU seconds of a search, the mean over texts; the first is not counted."""
    search(texts[0])
    started = time.process_time()
    for text in texts[1:]:
        search(text)
    return (time.process_time() - started) / (len(texts) - 1)


if __name__ == "__main__":
    main()
