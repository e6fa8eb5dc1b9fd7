"""A long job of a command that is killed in the middle and goes on: seconds, CPU time and memory of all its processes.

Memory is PSS: what two processes share counts once. It is sampled, as is the number of lines that are written.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

_SECONDS = 2.0  # between two samples


class Sample(NamedTuple):
    """Lines that are written, CPU seconds and PSS in MB of all processes of a job."""

    lines: int
    cpu: float
    megabytes: float


class JobFacts(NamedTuple):
    """What a job took, up to where it was killed and from there on.

    `early_megabytes` and `megabytes` are the peaks until a tenth of the lines was written, and of the whole job.
    """

    seconds: float
    cpu: float
    early_megabytes: float
    megabytes: float
    killed_at: int


class _Lines:
    """Counts the lines of a file that grows, and reads no byte of it twice."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._count = path, 0, 0

    def count(self) -> int:
        if not self._path.exists():
            return 0
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while data := file.read(1 << 20):
                self._offset, self._count = self._offset + len(data), self._count + data.count(b"\n")
        return self._count


def run_killed(command: Sequence[str], output: Path, lines: int) -> JobFacts:
    """Run a command that writes so many lines to a file, kill it by SIGKILL at half of them, and go on by `--resume`.

    Raises `RuntimeError` if a process outlives the killed command for ten seconds.
    """
    output.unlink(missing_ok=True)
    began = time.perf_counter()
    first, killed_at = _run(command, output, lambda sample: sample.lines >= lines // 2)
    second, _ = _run([*command, "--resume"], output, lambda sample: False)
    samples = [*first, *second]
    early = [sample.megabytes for sample in samples if sample.lines <= lines / 10]
    return JobFacts(
        time.perf_counter() - began,
        first[-1].cpu + second[-1].cpu,
        max(early, default=0.0),
        max(sample.megabytes for sample in samples),
        killed_at,
    )


def answers_one_by_one(command: Sequence[str], lines: Sequence[str]) -> str:
    """Return what a command answers to lines of which each is sent after the answer to the one before."""
    answers = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for line in lines:
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
            answers.append(process.stdout.readline())
    return "".join(answers)


def _run(command: Sequence[str], output: Path, is_enough: Callable[[Sample], bool]) -> tuple[list[Sample], int]:
    """Run a command until it ends, or kill it once there is enough. Return samples, and the lines written by then."""
    process = psutil.Popen(list(command), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    written, samples, cpu = _Lines(output), [Sample(0, 0.0, 0.0)], dict[int, float]()
    while process.poll() is None:
        members = [process, *_children(process)]
        megabytes = 0.0
        for member in members:
            try:
                times = member.cpu_times()
                megabytes += member.memory_full_info().pss / 1e6
            except psutil.Error:
                continue
            cpu[member.pid] = times.user + times.system
        samples.append(Sample(written.count(), sum(cpu.values()), megabytes))
        if is_enough(samples[-1]):
            process.send_signal(signal.SIGKILL)
            process.wait()
            _, alive = psutil.wait_procs(members[1:], timeout=10)
            if alive:
                raise RuntimeError(f"{len(alive)} processes outlive the command")
            return samples, written.count()
        try:
            process.wait(_SECONDS)
        except psutil.TimeoutExpired:
            continue
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return samples, written.count()


def _children(process: psutil.Popen) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def python_command(*arguments: str) -> list[str]:
    """Return the command line of rnntui by this interpreter."""
    return [sys.executable, "-m", "rnntui", *arguments]
