"""What happens to a training around which the world changes: signals, disks, folders, clocks, other programs.

    python benchmarks/interruptions.py --number 4 --json interruptions.jsonl
    python benchmarks/interruptions.py table interruptions.jsonl

Each case is a short training, in a fork, that something happens to at a random place where it touches the disk. After
each the same must hold as after a fault of the disk (`tests/disk_faults.py`): one line, nothing damaged, the best
weights can be used, and training goes on to bit-equal weights and rows. Full and read-only disks need the right to
mount a tmpfs, and are left out without it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from disk_faults import KINDS, Result, Sites, Trials, examine, forked, prepare, train
from faults import read_results, recorded

Action = Callable[[int, Path], None]
"""What is done to a training: to its process, and to its folder."""

TMPFS_SIZES = (4, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192)  # KiB
YEAR = 365 * 86_400.0


class Case:
    """Trainings of one kind, each interrupted at a random place after its run was created.

    Args:
        trials: the kind.
        rng: chooses the places.
    """

    def __init__(self, trials: Trials, rng: random.Random) -> None:
        self.trials, self._rng = trials, rng
        published = next(i for i, event in enumerate(trials.events) if event.startswith("rename .making-"))
        self._places = range(published + 8, len(trials.events))

    def interrupt(
        self,
        fault: str,
        action: Action,
        codes: tuple[int | None, ...] = (None, 0, 1),
        mend: Action = lambda process, folder: None,
        setup: Callable[[Path], None] = lambda folder: None,
        between: bool = False,
    ) -> Result:
        """Pause a training at a random place, act, let it go on, and judge what is left.

        Args:
            fault: the name of what happens.
            action: what happens while the training is paused.
            codes: exit codes that are right.
            mend: called with process 0 after the training has ended.
            setup: called in the process of the training before it starts.
            between: True for a place where no file is half written.
        """
        trials = self.trials
        site = self._rng.choice([site for site in self._places if self._is_whole(site)] if between else self._places)
        folder = trials.fresh()
        reached, reaching = os.pipe()
        acted, acting = os.pipe()

        def pause(sites: Sites) -> None:
            if len(sites.events) - 1 == site:
                os.write(reaching, b".")
                os.read(acted, 1)

        def work() -> int:
            os.close(reached)
            os.close(acting)
            setup(folder)
            sites = Sites(folder / "runs", on_event=lambda _: pause(sites))
            sites.install()
            return train(trials.kind, folder)

        def act(process: int) -> None:
            os.close(reaching)
            os.close(acted)
            if os.read(reached, 1):
                action(process, folder)
            os.close(acting)  # the training goes on
            os.close(reached)

        status, code = forked(work, folder, act)
        said = trials.stderr(folder)
        mend(0, folder)
        outcome, problem = trials.judge(folder, status, code, codes)
        if outcome == "failed" and not is_one_line(trials, said):
            problem = problem or f"said {said}"
        return Result(trials.name, fault, site, trials.events[site], outcome, problem)

    def _is_whole(self, site: int) -> bool:
        """Return True at the removal that ends a write, not at that of an earlier partial file, which begins one."""
        event, following = (*self.trials.events[site : site + 2], "")[:2]
        return event.startswith("remove ") and following != event.replace("remove", "open", 1)

    def half(self) -> Path:
        """Return the folder of a training that was stopped in its middle by a signal."""
        folder = self.trials.fresh()
        middle = len(self.trials.events) * 2 // 3

        def work() -> int:
            sites = Sites(
                folder / "runs",
                on_event=lambda _: os.kill(os.getpid(), signal.SIGTERM) if len(sites.events) == middle else None,
            )
            sites.install()
            return train(self.trials.kind, folder)

        _, code = forked(work, folder)
        assert code == 130, (code, self.trials.stderr(folder))
        return folder


def is_one_line(trials: Trials, said: str) -> bool:
    """Return True if what a failed command said ends with one line that the straight training did not say."""
    folder = trials.root / "straight"
    usual = trials.stderr(folder).replace(str(folder), "").splitlines()
    others = [line for line in said.replace(str(trials.root / "try"), "").splitlines() if line.startswith("rnntui: ")]
    others = [line for line in others if line not in usual]
    return len(others) == 1 and said.rstrip().splitlines()[-1].startswith("rnntui: ")


def run_of(folder: Path) -> Path:
    return folder / "runs" / "run"


# -- signals ----------------------------------------------------------------------------------------------------------


def signals(case: Case) -> Iterator[Result]:
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        number = getattr(signal, name)
        yield case.interrupt(name, lambda process, folder, number=number: os.kill(process, number), (None, 0, 130))

    def stop_and_continue(process: int, folder: Path) -> None:
        os.kill(process, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(process, signal.SIGCONT)

    yield case.interrupt("SIGSTOP, SIGCONT", stop_and_continue, (0,))


def terminal(case: Case) -> Iterator[Result]:
    master, slave = pty.openpty()

    def setup(folder: Path) -> None:
        os.close(master)
        os.setsid()
        for stream in (0, 1, 2):
            os.dup2(slave, stream)
        os.close(slave)
        os.close(os.open(os.ttyname(0), os.O_RDWR))  # makes it the controlling terminal

    def close(process: int, folder: Path) -> None:
        while select.select([master], [], [], 0)[0]:
            os.read(master, 1 << 16)
        os.close(slave)
        os.close(master)

    yield case.interrupt("terminal closed", close, (None, 0, 130), setup=setup)


# -- disks ------------------------------------------------------------------------------------------------------------


def mount(*arguments: str) -> bool:
    """Return True if `mount` or `umount` succeeded."""
    return subprocess.run(arguments, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Callable[[str], bool]]:
    """Mount a small disk as the folder of runs; yields a function that mounts it again with other options."""
    runs = folder / "runs"
    runs.mkdir()
    if not mount("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(runs)):
        raise PermissionError
    try:
        yield lambda options: mount("mount", "-o", f"remount,{options}", str(runs))
    finally:
        while not mount("umount", str(runs)):
            time.sleep(0.1)


def full_disk(case: Case) -> Iterator[Result]:
    trials = case.trials
    for size in TMPFS_SIZES:
        folder = trials.fresh()
        with contextlib.suppress(PermissionError), tmpfs(folder, f"{size}k") as remount:
            status, code = forked(lambda folder=folder: train(trials.kind, folder), folder)
            said = trials.stderr(folder)
            remount("size=64m")
            outcome, problem = trials.judge(folder, status, code)
            if outcome == "failed" and not ("No space left on device" in said and is_one_line(trials, said)):
                problem = problem or f"said {said[-200:]}"
            yield Result(trials.name, "full disk", size, f"of {size} KiB", outcome, problem)


def read_only_disk(case: Case) -> Iterator[Result]:
    trials = case.trials
    folder = trials.fresh()
    with contextlib.suppress(PermissionError), tmpfs(folder, "64m") as remount:
        remount("ro")
        status, code = forked(lambda: train(trials.kind, folder), folder)
        remount("rw")
        outcome, problem = trials.judge(folder, status, code, (1,))
        yield Result(trials.name, "read-only disk", 0, "a new run", outcome, problem)
    stopped = case.half()
    source = stopped.with_name("stopped")
    shutil.rmtree(source, ignore_errors=True)
    stopped.rename(source)
    folder = trials.fresh()
    with contextlib.suppress(PermissionError), tmpfs(folder, "64m") as remount:
        shutil.copytree(source / "runs" / "run", run_of(folder))
        remount("ro")
        _, state = forked(lambda: examine(trials.kind, folder), folder)
        status, code = forked(lambda: train(trials.kind, folder, resume=True), folder)
        remount("rw")
        outcome, problem = trials.judge(folder, status, code, (1,))
        problem = problem if state and state["use"] == 0 and not state["broken"] else f"read-only: {state}"
        yield Result(trials.name, "read-only disk", 1, "a run to resume; its use", outcome, problem)


def read_only_folder(case: Case) -> Iterator[Result]:
    """A folder loses its permissions while another user than root trains in it."""

    def become_nobody(folder: Path) -> None:
        os.chown(folder, 65534, 65534)
        os.setgid(65534)
        os.setuid(65534)

    def forbid(process: int, folder: Path) -> None:
        run_of(folder).chmod(0o555)

    def allow(process: int, folder: Path) -> None:
        run_of(folder).chmod(0o755)

    if os.getuid() == 0:
        yield case.interrupt("folder made read-only", forbid, (0, 1), allow, become_nobody)


# -- the corpus -------------------------------------------------------------------------------------------------------


def corpus(case: Case) -> Iterator[Result]:
    trials = case.trials
    yield case.interrupt(
        "corpus deleted", lambda process, folder: (folder / "data").unlink(), (0,),
        lambda process, folder: (folder / "data").write_text(trials.kind.data) and None,
    )  # fmt: skip
    folder = case.half()
    (folder / "data").unlink()
    yield _refused(case, folder, "corpus deleted, resumed with it", ["--name", "run"])
    folder = case.half()
    with (folder / "data").open("a") as file:
        file.write(trials.kind.data.splitlines()[-1] + "\n")
    yield _refused(case, folder, "corpus changed, resumed with it", [])
    flags = ["--resume", "--accept-changed-corpus", str(folder / "data"), "--checkpoints", str(folder / "runs")]
    status, code = forked(lambda: command(trials, flags), folder)
    outcome, problem = trials.judge(folder, status, code, (0,))
    yield Result(trials.name, "corpus changed, --accept-changed-corpus", 0, "", outcome, problem)


def command(trials: Trials, flags: Sequence[str]) -> int:
    from rnntui.cli.main import run

    return run([trials.kind.command, *flags])


def _refused(case: Case, folder: Path, fault: str, flags: Sequence[str]) -> Result:
    """Resume with a corpus that is refused, in one line; the run must be as it was."""
    trials = case.trials
    before = files(run_of(folder))
    arguments = ["--resume", *flags, str(folder / "data"), "--checkpoints", str(folder / "runs")]
    status, code = forked(lambda: command(trials, arguments), folder)
    said = trials.stderr(folder)
    is_right = not status and code in (1, 2) and said.splitlines()[-1].startswith("rnntui: ")
    if not is_right or files(run_of(folder)) != before:
        return Result(trials.name, fault, 0, "", "failed", f"{status} {code} {said}")
    if flags:
        _, problem = trials.judge(folder, status, 1)
        return Result(trials.name, fault, 0, "", "failed", problem)
    return Result(trials.name, fault, 0, "", "failed", "")


def files(folder: Path) -> dict[str, bytes]:
    """Return the contents of the files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- other programs ---------------------------------------------------------------------------------------------------


