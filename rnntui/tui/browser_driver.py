"""The driver of the app in a browser: its server is the process at the other end of two pipes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from functools import partial
from typing import Any

from textual import messages
from textual.drivers.web_driver import WebDriver


class BrowserDriver(WebDriver):
    """Textual's driver, but with the signal handlers of the app in a terminal, and the app ends with its server.

    Textual's own handles SIGINT and SIGTERM in the event loop, and no SIGHUP; an app whose server was killed would run
    on without a page.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._write = partial(self._write_to_server)

    def _write_to_server(self, data: bytes) -> int:
        with contextlib.suppress(BrokenPipeError):  # the end of the input says the same
            return os.write(self.fileno, data)
        return 0

    def start_application_mode(self) -> None:
        """Start, and leave the handlers of signals as they were."""
        if sys.platform == "win32":
            super().start_application_mode()
            return
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        wakeup_fd = signal.set_wakeup_fd(-1)
        super().start_application_mode()
        loop = asyncio.get_running_loop()
        for number, handler in handlers.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup_fd, warn_on_full_buffer=False)

    def run_input_thread(self) -> None:
        """Read what the server sends; when it has gone, let the app end."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._app.post_message(messages.ExitApp())
