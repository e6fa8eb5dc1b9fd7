"""Trainings that this app started and that do not run yet, and runs that it told to stop."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui.sessions.run_watcher import WatchedRun
from rnntui.sessions.training_process import Training


class TrainingJobs:
    """Trainings started here until their processes end, and runs being stopped until they have."""

    def __init__(self) -> None:
        self.trainings: list[Training] = []
        self._stopping: set[str] = set()

    def add(self, training: Training) -> None:
        """Add a training that was started."""
        self.trainings.append(training)

    def stop(self, path: str) -> None:
        """Note that a run was told to stop."""
        self._stopping.add(path)

    def is_stopping(self, path: str) -> bool:
        """True for a run that was told to stop and has not yet."""
        return path in self._stopping

    def ended(self) -> list[Training]:
        """The trainings whose processes have ended."""
        return [training for training in self.trainings if training.ended()]

    def match(self, runs: Sequence[WatchedRun]) -> list[Training]:
        """Find the runs of our trainings, by the process in their status; returns the trainings whose run is new."""
        self._stopping &= {run.path for run in runs if run.state == "running"}
        matched = []
        for training in self.trainings:
            if training.path is None:
                for run in runs:
                    if run.status and run.status.process == training.number and run.status.updated >= training.began:
                        training.path = run.path
                        matched.append(training)
        return matched

    def end(self, training: Training, run: WatchedRun | None) -> str:
        """Forget a training that has ended; returns what went wrong with it, unless its run says so itself."""
        self.trainings.remove(training)
        problem = training.problem()
        said = run is not None and run.state == "failed" and run.status and run.status.process == training.number
        return "" if said else problem

    def states(self, runs: Sequence[WatchedRun]) -> dict[str, str]:
        """What is being done to runs, by their paths."""
        running = {run.path for run in runs if run.state == "running"}
        starting = {job.path: f"{job.doing} …" for job in self.trainings if job.path and job.path not in running}
        return starting | dict.fromkeys(self._stopping, "stopping …")

    def pending(self) -> list[str]:
        """What is being started and has no run yet."""
        return [f"{job.doing} {job.name} …" for job in self.trainings if job.path is None]
