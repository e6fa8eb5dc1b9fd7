#!/usr/bin/env bash
# click 8.5.1, Python 3.11
#
# Guess: click.File("w", atomic=True) and click.open_file(..., atomic=True) write beside the file, which is replaced when all is
#   written ("upon completion"): a command that fails halfway leaves the old file as it was.
# Seen: the file is replaced however the command ends. After an exception, after ctx.exit(1) and after Ctrl+C, the half that
#   was written is in the place of the old file, lazily opened or not. Only a process that is killed leaves it alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check click==8.5.1
"$folder/venv/bin/python" - "$folder/result.txt" <<'PYTHON'
import os
import signal
import sys
from pathlib import Path

import click
from click.testing import CliRunner

OLD = "the whole result of yesterday\n"
path = Path(sys.argv[1])


def fail():
    raise ValueError("a broken row")


ENDS = {
    "an exception": fail,
    "ctx.exit(1)": lambda: click.get_current_context().exit(1),
    "Ctrl+C": lambda: os.kill(os.getpid(), signal.SIGINT),
}


def write(end, lazy):
    """Run a command that ends after half of its output; return its exit code."""

    @click.command()
    @click.argument("file", type=click.File("w", atomic=True, lazy=lazy))
    def command(file):
        file.write("half of ")
        end()
        file.write("today's\n")

    return CliRunner().invoke(command, [str(path)]).exit_code


same = True
for name, end in ENDS.items():
    for lazy in (False, True):
        path.write_text(OLD)
        code = write(end, lazy)
        print(f"{name}, lazy={lazy}: exit code {code}, the file is {path.read_text()!r}")
        same &= code == 1 and path.read_text() == "half of "
path.write_text(OLD)
try:
    with click.open_file(str(path), "w", atomic=True) as file:
        file.write("half of ")
        fail()
except ValueError:
    print(f"open_file in a with block: the file is {path.read_text()!r}")
    same &= path.read_text() == "half of "
path.write_text(OLD)
if not os.fork():
    write(lambda: os.kill(os.getpid(), signal.SIGKILL), False)
os.wait()
print(f"killed: the file is {path.read_text()!r}")
sys.exit(not (same and path.read_text() == OLD))
PYTHON
