"""One line on stderr for each request: who, what, status, tokens and times, but never a text."""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from rnntui.text.control_chars import one_line

_MAX_PATH = _MAX_NOTE = 200  # characters
_SPACE = re.compile(r"\s")


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
        sent = (self.client, 64), (self.method, 16), (quote(self.path[:_MAX_PATH], errors="replace"), _MAX_PATH)
        parts = [*(_word(text, longest) for text, longest in sent), str(self.status or "-"), _word(self.model, 80)]
        parts += [self.amount, f"{time.perf_counter() - self.started:.3f} s"]
        if self.first_piece_seconds is not None:
            parts.append(f"(first token {self.first_piece_seconds:.3f} s)")
        if self.note:
            parts.append(f"- {self.note[:_MAX_NOTE]}")
        return one_line(" ".join(filter(None, parts)))


def _word(text: str, longest: int) -> str:
    """Return what a client has sent as one word, cut: with spaces in it, it could pass for the words after it."""
    return _SPACE.sub("_", text[:longest])


LogWriter = Callable[[RequestRecord], None]


def write_to_stderr(record: RequestRecord) -> None:
    """Write the line of a request, with the time of day; a log that is full or closed does not end the request."""
    with contextlib.suppress(OSError):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {record.line}", file=sys.stderr, flush=True)
