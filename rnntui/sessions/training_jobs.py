"""Training processes that this app started, and runs that it asked to stop."""

from __future__ import annotations

from collections.abc import Sequence

from rnntui.sessions.run_watcher import WatchedRun
from rnntui.sessions.training_process import TrainingProcess


class TrainingJobs:
    """Training processes until they have ended, and runs asked to stop until they have stopped."""

    def __init__(self) -> None:
        self.processes: list[TrainingProcess] = []
        self._stopping: set[str] = set()

    def add(self, process: TrainingProcess) -> None:
        """Add a process that was started."""
        self.processes.append(process)

    def mark_stopping(self, path: str) -> None:
        """Record that a run was asked to stop."""
        self._stopping.add(path)

    def is_stopping(self, path: str) -> bool:
        """Return True for a run that was asked to stop and still runs."""
        return path in self._stopping

    def ended(self) -> list[TrainingProcess]:
        """Return the processes that have ended."""
        return [process for process in self.processes if process.has_ended()]

    def match(self, runs: Sequence[WatchedRun]) -> list[TrainingProcess]:
        """Find the run of each process by the process id in its status; return the processes whose run is new."""
        self._stopping &= {run.path for run in runs if run.state == "running"}
        matched = []
        for process in self.processes:
            if process.path is None:
                for run in runs:
                    if run.status and run.status.process == process.pid and run.status.updated >= process.started:
                        process.path = run.path
                        matched.append(process)
        return matched

    def remove(self, process: TrainingProcess, run: WatchedRun | None) -> str:
        """Remove a process that has ended; return what went wrong, or nothing if the status of its run says so too."""
        self.processes.remove(process)
        problem = process.problem()
        is_reported = run is not None and run.state == "failed" and run.status and run.status.process == process.pid
        return "" if is_reported else problem

    def activities(self, runs: Sequence[WatchedRun]) -> dict[str, str]:
        """Return what is being done to runs, by path."""
        running = {run.path for run in runs if run.state == "running"}
        starting = {
            process.path: f"{process.activity} …"
            for process in self.processes
            if process.path and process.path not in running
        }
        created = dict.fromkeys(self._created(runs), "starting …")
        return created | starting | dict.fromkeys(self._stopping, "stopping …")

    def pending(self, runs: Sequence[WatchedRun]) -> list[str]:
        """Return a line for each process that has not created its run yet."""
        without_run = [process for process in self.processes if process.path is None]
        return [f"{process.activity} {process.name} …" for process in without_run[len(self._created(runs)) :]]

    def _created(self, runs: Sequence[WatchedRun]) -> list[str]:
        """Return the paths of runs that were created since a process without a run was started, by it as it seems.

        The first status of a run names its process, a second or two later; until then it looks like a stopped one.
        """
        since = min((process.started for process in self.processes if process.path is None), default=None)
        return [
            run.path
            for run in runs
            if since is not None and run.state == "stopped" and run.status is not None and not run.status.process
            and run.summary.updated >= since
        ]  # fmt: skip
