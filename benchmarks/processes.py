"""Training by two processes beside one with two threads: tokens/s, and bytes sent for each step.

Speed: whole trainings by the command take turns, one process with `--threads 2`, one with `--threads auto`, and two
processes of torchrun with one thread each, of the same batch; the table has medians of the rows of their
`metrics.jsonl` but the first, and ratios to the first training of the same round.

Traffic: two trainings by two processes, of which one has more steps, run alone in a network namespace of their own
(`unshare`); the bytes on its loopback device, divided by the difference in steps, are what both processes send in a
step. Skipped where namespaces are not allowed.

`--local-steps 1,8,32` instead trains by two processes that take so many steps each on their own: the loss after
`--steps`, what a process sends in a step (by two trainings in namespaces as above), and by arithmetic the time that a
link of 100 Mbit/s adds to a step: these bits at that rate, and three times the latency for each average, or sum of
gradients, which are the announcement and the two halves of the sum. No link is emulated.

`--machines` instead makes two network namespaces with addresses of their own, joined by a virtual cable, and trains in
both as two machines would, by `--nnodes 1:2`. The second one is killed at step 200; the first continues alone.
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
LINK_BITS = 100e6  # a second
LATENCIES = 0.001, 0.010  # seconds one way
MESSAGES = 3  # one after the other: the announcement, and the two halves of a sum over two processes
QUIET = ["--precision", "fp32", "--evaluations", "1", "--eval-tokens", "512", "--sample-length", "0"]


def train(program: list[str], text: str, folder: str, flags: list[str]) -> list[str]:
    """Return the command of a training."""
    return [sys.executable, *program, "train", text, *QUIET, "--save-every", "100000", "--checkpoints", folder, *flags]


def metrics_of(program: list[str], text: str, flags: list[str], threads: str) -> list[dict[str, float]]:
    """Train in a temporary folder, and return the rows of metrics."""
    count = "2" if threads == "auto" else threads
    with tempfile.TemporaryDirectory() as folder:
        command = train(program, text, folder, [*flags, "--threads", threads])
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": count})
        [metrics] = Path(folder).glob("*/metrics.jsonl")
        return [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]


def median_speed(rows: list[dict[str, float]]) -> float:
    """Return the median tokens a second of rows of metrics but the first."""
    return statistics.median([row["tokens_per_second"] for row in rows if "tokens_per_second" in row][1:])


def tokens_per_second(program: list[str], text: str, flags: list[str], threads: str) -> float:
    """Train in a temporary folder, and return the median speed."""
    return median_speed(metrics_of(program, text, flags, threads))


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


MACHINES = """
set -e
mount -t tmpfs tmpfs /run
ip netns add m1; ip netns add m2
ip link add v1 netns m1 type veth peer name v2 netns m2
for m in 1 2; do
  ip netns exec m$m ip addr add 10.7.0.$m/24 dev v$m
  ip netns exec m$m ip link set v$m up; ip netns exec m$m ip link set lo up
