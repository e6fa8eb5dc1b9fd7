"""Ending of the app by a signal, where its texts cannot be saved; `tests/tui/test_terminal_app.py` has real ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

NEVER_SAVES = """
import os, signal, threading
from rnntui.cli import app_termination
from rnntui.cli.app_termination import AppTermination

app_termination._LOOP_SECONDS = app_termination._SAVE_SECONDS = 0.2

class App:
    exit_messages = ()
    def call_in_loop(self, work): return False
    def save_all(self): threading.Event().wait()
    def leave_terminal(self): print("left", flush=True)

with AppTermination(App()):
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_disk_that_never_answers_is_given_up() -> None:
    done = subprocess.run([sys.executable, "-c", NEVER_SAVES], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (143, "left\n"), done.stderr
