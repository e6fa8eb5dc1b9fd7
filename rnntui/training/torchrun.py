"""Environment that torchrun gives to each process of a training, and the mark by which a restart finds its run."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from rnntui.atomic_files import atomic_write
from rnntui.errors import RunError, UsageError
from rnntui.kinds.model_kind import ModelKind
from rnntui.runs.folder import RunFolder
from rnntui.runs.lookup import runs_in

_NEEDED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
_RUN_ID = "TORCHELASTIC_RUN_ID"
_HINT = "start the processes by torchrun, such as: torchrun --nproc-per-node 2 -m rnntui train corpus.txt"
_NO_JOB = "none"  # torchrun's id where no --rdzv-id was given


@dataclass(frozen=True)
class TorchrunEnvironment:
    """Place of this process among those of a training.

    Args:
        rank: Number of the process, from 0.
        size: Number of processes.
        local_rank: Number of the process on its machine.
        job: Name of the job, the same after a restart by torchrun; empty without torchrun.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    job: str = ""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> TorchrunEnvironment:
        """Return the place of this process; that of a single process where no variable says otherwise.

        Raises `UsageError` if some of the variables are missing or wrong.
        """
        size = environ.get("WORLD_SIZE", "1").strip()
        if "RANK" not in environ and size == "1":
            return cls()
        missing = [name for name in _NEEDED if not environ.get(name, "").strip()]
        if missing:
            raise UsageError(f"the environment has {_present(environ)} but not {', '.join(missing)}", hint=_HINT)
        numbers = []
        for name in _NEEDED[:3]:
            value = environ[name].strip()
            if not (value.isascii() and value.isdigit()):
                raise UsageError(f"the environment variable {name}={value} is not a number", hint=_HINT)
            numbers.append(int(value))
        rank, count, local_rank = numbers
        if not rank < count:
            raise UsageError(f"the environment has RANK={rank}, which is not below WORLD_SIZE={count}", hint=_HINT)
        return cls(rank, count, local_rank, _job(environ))

    def check_batch_size(self, batch_size: int) -> None:
        """Raise `UsageError` if the examples of a batch cannot be divided among the processes."""
        if batch_size % self.size:
            nearest = max(1, round(batch_size / self.size)) * self.size
            raise UsageError(
                f"--batch-size {batch_size} cannot be divided among {self.size} processes",
                setting="batch_size", hint=f"use a multiple of {self.size}, such as --batch-size {nearest}",
            )  # fmt: skip

    def check_local_steps(self, local_steps: int) -> None:
        """Raise `UsageError` if processes should step on their own, and there is only one."""
        if self.size == 1 and local_steps > 1:
            raise UsageError(
                f"--local-steps {local_steps} needs several processes", setting="local_steps", hint=_HINT
            )  # fmt: skip

    def require_single(self, what: str) -> None:
        """Raise `UsageError` if this process is one of several, which `what` cannot use."""
        if self.size > 1:
            raise UsageError(
                f"{what} needs a single process (torchrun has started {self.size})",
                hint="run it without torchrun; several processes train by torchrun -m rnntui train",
            )

    def mark(self, run: RunFolder) -> None:
        """Note in a new run that this job made it."""
        if self.job:
            atomic_write(run.job_file, (self.job + "\n").encode())

    def run_of_job(self, kind: ModelKind, checkpoints: Path) -> RunFolder | None:
        """Return the run that this job has made before torchrun restarted it; None if there is none."""
        for run in runs_in(checkpoints) if self.job else ():
            with contextlib.suppress(RunError):  # of a run that cannot be read
                if self.has_made(run) and run.read_config().kind == kind.id:
                    return run
        return None

    def has_made(self, run: RunFolder) -> bool:
        """Return True if this job has made a run."""
        try:
            return bool(self.job) and run.job_file.read_text(encoding="utf-8").strip() == self.job
        except (OSError, ValueError):  # no mark, or none that can be read
            return False


def _present(environ: Mapping[str, str]) -> str:
    names = [f"{name}={environ[name]}" for name in _NEEDED if environ.get(name, "").strip()]
    return ", ".join(names) or "empty variables"


def _job(environ: Mapping[str, str]) -> str:
    """Return the name of torchrun's job: its id, or else the torchrun process itself, which outlives its restarts."""
    run_id = environ.get(_RUN_ID, "")
    if run_id not in ("", _NO_JOB):
        return run_id
    if not run_id:
        return ""
    agent = psutil.Process(os.getppid())
    return f"{socket.gethostname()} {agent.pid} {agent.create_time():.2f}"