done
launch() {
  exec ip netns exec m$1 env OMP_NUM_THREADS=1 GLOO_SOCKET_IFNAME=v$1 "$PYTHON" -m torch.distributed.run \\
    --nnodes 1:2 --nproc-per-node 1 --max-restarts 3 --rdzv-backend c10d --rdzv-endpoint 10.7.0.1:29400 \\
    --rdzv-id job --rdzv-conf is_host=$((2 - $1)) --local-addr 10.7.0.$1 $ARGUMENTS >"$FOLDER/machine$1.log" 2>&1
}
(launch 1) & first=$!
(launch 2) & second=$!
while ! grep -q '"step": 200,' "$FOLDER"/*/metrics.jsonl 2>/dev/null; do sleep 0.2; done
for process in $(ip netns pids m2); do kill -9 $process; done
wait $second || echo "the second machine was killed at step 200"
wait $first && echo "the first machine finished"
"""


def train_by_machines(text: str, flags: list[str]) -> None:
    """Train in two network namespaces, of which one is killed, and print the output of the other."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = train(["-m", "rnntui"], text, folder, [*flags, "--steps", "600"])[1:]
        arguments[arguments.index("100000")] = "1"  # seconds between saves
        env = {**os.environ, "PYTHON": sys.executable, "FOLDER": folder, "ARGUMENTS": shlex.join(arguments)}
        subprocess.run(["unshare", "-rnm", "bash", "-c", MACHINES], check=True, env=env)
        print((Path(folder) / "machine1.log").read_text(encoding="utf-8"))


def bytes_of_a_step(text: str, flags: list[str], few: int, more: int) -> float:
    """Return what both processes send in a step, by two trainings of different length."""
    sent = [loopback_bytes(text, [*flags, "--steps", str(count)]) for count in (few, more)]
    return (sent[1] - sent[0]) / (more - few)


def link_seconds(step_bytes: float, rounds: float, latency: float) -> float:
    """Return the time that a step adds on a link.

    Args:
        step_bytes: What a process sends in a step, on average.
        rounds: Averages, or sums of gradients, in a step, on average.
        latency: Seconds that a message takes one way.
    """
    return 8 * step_bytes / LINK_BITS + MESSAGES * rounds * latency


def train_with_local_steps(text: str, flags: list[str], steps: int, counts: list[int]) -> None:
    """Print the losses, the traffic and the time of a step on slow links for numbers of local steps."""
    rows: list[list[str]] = []
    losses, sent = {}, {}
    for count in counts:
        local = [*flags, "--local-steps", str(count)]
        metrics = metrics_of(TORCHRUN, text, [*local, "--eval-tokens", "16384", "--steps", str(steps)], "1")
        losses[count] = metrics[-1]["streaming_loss"]
        step_seconds = metrics[-1]["tokens"] / metrics[-1]["step"] / median_speed(metrics)
        few = count * -(-5 // count)  # whole rounds
        sent[count] = bytes_of_a_step(text, local, few, few + count * -(-20 // count)) / 2
        print(f"--local-steps {count}: loss {losses[count]:.4f}, {sent[count]:,.0f} bytes", flush=True)
    for count in counts:
        times = [f"{1000 * link_seconds(sent[count], 1 / count, latency):,.1f} ms" for latency in LATENCIES]
        rows.append([f"{count}", f"{losses[count]:.3f}", f"{sent[count] / 1000:,.1f} kB", *times])
    print(f"{steps} steps; with {counts[-1]} local steps, one takes {1000 * step_seconds:.0f} ms on this machine")
    heading = [f"link of {LINK_BITS / 1e6:.0f} Mbit/s, {1000 * latency:.0f} ms" for latency in LATENCIES]
    print_table("Two processes with local steps", ["local steps", "loss", "a process sends in a step", *heading], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--machines", action="store_true")
    parser.add_argument(
        "--local-steps", default="", metavar="H,H,...", help="losses and traffic of these --local-steps"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--traffic-steps", type=int, default=20)
    parser.add_argument("--flags", default="", help="more flags of rnntui train, such as '--hidden 256'")
    arguments = parser.parse_args()
    flags, steps = shlex.split(arguments.flags), arguments.steps
    print_heading("Training by two processes", "fp32")
    if arguments.machines:
        train_by_machines(arguments.text, flags)
        return
    if arguments.local_steps:
        train_with_local_steps(arguments.text, flags, steps, [int(count) for count in arguments.local_steps.split(",")])
        return
    contestants = {
        "1 process, 2 threads": (ALONE, "2"), "1 process, --threads auto": (ALONE, "auto"),
        "2 processes, 1 thread each": (TORCHRUN, "1"),
    }  # fmt: skip
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(arguments.rounds):
        for name in list(contestants)[:: 1 if number % 2 == 0 else -1]:
            program, threads = contestants[name]
            speeds[name].append(tokens_per_second(program, arguments.text, [*flags, "--steps", str(steps)], threads))
    first = speeds["1 process, 2 threads"]
    rows = []
    for name, values in speeds.items():
        ratios = [value / other for value, other in zip(values, first, strict=True)]
        rows.append(
            [name, f"{statistics.median(values):,.0f}", *(f"{f(ratios):.2f}" for f in (statistics.median, min, max))]
        )
    print_table("Training of the same batch", ["", "tokens/s", "ratio", "least", "most"], rows)
    try:
        sent = bytes_of_a_step(arguments.text, flags, 5, 5 + arguments.traffic_steps)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"traffic: not measured, as no network namespace could be made ({error})")
        return
    print(f"bytes sent by both processes together: {sent:,.0f} a step")


if __name__ == "__main__":
    main()
