"""Commands on a pseudo-terminal: forks of a process that has imported the command line."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_SERVER = """
import base64, fcntl, json, os, pty, struct, sys, termios
import numpy, rich.console, rich.table
from rnntui.cli.main import run
import rnntui.cli.curves, rnntui.cli.runs, rnntui.cli.sample, rnntui.cli.show
import rnntui.inference.loaded_model
for line in sys.stdin:
    request = json.loads(line)
    process, terminal = pty.fork()
    if not process:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.chdir(request["folder"])
        os.environ.update(TERM="xterm-256color", COLUMNS="", LINES="")
        sys.stdin = open(0, encoding="utf-8", errors="surrogateescape")
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False, buffering=1)
        code = run(request["arguments"])
        sys.stdout.flush()
        os._exit(code)
    output = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
        if not data:
            break
        output += data
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    print(json.dumps([os.waitstatus_to_exitcode(status), base64.b64encode(output).decode()]), flush=True)
"""


class Output(NamedTuple):
    """The exit code of a command, and what its terminal received."""

    code: int
    data: bytes


class PseudoTerminal:
    """Runs command lines of rnntui in a folder on a pseudo-terminal of 80 columns and 24 rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._server.stdin is not None and self._server.stdout is not None
        self._stdin, self._stdout = self._server.stdin, self._server.stdout

    def run(self, *arguments: str) -> Output:
        """Run a command to its end."""
        self._stdin.write(json.dumps({"arguments": arguments, "folder": str(self._folder)}) + "\n")
        self._stdin.flush()
        code, data = json.loads(self._stdout.readline())
        return Output(code, base64.b64decode(data))

    def close(self) -> None:
        self._stdin.close()
        self._server.wait()
        self._stdout.close()