def clock(case: Case) -> Iterator[Result]:
    def set_clock(folder: Path) -> None:
        real, calls = time.time, iter(range(10**9))
        time.time = lambda: real() + YEAR * (-1) ** next(calls)  # type: ignore[assignment]

    yield case.interrupt("clock set back and forth", lambda process, folder: None, (0,), setup=set_clock)


def second_training(case: Case) -> Iterator[Result]:
    yield _beside(case, "second training of the run", True, 1, "being trained by another process")
    yield _beside(case, "second training of the name", False, 2, "exists")


def _beside(case: Case, fault: str, resume: bool, expected_code: int, expected_words: str) -> Result:
    """Start another training while one is under way; it must end with an exit code and one line that has some words."""
    answers = []

    def train_too(process: int, folder: Path) -> None:
        other = folder / "other"
        other.mkdir()
        _, code = forked(lambda: train(case.trials.kind, folder, resume=resume), other)
        answers.append((code, (other / "stderr").read_text()))

    result = case.interrupt(fault, train_too, (0,))
    code, said = answers[0]
    is_right = code == expected_code and expected_words in said and said.count("\n") == 1
    return result if is_right else replace(result, problem=f"the second one: {code} {said}")


def locks(case: Case) -> Iterator[Result]:
    trials = case.trials
    folder = case.half()
    (run_of(folder) / "lock").write_text("4194303\n")
    outcome, problem = trials.judge(folder, 0, 130, (130,))
    yield Result(trials.name, "stale lock file with the id of a process", 0, "", outcome, problem)
    yield case.interrupt("lock file deleted", lambda process, folder: (run_of(folder) / "lock").unlink(), (0, 1))


