"""What is being done to runs: trainings that we started and that do not run yet, runs that were told to stop."""

from __future__ import annotations

from collections.abc import Sequence

from textual.notifications import SeverityLevel

from rnntui.formatting import number
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.sessions.training_process import Training
from rnntui.tui.train.run_details import scores


class Jobs:
    """Trainings started here until their processes end, and runs being stopped until they have."""

    def __init__(self) -> None:
        self.trainings: list[Training] = []
        self._stopping: set[str] = set()

    def add(self, training: Training) -> None:
        """A training was started."""
        self.trainings.append(training)

    def stop(self, path: str) -> None:
        """A run was told to stop."""
        self._stopping.add(path)

    def is_stopping(self, path: str) -> bool:
        """Whether a run was told to stop and has not yet."""
        return path in self._stopping

    def ended(self) -> list[Training]:
        """The trainings whose processes are over."""
        return [training for training in self.trainings if training.ended()]

    def take(self, runs: Sequence[WatchedRun]) -> list[Training]:
        """Look for our trainings among the runs, by the process in their status; gives those whose run is new."""
        self._stopping &= {run.path for run in runs if run.state == "running"}
        found = []
        for training in self.trainings:
            if training.path is None:
                for run in runs:
                    if run.status and run.status.process == training.number and run.status.updated >= training.began:
                        training.path = run.path
                        found.append(training)
        return found

    def end(self, training: Training, run: WatchedRun | None) -> str:
        """Forget a training that is over; what went wrong with it, unless its run says so itself."""
        self.trainings.remove(training)
        problem = training.problem()
        told = run is not None and run.state == "failed" and run.status and run.status.process == training.number
        return "" if told else problem

    def doing(self, runs: Sequence[WatchedRun]) -> dict[str, str]:
        """What is being done, by the run's path."""
        running = {run.path for run in runs if run.state == "running"}
        starting = {job.path: f"{job.doing} …" for job in self.trainings if job.path and job.path not in running}
        return starting | dict.fromkeys(self._stopping, "stopping …")

    def notes(self) -> list[str]:
        """What is being done that no run can be seen of yet."""
        return [f"{job.doing} {job.name} …" for job in self.trainings if job.path is None]


def end_of(run: WatchedRun) -> tuple[str, str, SeverityLevel]:
    """What to tell of a run that was running and no longer is: a text, a title, and how bad it is."""
    if run.state == "done":
        told = (scores(run.status) if run.status else "", f"validation loss {number(run.summary.validation_loss)}")
        return f"{run.name}: {', '.join(filter(None, told))}", "Training is done", "information"
    if run.state == "stopped":
        return f"{run.name} is saved; it can be resumed.", "Training has stopped", "information"
    message = run.status.message if run.status else run.summary.problem
    return f"{run.name}: {message}", "Training failed", "error"
