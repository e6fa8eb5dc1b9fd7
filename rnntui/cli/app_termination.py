"""Ending of the app by a signal: `kill`, or a terminal that is closed. What is typed is saved first."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from rnntui.cli.signals import SignalThread
from rnntui.cli.terminal import print_note

if TYPE_CHECKING:
    from rnntui.tui.app import RnntuiApp

_LOOP_SECONDS = 2.0  # until texts are saved without the event loop, which is busy or blocked by its terminal
_SAVE_SECONDS = 30.0  # to save, after which a disk is given up that answers no more
_TERMINAL_SECONDS = 2.0  # to restore the terminal, which may be gone


class AppTermination:
    """Saves the texts of an app when a signal asks it to end inside its `with` block, and ends the process.

    The texts are saved in the event loop, where nothing is half changed. If that is not free soon, as when the app
    writes to a terminal that takes nothing more, another thread saves them. Then the terminal is restored as far as it
    is there, and the process ends with 128 and the number of the signal, whatever else it is doing.

    Further signals change nothing: the first one is being answered, within half a minute at most.
    """

    def __init__(self, app: RnntuiApp) -> None:
        self._app = app
        self._begun, self._saved = threading.Lock(), threading.Event()
        self._problems: list[str] = []
        self._signals = SignalThread(lambda number, frame: None, self._end)

    def __enter__(self) -> AppTermination:
        self._signals.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._signals.__exit__(*error)

    def _end(self, signal_number: int) -> None:
        """Save, restore the terminal, and end the process. Called in the thread of the signals."""
        is_scheduled = self._app.call_in_loop(self._save_in_loop)
        if not (is_scheduled and self._saved.wait(_LOOP_SECONDS)):
            threading.Thread(target=self._save, name="saving", daemon=True).start()
            self._saved.wait(_SAVE_SECONDS)
        _within(_TERMINAL_SECONDS, self._leave_terminal)
        os._exit(128 + signal_number)

    def _save_in_loop(self) -> None:
        self._save()
        threading.Event().wait()  # nothing may be painted any more

    def _save(self) -> None:
        if self._begun.acquire(blocking=False):
            try:
                self._problems = self._app.save_all()
            finally:
                self._saved.set()

    def _leave_terminal(self) -> None:
        self._app.leave_terminal()
        sys.stderr = sys.__stderr__  # the app has redirected it
        for line in self._problems or self._app.exit_messages:
            print_note(line)


def _within(seconds: float, work: Callable[[], object]) -> None:
    """Do some work in a thread, and wait for its end no longer than some seconds; if it fails, so be it."""

    def run() -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone
            work()

    thread = threading.Thread(target=run, name="terminal", daemon=True)
    thread.start()
    thread.join(seconds)
