"""Faults at every place where a training touches the disk: what is left, and whether it goes on as if nothing had been.

    python benchmarks/faults.py --kind language-model --faults ENOSPC kill-before --json faults.jsonl
    python benchmarks/faults.py table faults.jsonl

A short training of each kind is run once to count its *sites*: every opening of a file for writing, sync, rename, new
folder, removal and lock below the folder of runs, in order. It is then run again for each site and each fault, with a
process of its own:

- `EIO`, `ENOSPC`, `EACCES`: the call fails with this error;
- `kill-before`, `kill-after`: the process is killed without warning, before the call or at the one after it;
- `short-write`: no file can grow beyond a limit (RLIMIT_FSIZE), for limits from one byte to the size of the largest
  file; sites are then limits.

After each: a failed command has ended with exit code 1 and one line; no file of the run is damaged (`rnntui verify`);
the run, if it exists, writes, translates or classifies with its best weights if it has any; training goes on, with
`--resume` or, where no run was created, from the start, and gives weights bit-equal to those of an undisturbed run.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EACCES": errno.EACCES}
FAULTS = (*ERRORS, "kill-before", "kill-after", "short-write")
EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "fcntl.flock"}
SIZES = ("--hidden", "8", "--embedding", "8", "--batch-size", "4", "--eval-tokens", "256", "--steps", "12")
COMMON = (*SIZES, "--evaluations", "2", "--patience", "0", "--threads", "1", "--name", "run", "--save-every", "0")
LIMITS = 12  # of file size


@dataclass(frozen=True)
class Kind:
    """A training and a use of its run: arguments of `rnntui`, and the text that they read."""

    command: str
    data: str
    flags: tuple[str, ...]
    use: tuple[str, ...]


FOX = "the quick brown fox jumps over the lazy dog and runs away\n"
KINDS = {
    "language-model": Kind(
        "train", FOX * 60, ("--bptt", "8", "--ngram-prior", "3"), ("sample", "-n", "5", "--seed", "1")
    ),
    "seq2seq": Kind(
        "train-seq2seq",
        "".join(f"{number}\t{str(number)[::-1]}\n" for number in range(100, 200)),
        ("--tokenizer", "char"),
        ("translate", "123"),
    ),
    "classifier": Kind(
        "train-classifier",
        "text,label\n" + "".join(f"{word},{'o' in word}\n" for word in FOX.split()) * 8,
        ("--tokenizer", "char"),
        ("classify", "fox"),
    ),
}


@dataclass(frozen=True)
class Result:
    """What happened after one fault; `problem` is empty if all was as it must be."""

    kind: str
    fault: str
    site: int
    event: str
    outcome: str
    problem: str


class Sites:
    """Counts the places where a process touches files below a folder, and lets one fail."""

    def __init__(self, folder: Path, site: int | None = None, fault: str = "") -> None:
        self._folder = folder
        self._site, self._fault = site, fault
        self.events: list[str] = []

    def install(self) -> None:
        """Watch this process from now on; it cannot be undone."""
        fsync = os.fsync

        def watched_fsync(handle: int) -> None:
            path = Path(f"/proc/self/fd/{handle}").readlink()
            if path.is_relative_to(self._folder):
                self._reach(f"fsync {path.name}")
            fsync(handle)

        os.fsync = watched_fsync  # type: ignore[assignment]
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS:
            return
        if event == "fcntl.flock":
            self._reach("lock")
            return
        path = Path(os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes)) else "/")
        if not path.absolute().is_relative_to(self._folder):
            return
        if event == "open":
            mode, flags = arguments[1], arguments[2]
            writes = any(letter in mode for letter in "wax+") if mode else flags & (os.O_WRONLY | os.O_RDWR)
            if not writes:
                return
        self._reach(f"{event.removeprefix('os.')} {path.name}")

    def _reach(self, event: str) -> None:
        self.events.append(event)
        index = len(self.events) - 1
        if self._site is None:
            return
        if index == self._site and self._fault in ERRORS:
            code = ERRORS[self._fault]
            raise OSError(code, os.strerror(code))
        if index == self._site + (self._fault == "kill-after") and self._fault.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], Any], folder: Path) -> tuple[int, Any]:
    """Run work in a fork; return its exit status as `os.wait` gives it, and its result as JSON, None if it died.

    What it prints is put into the file `stderr` of the folder, through a pipe, which no limit on files concerns.
    """
    answer = folder / f"answer-{random.getrandbits(40):x}"
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        try:
            for stream in (1, 2):
                os.dup2(writer, stream)
            result = work()
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            answer.write_text(json.dumps(result))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(99)
    os.close(writer)
    with os.fdopen(reader, "rb") as output:
        (folder / "stderr").write_bytes(output.read())
    _, status = os.waitpid(process, 0)
    result = json.loads(answer.read_text()) if answer.exists() else None
    answer.unlink(missing_ok=True)
    return status, result


def train(kind: Kind, folder: Path, resume: bool = False) -> int:
    """Train in this process; return the exit code."""
    from rnntui.cli.main import run

    data = [] if resume else [str(folder / "data")]
    flags = ["--resume", "--name", "run"] if resume else [*COMMON, *kind.flags]
    return run([kind.command, *data, *flags, "--checkpoints", str(folder / "runs")])


def contents(folder: Path) -> dict[str, Any]:
    """Return what must be equal: a hash of the best weights and of the resume file's, and the rows without times."""
    import hashlib

    from rnntui.runs.folder import RunFolder
    from rnntui.runs.metrics_log import read_metrics
    from rnntui.runs.weights_file import load_arrays

    run = RunFolder(folder / "runs" / "run")
    hashes = {}
    for path in (run.weights_file, run.resume_file):
        arrays, _ = load_arrays(path)
        digest = hashlib.sha256()
        for name in sorted(arrays):
            digest.update(name.encode() + arrays[name].tobytes())
        hashes[path.name] = digest.hexdigest()
    keys = ("step", "validation_loss", "best_step", "bleu", "accuracy")
    rows = [{key: row[key] for key in keys if key in row} for row in read_metrics(run.metrics_file)]
    return {"hashes": hashes, "rows": [row for row in rows if len(row) > 1]}


