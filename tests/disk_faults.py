"""Faults where a training touches the disk, and what must hold after each; for tests and for benchmarks/faults.py.

A `Trials` runs a short training of a kind once to count its *sites*: every opening of a file for writing, sync, rename,
new folder, removal and lock below the folder of runs, in order. It is then run anew for each fault, in a fork:

- `EIO`, `ENOSPC`, `EACCES`: the call at the site fails with this error;
- `kill-before`, `kill-after`: the process is killed without warning, before the call or at the one after it;
- `kill-within`: it is killed in the middle of the file that is opened there;
- `short-write`: no file can grow beyond a limit of bytes, which is the site.

After each: a failed command has ended with exit code 1 and one line; no file of the run is damaged (`rnntui verify`);
the run, if it exists, writes, translates or classifies with its best weights if it has any; training goes on, with
`--resume` or, where no run was created, from the start, and gives weights bit-equal to those of an undisturbed run.

As a program it prints the results of some faults as JSON lines: disk_faults.py KIND NUMBER FOLDER.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ERRORS = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EACCES": errno.EACCES}
FAULTS = (*ERRORS, "kill-before", "kill-after", "kill-within", "short-write")
EVENTS = {"open", "os.rename", "os.link", "os.mkdir", "os.remove", "fcntl.flock"}
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
    """Counts the places where a process touches files below a folder, and lets a fault happen at one of them.

    Args:
        folder: the folder.
        site: the index of the place; None for no fault.
        fault: one of `FAULTS`, or empty.
        on_event: called with every event, before the fault.
    """

    def __init__(
        self, folder: Path, site: int | None = None, fault: str = "", on_event: Callable[[str], None] = lambda _: None
    ) -> None:
        self._folder = folder
        self._site, self._fault = site, fault
        self._on_event = on_event
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
            if not arguments[1] & fcntl.LOCK_UN:  # which no disk refuses
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
        self._on_event(event)
        index = len(self.events) - 1
        if self._site is None:
            return
        if index == self._site and self._fault in ERRORS:
            code = ERRORS[self._fault]
            raise OSError(code, os.strerror(code))
        if index == self._site and self._fault == "kill-within":
            kill_at_size(random.Random(index).choice((1, 40, 300)))
        if index == self._site + (self._fault == "kill-after") and self._fault in ("kill-before", "kill-after"):
            os.kill(os.getpid(), signal.SIGKILL)


def kill_at_size(limit: int) -> None:
    """Let the system kill this process as soon as a file would grow beyond a number of bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def forked(work: Callable[[], Any], folder: Path, meanwhile: Callable[[int], None] | None = None) -> tuple[int, Any]:
    """Run work in a fork; return its exit status as `os.wait` gives it, and its result as JSON, None if it died.

    What it prints is put into the file `stderr` of the folder, through a pipe, which no limit on files concerns.
    `meanwhile` is called with the id of the process while that works.
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
    if meanwhile is not None:
        meanwhile(process)
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
    keys = ("step", "train_loss", "validation_loss", "best_step", "bleu", "accuracy")
    rows = [{key: row[key] for key in keys if key in row} for row in read_metrics(run.metrics_file)]
    return {"hashes": hashes, "rows": [row for row in rows if len(row) > 1]}


def examine(kind: Kind, folder: Path) -> dict[str, Any]:
    """Return the damaged files of the run, if there is one, and the exit code of its use, None without weights."""
    from rnntui.cli.main import run
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.integrity import verify_run

    folder_of_run = RunFolder(folder / "runs" / "run")
    if not folder_of_run.path.exists():
        return {"exists": False, "broken": [], "use": None, "is_done": False, "step": 0}
    broken = [f"{report.name} {report.state}" for report in verify_run(folder_of_run) if report.is_broken]
    use = None
    if folder_of_run.weights_file.exists():
        name, *rest = kind.use
        use = run([name, "--run", "run", "--checkpoints", str(folder / "runs"), *rest])
    status = folder_of_run.read_status()
    return {"exists": True, "broken": broken, "use": use, "is_done": status.state == "done", "step": status.step}


class Trials:
    """Trials of faults on one kind of training, in forks of this process.

    Args:
        name: the kind, a key of `KINDS`.
        root: an empty folder.
    """

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.kind, self.root = name, KINDS[name], root
        straight = self.fresh("straight")

        def count() -> tuple[list[str], list[str], Any]:
            sites = Sites(straight / "runs")
            sites.install()
            code = train(self.kind, straight)
            assert code == 0, code
            state = examine(self.kind, straight)
            assert state["use"] == 0 and state["is_done"] and not state["broken"], state
            return sites.events, sorted(sys.modules), contents(straight)

        _, counted = forked(count, straight)
        assert counted is not None, self.stderr(straight)
        self.events, modules, self.expected = counted
        for module in modules:  # once for all forks
            with contextlib.suppress(ImportError):
                importlib.import_module(module)
        largest = max(path.stat().st_size for path in (straight / "runs").rglob("*") if path.is_file())
        self.limits = [round(largest ** (power / LIMITS)) for power in range(LIMITS)]

    def fresh(self, name: str = "try") -> Path:
        """Return a new folder with the data of a training."""
        folder = self.root / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "data").write_text(self.kind.data)
        return folder

    def stderr(self, folder: Path) -> str:
        """Return what the last fork printed."""
        return (folder / "stderr").read_text(errors="replace")

    def sites(self, fault: str, every: int = 1) -> Sequence[int]:
        """Return every so many of the sites of a fault."""
        if fault == "short-write":
            return self.limits
        if fault == "kill-within":
            return [site for site, event in enumerate(self.events) if event.startswith("open ")][::every]
        return range(0, len(self.events), every)

    def attempt(self, fault: str, site: int) -> Result:
        """Train with a fault at a site; return what happened."""
        folder = self.fresh()

        def work() -> int:
            if fault == "short-write":
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (site, resource.RLIM_INFINITY))
            else:
                Sites(folder / "runs", site, fault).install()
            return train(self.kind, folder)

        outcome, problem = self.judge(folder, *forked(work, folder))
        event = f"files of {site} bytes" if fault == "short-write" else self.events[site]
        return Result(self.name, fault, site, event, outcome, problem)

    def judge(
        self, folder: Path, status: int, code: int | None, codes: tuple[int | None, ...] = (None, 0, 1)
    ) -> tuple[str, str]:
        """Return the outcome of a training in a word, and the problem with what it left; empty if there is none.

        Args:
            folder: that of the training.
            status, code: exit status of the process, and exit code of the command; see `forked`.
            codes: the exit codes that may be, None if the process is killed.
        """
        errors = self.stderr(folder)
        if status and not os.WIFSIGNALED(status):
            return "crashed", f"traceback: {errors[-300:]}"
        outcome = "killed" if status else {0: "trained", 1: "failed", 130: "stopped"}.get(code or 0, "failed")
        if code not in codes:
            return outcome, f"exit code {code}: {errors[-200:]}"
        if "Traceback" in errors or "is a bug" in errors:
            return outcome, f"traceback: {errors[-300:]}"
        return outcome, self.problem_of(folder)

    def problem_of(self, folder: Path) -> str:
        """Return the problem with what a training has left, and with going on; empty if there is none."""
        _, state = forked(lambda: examine(self.kind, folder), folder)
        if state is None:
            return f"cannot be examined: {self.stderr(folder)[-300:]}"
        if state["broken"]:
            return f"damaged: {state['broken']}"
        if state["use"] not in (None, 0):
            return f"cannot be used: {self.stderr(folder)[-200:]}"

        def go_on() -> tuple[int, Any]:
            code = 0 if state["is_done"] else train(self.kind, folder, resume=state["exists"])
            return code, None if code else contents(folder)

        _, result = forked(go_on, folder)
        if result is None or result[0]:
            return f"does not go on: {self.stderr(folder)[-300:]}"
        if result[1] != self.expected:
            return f"other results: {result[1]} for {self.expected}"
        visible = [path.name for path in (folder / "runs").iterdir() if path.name != "run"]
        return f"left behind: {visible}" if visible else ""


def prepare() -> None:
    """Import once for all forks what takes long."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    import rnntui.training.train_run  # noqa: F401

    torch.set_num_threads(1)


def spread(trials: Trials, number: int) -> list[tuple[str, int]]:
    """Return some faults with their sites, each fault about equally often, sites from the first to the last."""
    chosen = []
    for index in range(number):
        fault = FAULTS[index % len(FAULTS)]
        sites = trials.sites(fault)
        chosen.append((fault, sites[round((len(sites) - 1) * index / max(1, number - 1))]))
    return chosen


if __name__ == "__main__":
    prepare()
    trials = Trials(sys.argv[1], Path(sys.argv[3]))
    for trial in spread(trials, int(sys.argv[2])):
        print(json.dumps(asdict(trials.attempt(*trial))), flush=True)
