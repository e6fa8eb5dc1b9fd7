"""Training processes started from the app, which outlive it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rnntui.errors import INTERRUPTED_EXIT_CODE, RnntuiError, os_error_hint
from rnntui.sessions.training_log import LOG_VARIABLE, create_log

_MESSAGE_PREFIX = "rnntui: "
_MAX_MESSAGE = 4000  # characters

NICENESS = 5
"""By how much a training is nicer than the app: beside a program that wants the processor, it gets about a quarter."""

# Python warns when a Popen object is freed while its process runs; these processes are meant to outlive us.
_running: list[subprocess.Popen[bytes]] = []


@dataclass
class TrainingProcess:
    """A training process.

    Args:
        activity: "starting" or "resuming": what it does until its run is seen to be running.
        name: name of the run or, until that is known, of the corpus.
        output: file that its stdout and stderr go to.
        process: the process.
        path: the run's folder, once that is known.
        started: when it was started, in seconds since 1970.
    """

    activity: str
    name: str
    output: Path
    process: subprocess.Popen[bytes]
    path: str | None = None
    started: float = field(default_factory=time.time)

    @property
    def pid(self) -> int:
        """The id of the process, as the status of its run names it."""
        return self.process.pid

    def has_ended(self) -> bool:
        """Return True once the process has ended."""
        return self.process.poll() is not None

    def problem(self) -> str:
        """Wait for its end, and return what went wrong, in a line; empty if nothing did.

        The output file is removed unless the line refers to it.
        """
        code = self.process.wait()
        with contextlib.suppress(ValueError):
            _running.remove(self.process)
        last_line = self._last_line()
        if code in (0, INTERRUPTED_EXIT_CODE):
            self.output.unlink(missing_ok=True)
            return ""
        if last_line.startswith(_MESSAGE_PREFIX):
            self.output.unlink(missing_ok=True)
            return last_line.removeprefix(_MESSAGE_PREFIX)
        end = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"the training process {end}; its output is in {self.output}"

    def messages(self) -> list[str]:
        """Return its messages so far beside its progress, such as which rows of a table are left out."""
        messages = [line.removeprefix(_MESSAGE_PREFIX) for line in self._lines() if line.startswith(_MESSAGE_PREFIX)]
        return [message[:_MAX_MESSAGE] for message in messages]

    def _last_line(self) -> str:
        lines = self._lines()
        return lines[-1][:_MAX_MESSAGE] if lines else ""

    def _lines(self) -> list[str]:
        try:
            return self.output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return []


def launch_training(arguments: Sequence[str], activity: str, name: str, path: str | None = None) -> TrainingProcess:
    """Run `rnntui` with these arguments as a detached process: no terminal, no pipes, its output in a file.

    It gives way to the app and to other programs, by `NICENESS`.

    Raises `RnntuiError` if no process can be started.
    """
    try:
        output = create_log()
    except OSError as error:
        raise RnntuiError(
            f"cannot start a training process: no file for its output: {error.strerror}", hint=os_error_hint(error)
        ) from error
    try:
        with output.open("ab") as file:  # appending, as the process trims it
            process = subprocess.Popen(
                # -P: a module in the current folder must not shadow one of ours.
                [sys.executable, "-P", "-m", "rnntui", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, LOG_VARIABLE: str(output)},
                start_new_session=True,  # Ctrl-C in our terminal, or its end, must not reach the training
            )
    except OSError as error:
        output.unlink(missing_ok=True)
        raise RnntuiError(
            f"cannot start a training process: {error.strerror or error}", hint=os_error_hint(error)
        ) from error
    _running.append(process)
    _give_way(process.pid)
    return TrainingProcess(activity, name, output, process, path)


def _give_way(pid: int) -> None:
    """Let a process that has just begun a session, and all threads that it is going to start, run behind others.

    Linux schedules the sessions of terminals as groups where autogroups are on (sched(7)), and the niceness of a
    process then counts within its own group alone, so the group gets one too. A system that refuses is left as it is.
    """
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS))
    with contextlib.suppress(OSError, ValueError, IndexError):
        own = int(Path("/proc/self/autogroup").read_text(encoding="ascii").split()[-1])
        Path(f"/proc/{pid}/autogroup").write_text(f"{min(19, own + NICENESS)}", encoding="ascii")
