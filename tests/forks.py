"""A process that has imported torch, and forks for pieces of code that need a process of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from rnntui.runs.folder import RunFolder
from rnntui.text.subword_tokenizer import SubwordTokenizer

# Imports of torch take most of the start of a process: here once for all forks.
_FORK_SERVER = """
import json, os, sys, traceback
from pathlib import Path
from rnntui.cli.main import run
from rnntui.runs.folder import RunFolder
from rnntui.training import language_model_task
from rnntui.training.train_run import train_run
for line in sys.stdin:
    process = os.fork()
    if not process:
        print(os.getpid(), flush=True)
        try:
            exec(json.loads(line))
        except BaseException:
            traceback.print_exc()
        os._exit(0)
    os.waitpid(process, 0)
    print("ended", flush=True)
"""


class Forks:
    """Runs pieces of Python in forks of a process that has imported torch, and kills them without warning."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", _FORK_SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._server.stdin is not None and self._server.stdout is not None
        self._stdin, self._stdout = self._server.stdin, self._server.stdout
        self._process = 0

    def start(self, code: str) -> None:
        """Run code in a new process; the one before must have ended."""
        self._stdin.write(json.dumps(code) + "\n")
        self._stdin.flush()
        self._process = int(self._stdout.readline())

    def output(self) -> Iterator[str]:
        """Lines that the process prints."""
        while (line := self._stdout.readline().strip()) != "ended":
            yield line

    def kill(self) -> None:
        """Kill the process, and wait for its end."""
        os.kill(self._process, signal.SIGKILL)
        for _ in self.output():
            pass

    def signal(self, number: int) -> None:
        """Send the process a signal."""
        os.kill(self._process, number)

    def close(self) -> None:
        self._server.kill()
        self._server.wait()
        self._stdin.close()
        self._stdout.close()


def killed_in(create: Callable[[], RunFolder], method: str, calls: int) -> None:
    """Create a run in a process that ends without a word at a call of a tokenizer's method."""
    process = os.fork()
    if not process:
        original, left = getattr(SubwordTokenizer, method), iter(range(calls))

        def encode(self: SubwordTokenizer, text: Any) -> Any:
            if next(left, None) is None:
                os._exit(9)
            return original(self, text)

        setattr(SubwordTokenizer, method, encode)
        try:
            create()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9