def attempt(kind: Kind, folder: Path, site: int | None, fault: str) -> tuple[int, list[str]]:
    """Train in this process with a fault; return the exit code and the events."""
    sites = Sites(folder / "runs", site, fault)
    if fault == "short-write" and site is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (site, resource.RLIM_INFINITY))
    else:
        sites.install()
    return train(kind, folder), sites.events


def examine(kind: Kind, folder: Path) -> dict[str, Any]:
    """Return the damaged files of the run, if there is one, and the exit code of its use, None without weights."""
    from rnntui.cli.main import run
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.integrity import verify_run

    folder_of_run = RunFolder(folder / "runs" / "run")
    if not folder_of_run.path.exists():
        return {"exists": False, "broken": [], "use": None, "is_done": False}
    broken = [f"{report.name} {report.state}" for report in verify_run(folder_of_run) if report.is_broken]
    use = None
    if folder_of_run.weights_file.exists():
        name, *rest = kind.use
        use = run([name, "--run", "run", "--checkpoints", str(folder / "runs"), *rest])
    is_done = folder_of_run.read_status().state == "done"
    return {"exists": True, "broken": broken, "use": use, "is_done": is_done}


def problem_of(kind: Kind, folder: Path, expected: dict[str, Any], status: int, fault: str) -> tuple[str, str]:
    """Return the outcome of a training with a fault in a word, and the problem with what it left; empty if none."""
    errors = (folder / "stderr").read_text()
    if status and not os.WIFSIGNALED(status):
        return "crashed", f"traceback: {errors[-300:]}"
    killed = bool(status)
    code = None if killed else json.loads((folder / "code").read_text())
    outcome = "killed" if killed else "failed" if code else "trained"
    if code not in (None, 0, 1):
        return outcome, f"exit code {code}: {errors[-200:]}"
    if "Traceback" in errors:
        return outcome, f"traceback: {errors[-300:]}"
    _, state = forked(lambda: examine(kind, folder), folder)
    if state is None:
        return outcome, f"cannot be examined: {(folder / 'stderr').read_text()[-300:]}"
    if state["broken"]:
        return outcome, f"damaged: {state['broken']}"
    if state["use"] not in (None, 0):
        return outcome, f"cannot be used: {(folder / 'stderr').read_text()[-200:]}"
    if not state["is_done"]:
        status, code = forked(lambda: train(kind, folder, resume=state["exists"]), folder)
        if status or code:
            return outcome, f"does not go on: {(folder / 'stderr').read_text()[-300:]}"
    status, left = forked(lambda: contents(folder), folder)
    if left != expected:
        return outcome, f"other results: {left} for {expected}"
    visible = [path.name for path in (folder / "runs").iterdir() if path.name != "run"]
    return outcome, f"left behind: {visible}" if visible else ""


