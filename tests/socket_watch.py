"""Forbids internet sockets to a command and all its child processes, and records each attempt."""

from __future__ import annotations

import os
from pathlib import Path

_VARIABLE = "RNNTUI_TEST_SOCKETS"

# Python imports sitecustomize when it starts, so child processes have the audit hook as well.
_HOOK = f"""
import os, socket, sys

def forbid(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
        used = arguments[0].family in (socket.AF_INET, socket.AF_INET6)
    else:
        used = event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")
    if used:
        with open(os.environ["{_VARIABLE}"], "a", encoding="utf-8") as file:
            print(event, *(a for a in arguments if not isinstance(a, socket.socket)), file=file)
        raise PermissionError(1, "no internet in this test", event)

sys.addaudithook(forbid)
"""


class SocketWatch:
    """The environment of a process without internet, and the attempts to use it."""

    def __init__(self, folder: Path) -> None:
        """`folder` is for its files; it must exist."""
        (folder / "sitecustomize.py").write_text(_HOOK, encoding="utf-8")
        self._log = folder / "attempts.txt"
        self._path = str(folder)

    def environment(self, *path: str) -> dict[str, str]:
        """Return the variables of a process without internet; `path` are further folders of modules."""
        return {**os.environ, _VARIABLE: str(self._log), "PYTHONPATH": os.pathsep.join([self._path, *path])}

    @property
    def attempts(self) -> list[str]:
        """The attempts so far: the event and its arguments."""
        return self._log.read_text(encoding="utf-8").splitlines() if self._log.exists() else []
