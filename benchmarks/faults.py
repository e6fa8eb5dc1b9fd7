"""Faults at every place where a training touches the disk: what is left, and whether it goes on as if nothing had been.

    python benchmarks/faults.py --kind language-model --faults ENOSPC kill-before --json faults.jsonl
    python benchmarks/faults.py kill --number 200 --json kills.jsonl
    python benchmarks/faults.py app --json app.jsonl
    python benchmarks/faults.py table faults.jsonl kills.jsonl

`tests/disk_faults.py` says what the faults are and what must hold after each. Without a word the command tries every
fault at every site. `app` does the same with what the app writes (`tests/app_faults.py`). `kill` kills a training from
outside at random moments: at any moment at all, and within writes, up to two milliseconds after a file was opened,
which then is half written, synced or renamed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from disk_faults import FAULTS, KINDS, Result, Sites, Trials, forked, prepare, train

WITHIN = 0.002  # seconds after a file was opened
LATE = 1.05  # a moment may be so much later than the straight training took


def every_site(trials: Trials, faults: list[str], every: int) -> Iterator[Result]:
    """Try every fault at every site of a kind of training."""
    for fault in faults:
        for site in trials.sites(fault, every):
            yield trials.attempt(fault, site)


def random_kills(trials: Trials, number: int, seed: int) -> Iterator[Result]:
    """Kill a training at random moments, half of them within a write; those that came too late are tried again."""
    rng = random.Random(seed)
    began = time.perf_counter()
    forked(lambda: train(trials.kind, trials.fresh("timed")), trials.fresh())
    duration = time.perf_counter() - began
    openings = trials.sites("kill-within")
    done = 0
    while done < number:
        is_within = bool(done % 2)
        site, delay = (
            (rng.choice(openings), rng.uniform(0, WITHIN)) if is_within else (-1, rng.random() * duration * LATE)
        )
        result = _killed(trials, site, delay)
        done += result.outcome == "killed"
        if result.outcome == "killed" or result.problem:
            yield result


def _killed(trials: Trials, site: int, delay: float) -> Result:
    """Kill a training so many seconds after it reached a site, -1 for its start."""
    folder = trials.fresh()
    reader, writer = os.pipe()

    def work() -> int:
        os.close(reader)
        sites = Sites(folder / "runs", on_event=lambda _: len(sites.events) - 1 == site and os.write(writer, b"."))
        sites.install()
        if site < 0:
            os.write(writer, b".")
        return train(trials.kind, folder)

    def kill(process: int) -> None:
        os.close(writer)
        os.read(reader, 1)  # or its end
        os.close(reader)
        time.sleep(delay)
        os.kill(process, signal.SIGKILL)

    outcome, problem = trials.judge(folder, *forked(work, folder, kill))
    fault = "SIGKILL at any moment" if site < 0 else "SIGKILL within a write"
    event = f"{delay:.3f} s after {'the start' if site < 0 else trials.events[site]}"
    return Result(trials.name, fault, site, event, outcome, problem)


def app(output: Path | None) -> int:
    """Try every fault at every place where the app writes."""
    import app_faults

    with tempfile.TemporaryDirectory() as scratch:
        results = [
            result
            for name in app_faults.WORKS
            for result in recorded(app_faults.trials(name, Path(scratch) / "root"), output)
        ]
    print_table(results)
    return 1 if any(result.problem for result in results) else 0


def recorded(results: Iterable[Result], output: Path | None) -> Iterator[Result]:
    """Yield results as they come; print those with a problem, and append all to a file of JSON lines."""
    for result in results:
        if result.problem:
            print(f"{result.kind} {result.fault} {result.event}: {result.outcome}: {result.problem}", flush=True)
        if output is not None:
            with output.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")
        yield result


def read_results(files: Iterable[str]) -> list[Result]:
    """Return the results in files of JSON lines."""
    lines = [line for file in files for line in Path(file).read_text().splitlines()]
    return [Result(**json.loads(line)) for line in lines]


def print_table(results: list[Result]) -> None:
    """Print a row for each kind and fault."""
    print("| kind | fault | tried | killed | failed with one line | done in spite of it | lost |")
    print("|---|---|---|---|---|---|---|")
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.kind, result.fault), []).append(result)
    for (kind, fault), group in sorted(groups.items(), key=lambda item: item[0][0]):
        outcomes = Counter("trained" if result.outcome == "done" else result.outcome for result in group)
        lost = sum(bool(result.problem) for result in group)
        counts = (outcomes[word] for word in ("killed", "failed", "trained"))
        print(f"| {kind} | {fault} | {len(group)} | {' | '.join(map(str, counts))} | {lost} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="app, kill, or table FILE ...: print the table of results")
    parser.add_argument("--kind", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--faults", choices=FAULTS, nargs="+", default=list(FAULTS))
    parser.add_argument("--every", type=int, default=1, help="try every so many sites")
    parser.add_argument("--number", type=int, default=200, help="of random kills, of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="append results to this file")
    arguments = parser.parse_args()
    what, *files = arguments.what or [""]
    if what == "table":
        print_table(read_results(files))
        return 0
    if what == "app":
        return app(arguments.json)
    prepare()
    results = []
    for name in arguments.kind:
        with tempfile.TemporaryDirectory() as scratch:
            trials = Trials(name, Path(scratch))
            found = every_site(trials, arguments.faults, arguments.every)
            if what == "kill":
                found = random_kills(trials, arguments.number, arguments.seed)
            results += recorded(found, arguments.json)
    print_table(results)
    return 1 if any(result.problem for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
