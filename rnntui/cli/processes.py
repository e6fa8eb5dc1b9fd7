"""Processes that torchrun starts for a training: that of rank 0 prepares the run and prints, the others follow it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.cli.terminal import print_note
from rnntui.errors import RunError

if TYPE_CHECKING:
    from rnntui.config import TrainerConfig
    from rnntui.kinds.model_kind import ModelKind
    from rnntui.runs.folder import RunFolder
    from rnntui.training.process_group import ProcessGroup
    from rnntui.training.torchrun import TorchrunEnvironment


class TrainingProcesses:
    """This process among those of a training; they are connected inside its `with` block.

    A run that is created there is locked from the beginning.

    Outside torchrun, and with one process, nothing is sent and torch is not imported here.

    Args:
        kind: The kind of run.
        training: Settings of a new run; None for a run to resume, whose own are checked later.
        checkpoints: The folder of runs.
        searches_rate: True if a learning rate is to be found first, which several processes cannot.

    Raises `UsageError` if the environment is not that of torchrun, or if the settings need another number of processes.
    """

    def __init__(
        self, kind: ModelKind, training: TrainerConfig | None, checkpoints: Path, *, searches_rate: bool
    ) -> None:
        from rnntui.training.torchrun import TorchrunEnvironment

        self.place: TorchrunEnvironment = TorchrunEnvironment.read()
        if searches_rate:
            self.place.require_single("--find-learning-rate or --use-found-rate")
        if training is not None:
            self._check_batch_size(training)
            self.place.check_local_steps(training.local_steps)
        self._kind, self._checkpoints, self._is_new = kind, checkpoints, training is not None
        self._group: ProcessGroup | None = None
        self._is_shared = False  # the others know the run
        self._open = ExitStack()

    def __enter__(self) -> TrainingProcesses:
        if self.place.size > 1:
            from rnntui.training.process_group import ProcessGroup

            self._group = ProcessGroup.join(self.place)
        from rnntui.runs.run_lock import new_runs_locked

        self._open.enter_context(new_runs_locked())
        return self

    def __exit__(self, error_type: type[BaseException] | None, *error: object) -> None:
        with self._open:
            if self._group is not None:
                if self.is_main and not self._is_shared:
                    self._share("")
                self._group.leave()

    @property
    def is_main(self) -> bool:
        return self.place.rank == 0

    @property
    def group(self) -> ProcessGroup:
        """The connected processes."""
        from rnntui.training.process_group import SINGLE_PROCESS

        return self._group or SINGLE_PROCESS

    def ready_run(self) -> RunFolder | None:
        """Return the run where it is there without preparing: the one of rank 0, or that of this job before a restart.

        Other processes wait here until rank 0 has prepared it. None if this one has to prepare it.
        """
        from rnntui.runs.folder import RunFolder

        if self.is_main:
            return self.place.run_of_job(self._kind, self._checkpoints) if self._is_new else None
        path = self.group.give()
        if not path:
            raise RunError(f"process {self.place.rank} stops, as process 0 could not prepare the training")
        if not Path(path).is_dir():
            raise RunError(
                f"process {self.place.rank} finds no {path}",
                hint="several machines need a folder of runs that they share at one path; name it with --checkpoints",
            )
        return RunFolder(Path(path))

    def begin(self, run: RunFolder) -> None:
        """Tell the other processes which run is trained, and mark a new one as this job's."""
        if not self.is_main:
            return
        self._check_batch_size(run.read_config().training)
        if self._is_new:
            self.place.mark(run)
        if self._group is not None:
            print_note(f"training with {self.place.size} processes")
            self._share(str(run.path.resolve()))

    def _share(self, path: str) -> None:
        from rnntui.training.process_group import ProcessLostError

        self._is_shared = True
        try:
            self.group.give(path)
        except ProcessLostError:
            if path:
                raise

    def _check_batch_size(self, training: TrainerConfig) -> None:
        if getattr(training, "batch_tokens", None) is None:
            self.place.check_batch_size(training.batch_size)  # type: ignore[attr-defined]  # that of every kind
