"""Changes of the installed package while the app is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import rnntui

UPGRADED = "rnntui was upgraded or removed while the app was open, so the app has closed; start it again"


class Installation:
    """The installed package as it was when the app started."""

    def __init__(self) -> None:
        self._file = Path(rnntui.__file__)
        self._stamp = self._read_stamp()

    def _read_stamp(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def has_changed(self, error: BaseException) -> bool:
        """Return True if an error is due to another version of the package, or to a module of it that is missing."""
        is_missing = any(
            isinstance(cause, ImportError) and (cause.name or "").partition(".")[0] == "rnntui"
            for cause in _with_causes(error)
        )
        return is_missing or self._read_stamp() != self._stamp


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = getattr(error, "error", None) or error.__cause__ or error.__context__
