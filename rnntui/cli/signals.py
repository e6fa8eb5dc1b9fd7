"""Signals that ask a process to end, answered by a thread as they arrive.

Python runs a signal handler only between two instructions of the main thread, which may be in one long call.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")

Handler = Callable[[int, FrameType | None], None]


class SignalThread:
    """Calls a function in a thread of its own for each SIGINT, SIGTERM and SIGHUP inside its `with` block.

    A signal that was ignored before, as SIGHUP under `nohup`, stays ignored.
    """

    def __init__(self, handler: Handler, answer: Callable[[int], None]) -> None:
        """
        Args:
            handler: called in the main thread with the number of a signal, as soon as Python can.
            answer: called at once in the thread, for one signal after another.
        """
        self._handler, self._answer = handler, answer
        self._previous_handlers: dict[int, Any] = {}
        self._arrived, self._arriving = socket.socketpair()

    def __enter__(self) -> SignalThread:
        for name in _NAMES:
            number = getattr(signal, name, None)  # not every system has all three
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._previous_handlers[number] = signal.signal(number, self._handler)
        self._arriving.setblocking(False)
        self._previous_fd = signal.set_wakeup_fd(self._arriving.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._run, name="signals", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        signal.set_wakeup_fd(self._previous_fd)
        for number, handler in self._previous_handlers.items():
            signal.signal(number, handler)
        self._arriving.close()  # ends the thread

    def _run(self) -> None:
        while data := self._arrived.recv(1):
            if data[0] in self._previous_handlers:
                self._answer(data[0])
        self._arrived.close()
