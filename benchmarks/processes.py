"""Training by two processes beside one with two threads: tokens/s, and bytes sent for each step.

Speed: whole trainings by the command take turns, one process with `--threads 2` and two processes of torchrun with one
thread each, of the same batch; the table has medians of the rows of their `metrics.jsonl` but the first, and the ratio
of measurements from the same round.

Traffic: two trainings by two processes, of which one has more steps, run alone in a network namespace of their own
(`unshare`); the bytes on its loopback device, divided by the difference in steps, are what both processes send in a
step. Skipped where namespaces are not allowed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import print_heading, print_table

TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "rnntui"]
ALONE = ["-m", "rnntui"]
QUIET = ["--precision", "fp32", "--evaluations", "1", "--eval-tokens", "512", "--sample-length", "0"]


def train(program: list[str], text: str, folder: str, flags: list[str]) -> list[str]:
    """Return the command of a training."""
    return [sys.executable, *program, "train", text, *QUIET, "--save-every", "100000", "--checkpoints", folder, *flags]


def tokens_per_second(program: list[str], text: str, flags: list[str], threads: int) -> float:
    """Train in a temporary folder, and return the median speed."""
    with tempfile.TemporaryDirectory() as folder:
        command = train(program, text, folder, [*flags, "--threads", str(threads)])
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
        [metrics] = Path(folder).glob("*/metrics.jsonl")
        rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
        speeds = [row["tokens_per_second"] for row in rows if "tokens_per_second" in row]
        return statistics.median(speeds[1:])


def loopback_bytes(text: str, flags: list[str]) -> int:
    """Train by two processes in a network namespace, and return the bytes that its loopback device has sent."""
    with tempfile.TemporaryDirectory() as folder:
        command = shlex.join(train(TORCHRUN, text, folder, flags))
        script = f"ip link set lo up && {command} >{folder}/log 2>&1 && cat /proc/net/dev"
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        isolated = ["unshare", "-rn", "sh", "-c", script]
        shown = subprocess.run(isolated, check=True, capture_output=True, text=True, env=env)
    [line] = [line for line in shown.stdout.splitlines() if line.strip().startswith("lo:")]
    return int(line.split()[9])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--traffic-steps", type=int, default=20)
    parser.add_argument("--flags", default="", help="more flags of rnntui train, such as '--hidden 256'")
    arguments = parser.parse_args()
    flags, steps = shlex.split(arguments.flags), arguments.steps
    print_heading("Training by two processes", "fp32")
    rounds = []
    for number in range(arguments.rounds):
        contestants = [(ALONE, 2), (TORCHRUN, 1)]
        speeds = {}
        for program, threads in contestants if number % 2 == 0 else reversed(contestants):
            speed = tokens_per_second(program, arguments.text, [*flags, "--steps", str(steps)], threads)
            speeds["two" if program is TORCHRUN else "one"] = speed
        rounds.append(speeds)
    one, two = ([speeds[name] for speeds in rounds] for name in ("one", "two"))
    ratios = sorted(b / a for a, b in zip(one, two, strict=True))
    rows = [
        ["1 process, 2 threads", f"{statistics.median(one):,.0f}", ""],
        ["2 processes, 1 thread", f"{statistics.median(two):,.0f}", f"{statistics.median(ratios):.2f}"],
    ]
    print_table("Training of the same batch", ["", "tokens/s", "ratio"], rows)
    print(f"ratios of all rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)}\n")
    few, more = 5, 5 + arguments.traffic_steps
    try:
        sent = [loopback_bytes(arguments.text, [*flags, "--steps", str(count)]) for count in (few, more)]
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"traffic: not measured, as no network namespace could be made ({error})")
        return
    print(f"bytes sent by both processes together: {(sent[1] - sent[0]) / (more - few):,.0f} a step")


if __name__ == "__main__":
    main()
