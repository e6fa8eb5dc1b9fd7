"""Stopping of a training by Ctrl-C and termination signals."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Protocol

from rnntui.cli.signals import SignalThread
from rnntui.cli.terminal import print_note
from rnntui.errors import INTERRUPTED_EXIT_CODE

_ABORT_SECONDS = 2.0  # for the training to end in its own way


class StoppableReporter(Protocol):
    """Display of a training that can be asked to stop. All is called from any thread."""

    def acknowledge_stop(self) -> None:
        """Answer a request to stop."""
        ...

    def end(self) -> None:
        """End the display, as the process is about to end at once."""
        ...

    def interrupted_lines(self) -> list[str]:
        """Return what is lost where the training was ended at once, and the command that continues it."""
        ...


class StopRequest:
    """Handler of Ctrl-C and termination signals: the first asks the training to save and stop, a second Ctrl-C aborts.

    A step may be one long call into torch, so a thread reads the signals, answers at once, and ends the process where
    an abort comes to nothing. Signals are handled inside its `with` block; see `SignalThread`.
    """

    def __init__(self) -> None:
        self.requested = False
        self._is_aborted, self._is_answered = False, False
        self._training: StoppableReporter | None = None
        self._signals = SignalThread(self._on_signal, self._answer)
        self._is_over = threading.Event()

    def __enter__(self) -> StopRequest:
        self._signals.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._signals.__exit__(*error)

    def begin_training(self, reporter: StoppableReporter) -> None:
        """From now on, save on a signal; before, a signal ends the process, as nothing is written yet."""
        self._training = reporter

    def end_training(self) -> None:
        """The training is over, so that no thread has to end the process."""
        self._is_over.set()

    def __call__(self) -> bool:
        return self.requested

    def _on_signal(self, signal_number: int, frame: FrameType | None) -> None:
        if self._training is None or (self.requested and signal_number == signal.SIGINT and not self._is_aborted):
            self._is_aborted = True  # a third one must not interrupt what the second one began
            raise KeyboardInterrupt
        self.requested = True

    def _answer(self, signal_number: int) -> None:
        reporter = self._training
        if reporter is None:
            return
        if not self._is_answered:
            self._is_answered = True
            reporter.acknowledge_stop()
        elif signal_number == signal.SIGINT and not self._is_over.wait(_ABORT_SECONDS):
            reporter.end()
            for line in reporter.interrupted_lines():
                print_note(line)
            os._exit(INTERRUPTED_EXIT_CODE)  # a run on disk is whole at any instant
