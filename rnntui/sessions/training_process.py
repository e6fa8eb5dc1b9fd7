"""Trainings started from the app: processes of their own, which outlive it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rnntui.errors import INTERRUPTED_EXIT_CODE, RnntuiError

_OUR_PREFIX = "rnntui: "
_LONGEST_MESSAGE = 4000

# Python warns of a process that is still running when the object of it goes; outliving us is what these are for.
_running: list[subprocess.Popen[bytes]] = []


@dataclass
class Training:
    """A training process of the run or corpus `name`.

    `doing` says in a word what it does until the run is seen to be running; `path` is the run's folder, once known.
    """

    doing: str
    name: str
    output: Path
    process: subprocess.Popen[bytes]
    path: str | None = None
    began: float = field(default_factory=time.time)

    @property
    def number(self) -> int:
        """The process's number, as its run's status names it."""
        return self.process.pid

    def ended(self) -> bool:
        """Whether the process is over."""
        return self.process.poll() is not None

    def problem(self) -> str:
        """Once it has ended: what went wrong, in a line; empty if nothing did. Forgets its output if so."""
        code = self.process.wait()
        with contextlib.suppress(ValueError):
            _running.remove(self.process)
        said = self._last_line()
        if code in (0, INTERRUPTED_EXIT_CODE):
            self.output.unlink(missing_ok=True)
            return ""
        if said.startswith(_OUR_PREFIX):
            self.output.unlink(missing_ok=True)
            return said.removeprefix(_OUR_PREFIX)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"the training process {how}; what it said is in {self.output}"

    def notes(self) -> list[str]:
        """What it has told so far beside its progress, such as which rows of a table are left out."""
        found = [line.removeprefix(_OUR_PREFIX) for line in self._lines() if line.startswith(_OUR_PREFIX)]
        return [line[:_LONGEST_MESSAGE] for line in found]

    def _last_line(self) -> str:
        lines = self._lines()
        return lines[-1][:_LONGEST_MESSAGE] if lines else ""

    def _lines(self) -> list[str]:
        try:
            return self.output.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return []


def launch(arguments: Sequence[str], doing: str, name: str, path: str | None = None) -> Training:
    """Run `rnntui` with these arguments, apart from us: no terminal, no pipes, its output in a file of its own.

    Raises `RnntuiError` if no process can be started.
    """
    try:
        handle, log = tempfile.mkstemp(prefix="rnntui-train-", suffix=".log")
    except OSError as error:
        raise RnntuiError(f"cannot start a training process: no file for its output: {error.strerror}") from error
    output = Path(log)
    try:
        with os.fdopen(handle, "wb") as file:
            process = subprocess.Popen(
                # -P: nothing in the folder that one happens to be in is taken for a module of ours.
                [sys.executable, "-P", "-m", "rnntui", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C, or the end of our terminal, is not meant for it
            )
    except OSError as error:
        output.unlink(missing_ok=True)
        raise RnntuiError(f"cannot start a training process: {error.strerror or error}") from error
    _running.append(process)
    return Training(doing, name, output, process, path)
