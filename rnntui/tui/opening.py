"""Opening trained runs for the app, each once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnntui.inference.run import LoadedRun
    from rnntui.runs.folder import RunFolder


class OpenRuns:
    """The models that are open, by folder and by the time their weights were written: a run that trains on is new.

    Called from worker threads. Nothing here imports numpy before the first model is wanted.
    """

    def __init__(self, checkpoints: Path) -> None:
        self.checkpoints = checkpoints
        self._open: dict[tuple[Path, int], LoadedRun] = {}
        self._lock = threading.Lock()

    def find(self, name: str | None) -> RunFolder:
        """The run of a name or path; the newest, or the shipped one, for None. Raises as `find_run` does."""
        from rnntui.runs.find import find_run

        return find_run(name, self.checkpoints)

    def load(self, run: RunFolder) -> LoadedRun:
        """The run's model and tokenizer. Raises `RunError` or `TokenizerError` if a file is missing or broken."""
        from rnntui.errors import RunError
        from rnntui.inference.run import load_run

        try:
            key = (run.path.resolve(), run.weights_file.stat().st_mtime_ns)
        except OSError as error:
            raise RunError(f"cannot read {run.weights_file}: {error.strerror}") from error
        with self._lock:
            if key not in self._open:
                self._open[key] = load_run(run)
            return self._open[key]