def folders(case: Case) -> Iterator[Result]:
    def move(process: int, folder: Path) -> None:
        run_of(folder).rename(folder / "moved")

    def move_back(process: int, folder: Path) -> None:
        if run_of(folder).exists():
            (case.trials.root / "strange").mkdir()
            run_of(folder).rename(case.trials.root / "strange" / "run")
        (folder / "moved").rename(run_of(folder))

    yield case.interrupt("folder moved", move, (0, 1), move_back)
    stranger = case.trials.root / "straight" / "runs" / "run"

    def put_another(process: int, folder: Path) -> None:
        move(process, folder)
        shutil.copytree(stranger, run_of(folder))

    shutil.rmtree(case.trials.root / "strange", ignore_errors=True)
    result = case.interrupt("folder moved, another run in its place", put_another, (0, 1), move_back, between=True)
    left = {name: data for name, data in files(case.trials.root / "strange" / "run").items() if "partial" not in name}
    is_same = left == files(stranger)
    yield result if is_same else replace(result, problem="the other run was changed")
    yield case.interrupt("folder deleted", lambda process, folder: shutil.rmtree(run_of(folder)), (0, 1))


def open_files(case: Case) -> Iterator[Result]:
    def put(name: str, data: bytes | None) -> Action:
        def action(process: int, folder: Path) -> None:
            path = run_of(folder) / name
            if path.exists():
                new = folder / "new"
                new.write_bytes(path.read_bytes() if data is None else data)
                new.rename(path)

        return action

    yield case.interrupt("metrics.jsonl replaced by its copy", put("metrics.jsonl", None), (0, 1))
    yield case.interrupt("metrics.jsonl replaced by another file", put("metrics.jsonl", b'{"step": 1}\n'), (0, 1))
    yield case.interrupt(
        "metrics.jsonl deleted", lambda process, folder: (run_of(folder) / "metrics.jsonl").unlink(missing_ok=True),
        (0, 1),
    )  # fmt: skip
    for name in ("status.json", "resume/state.safetensors", "model.safetensors"):
        yield case.interrupt(f"{Path(name).name} replaced by its copy", put(name, None), (0, 1))


