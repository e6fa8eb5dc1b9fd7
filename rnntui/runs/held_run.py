"""The run that this process trains, held by its lock, wherever its folder goes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType

from rnntui.errors import RnntuiError, RunError, TrainingError
from rnntui.formatting import shell_quote
from rnntui.runs.folder import RunFolder
from rnntui.runs.run_lock import lock_file_in, lock_identity


class _LostError(RunError):
    """The run is not where it was."""


class HeldRun:
    """A run whose lock this process holds; it notices when the folder at its path is no longer the one that it holds.

    Only a process that has the lock may write to a run, and one that goes on writing to a path may write to another
    run that is there meanwhile. A `with` block releases the lock at its end. An error of a file that ends the block is
    raised as that of `check` if the run was moved or deleted: its files are missing for that.
    """

    def __init__(self, run: RunFolder) -> None:
        """Acquire the lock of `run`. Raises `RunError` as `acquire_lock` does."""
        self.run = run
        self._folder: int | None = None
        with contextlib.suppress(OSError):  # `acquire_lock` tells of a missing one, and Windows opens no folder
            self._folder = os.open(run.path, os.O_RDONLY)
        try:
            self._lock = run.lock()
        except BaseException:
            self._close()
            raise
        self._identity = lock_identity(run.path)
        if self._folder is not None and self._identity != self._lock_in_folder():
            self._identity = None  # it was moved this instant, and `check` says so

    def __enter__(self) -> HeldRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, OSError | RnntuiError) and not isinstance(error, TrainingError | _LostError):
                self.check()
        finally:
            self._lock.release()
            self._close()

    def check(self) -> None:
        """Raise `RunError` if the folder was moved, deleted or replaced, or its lock file was."""
        identity = lock_identity(self.run.path)
        if identity is None or identity != self._identity:
            raise self._lost()

    def _lost(self) -> _LostError:
        """Return the error for what has happened to the folder, as far as the system tells."""
        path, resume = self.run.path, "with --name and --checkpoints"
        if self._folder is not None:
            if os.fstat(self._folder).st_nlink == 0:
                return _LostError(
                    f"{path} was deleted while it was trained",
                    hint=f"nothing is left of the run; had it been moved to another disk, resume it there, {resume}",
                )
            if self._is_folder(path):
                return _LostError(
                    f"{path} was being trained, and its lock file was deleted or replaced",
                    hint="if its other files are there, the run is whole as of its last save: resume it",
                )
            with contextlib.suppress(OSError):
                place = Path(f"/proc/self/fd/{self._folder}").readlink()  # Linux
                if self._is_folder(place):
                    name, folder = shell_quote(place.name), shell_quote(str(place.parent))
                    return _LostError(
                        f"{path} was moved to {place} while it was trained",
                        hint="the run is whole as of its last save: "
                        f"resume it with --name {name} --checkpoints {folder}",
                    )
        return _LostError(
            f"{path} was moved, deleted or replaced while it was trained",
            hint=f"a run that was moved is whole as of its last save: resume it where it is now, {resume}",
        )

    def _is_folder(self, path: Path) -> bool:
        """Return True if the folder that is held is at a path."""
        assert self._folder is not None
        try:
            return os.path.samestat(os.fstat(self._folder), path.stat())
        except OSError:
            return False

    def _lock_in_folder(self) -> tuple[int, int] | None:
        try:
            status = os.stat(lock_file_in(Path()), dir_fd=self._folder)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def _close(self) -> None:
        if self._folder is not None:
            os.close(self._folder)