def campaign(name: str, faults: list[str], output: Path | None, every: int) -> list[Result]:
    """Try every fault at every site of a kind of training."""
    kind = KINDS[name]
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        straight = fresh(kind, root / "straight")
        _, counted = forked(lambda: attempt(kind, straight, None, ""), straight)
        assert counted is not None and counted[0] == 0, (straight / "stderr").read_text()
        events = counted[1]
        _, expected = forked(lambda: contents(straight), straight)
        largest = max(path.stat().st_size for path in (straight / "runs").rglob("*") if path.is_file())
        limits = [round(largest ** (power / LIMITS)) for power in range(LIMITS)]
        for fault in faults:
            sites = limits if fault == "short-write" else range(0, len(events), every)
            for site in sites:
                folder = fresh(kind, root / "try")

                def work(folder: Path = folder, site: int = site, fault: str = fault) -> None:
                    code, _ = attempt(kind, folder, site, fault)
                    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                    (folder / "code").write_text(str(code))

                status, _ = forked(work, folder)
                outcome, problem = problem_of(kind, folder, expected, status, fault)
                event = f"files of {site} bytes" if fault == "short-write" else events[site]
                result = Result(name, fault, site, event, outcome, problem)
                results.append(result)
                if problem:
                    print(f"{name} {fault} {site} {event}: {outcome}: {problem}", flush=True)
                if output is not None:
                    with output.open("a") as file:
                        file.write(json.dumps(asdict(result)) + "\n")
                shutil.rmtree(folder)
    return results


def fresh(kind: Kind, folder: Path) -> Path:
    """Return a new folder with the data of a training."""
    folder.mkdir()
    (folder / "data").write_text(kind.data)
    return folder


def print_table(results: list[Result]) -> None:
    """Print a row for each kind and fault."""
    print("| kind | fault | sites | killed | failed with one line | trained in spite of it | lost |")
    print("|---|---|---|---|---|---|---|")
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.kind, result.fault), []).append(result)
    for (kind, fault), group in groups.items():
        outcomes = Counter(result.outcome for result in group)
        lost = sum(bool(result.problem) for result in group)
        counts = (outcomes[word] for word in ("killed", "failed", "trained"))
        print(f"| {kind} | {fault} | {len(group)} | {' | '.join(map(str, counts))} | {lost} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="*", help="table FILE: print the table of results")
    parser.add_argument("--kind", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--faults", choices=FAULTS, nargs="+", default=list(FAULTS))
    parser.add_argument("--every", type=int, default=1, help="try every so many sites")
    parser.add_argument("--json", type=Path, help="append results to this file")
    arguments = parser.parse_args()
    if arguments.table:
        lines = Path(arguments.table[1]).read_text().splitlines()
        print_table([Result(**json.loads(line)) for line in lines])
        return 0
    import torch

    import rnntui.training.train_run  # noqa: F401 - once for all forks

    torch.set_num_threads(1)

    results = [r for name in arguments.kind for r in campaign(name, arguments.faults, arguments.json, arguments.every)]
    print_table(results)
    return 1 if any(result.problem for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