CASES = (
    signals, terminal, full_disk, read_only_disk, read_only_folder, corpus, clock, second_training, locks, folders,
    open_files,
)  # fmt: skip


def print_table(results: list[Result]) -> None:
    """Print a row for each thing that happened, over all kinds."""
    print(
        "| what happens | tried | killed | stopped and saved | failed with one line | trained in spite of it | lost |"
    )
    print("|---|---|---|---|---|---|---|")
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.fault, []).append(result)
    for fault, group in groups.items():
        outcomes = Counter(result.outcome for result in group)
        lost = sum(bool(result.problem) for result in group)
        counts = (outcomes[word] for word in ("killed", "stopped", "failed", "trained"))
        print(f"| {fault} | {len(group)} | {' | '.join(map(str, counts))} | {lost} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="*", help="table FILE ...: print the table of results")
    parser.add_argument("--kind", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--case", choices=[case.__name__ for case in CASES], nargs="+", help="only these")
    parser.add_argument("--number", type=int, default=1, help="of times that each case is tried")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="append results to this file")
    arguments = parser.parse_args()
    if arguments.table:
        print_table(read_results(arguments.table[1:]))
        return 0
    prepare()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # both are ignored where this runs in the background
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    results = []
    for name in arguments.kind:
        rng = random.Random(f"{arguments.seed} {name}")
        with tempfile.TemporaryDirectory() as scratch:
            Path(scratch).chmod(0o755)  # for another user
            case = Case(Trials(name, Path(scratch)), rng)
            for _ in range(arguments.number):
                for happen in CASES:
                    if arguments.case and happen.__name__ not in arguments.case:
                        continue
                    results += recorded(happen(case), arguments.json)
    print_table(results)
    return 1 if any(result.problem for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
