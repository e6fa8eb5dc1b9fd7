"""Checksums of lines in jobs that can be gone on with: their share of the CPU time, beside jobs that store none.

`score` and `classify` answer short lines by the smallest models, untrained ones of 16 units and less, in one process:
the work on a line is as little as it gets, so the share is as large as it gets. Jobs with and without checksums
alternate in this process, after one of each that is not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from common import alternate, print_heading, print_table, ratio, verdict

from rnntui.cli.job_record import LineChecksums
from rnntui.cli.main import run

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from classifier_examples import make_classifier_run
from tiny_runs import make_run

MOST = 0.03
"""The largest share of checksums that is acceptable."""


class Job:
    """A job on all lines, with and without checksums; `spent` is the CPU time of checksums in each that had them."""

    def __init__(self, command: str, run_folder: Path, lines: Path) -> None:
        self._arguments = [command, "--run", str(run_folder), "--file", str(lines), "--jobs", "1", "--resume"]
        self._output = lines.with_name(f"{command}.txt")
        self._add = LineChecksums.add
        self.spent: list[float] = []

    def contestant(self, has_checksums: bool) -> Callable[[], float]:
        """Return a function that answers all lines anew and returns its CPU seconds."""

        def add(checksums: LineChecksums, texts: list[str], answers: bytes) -> None:
            if has_checksums:
                began = time.process_time()
                self._add(checksums, texts, answers)
                self.spent[-1] += time.process_time() - began

        def answer() -> float:
            for path in (self._output, self._output.with_name(f".{self._output.name}.job")):
                path.unlink(missing_ok=True)
            LineChecksums.add = add  # type: ignore[method-assign, assignment]
            if has_checksums:
                self.spent.append(0.0)
            began = time.process_time()
            with contextlib.redirect_stderr(io.StringIO()):
                code = run([*self._arguments, "--output", str(self._output)])
            seconds = time.process_time() - began
            LineChecksums.add = self._add  # type: ignore[method-assign]
            if code:
                raise SystemExit(f"{self._arguments[0]} has failed with {code}")
            return seconds

        return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print_heading("Checksums of lines", "float64", lines=f"{options.lines:,}", rounds=options.rounds)
    rows = []
    with tempfile.TemporaryDirectory(prefix="rnntui-") as name:
        folder = Path(name)
        lines = folder / "lines.txt"
        lines.write_text("".join(f"line {number % 30} of text\n" for number in range(options.lines)))
        runs = {
            "score": make_run(folder, "text"),
            "classify": make_classifier_run(folder, "labels", ["of text", "line"]),
        }
        for command, run_folder in runs.items():
            job = Job(command, run_folder.path, lines)
            times = alternate({"with": job.contestant(True), "without": job.contestant(False)}, options.rounds)
            spent = job.spent[-options.rounds :]
            whole, bare = (statistics.median(times[name]) for name in ("with", "without"))
            share = statistics.median(part / total for part, total in zip(spent, times["with"], strict=True))
            rows.append(
                [
                    command, f"{whole:.2f} s", f"{bare:.2f} s", f"{ratio(times['with'], times['without']):.3f}",
                    f"{1e6 * statistics.median(spent) / options.lines:.2f} µs", f"{share:.1%}", verdict(share <= MOST),
                ]
            )  # fmt: skip
    columns = ["command", "CPU with", "CPU without", "ratio", "checksums of a line", "share", f"≤ {MOST:.0%}"]
    print_table("CPU time of checksums", columns, rows)


if __name__ == "__main__":
    main()
