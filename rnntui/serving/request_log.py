"""One line on stderr for each request: who, what, status, tokens and times, but never a text."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rnntui.text.control_chars import one_line


@dataclass
class RequestRecord:
    """Facts of a request, gathered while it is served."""

    client: str
    method: str
    path: str
    status: int = 0
    model: str = ""
    amount: str = ""
    first_piece_seconds: float | None = None
    note: str = ""
    started: float = field(default_factory=time.perf_counter)

    @property
    def line(self) -> str:
        """The line of the log, without the time of day."""
        parts = [self.client, self.method, self.path[:200], str(self.status or "-"), self.model, self.amount]
        parts.append(f"{time.perf_counter() - self.started:.3f} s")
        if self.first_piece_seconds is not None:
            parts.append(f"(first token {self.first_piece_seconds:.3f} s)")
        if self.note:
            parts.append(f"- {self.note}")
        return one_line(" ".join(filter(None, parts)))


LogWriter = Callable[[RequestRecord], None]


def write_to_stderr(record: RequestRecord) -> None:
    """Write the line of a request, with the time of day; a log that is full or closed does not end the request."""
    with contextlib.suppress(OSError):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {record.line}", file=sys.stderr, flush=True)
