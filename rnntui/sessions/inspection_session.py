"""InspectionSession: the controller of the Inspect tab: runs, view, text, and what has been computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnntui.errors import UsageError
from rnntui.inspection.views import InspectionView, views_of
from rnntui.kinds.registry import kind_or_default, title_of
from rnntui.runs.folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from rnntui.inspection.inspection import Inspection, InspectionRequest
    from rnntui.runs.run_config import RunConfig

_MAX_RESULTS = 64  # that are kept: an attention matrix of each of 512 pairs may take some megabytes


@dataclass(frozen=True)
class InspectionKey:
    """What a result is of: a view, paths of runs with the time of their weights, and a text."""

    view: str
    runs: tuple[tuple[str, int], ...]
    text: str


class InspectionSession:
    """The runs that are looked at, the view that is shown, the text, and the results that have been computed.

    Results of runs whose weights have changed since are computed anew. A run that is deleted while it is open stays
    open, with what has been computed of it. Nothing here touches the disk, which may be slow, but `weights_times`,
    called in a thread of its own.
    """

    def __init__(self, text: str = "", view_name: str = "") -> None:
        """`text` is the text to begin with, `view_name` the view; without one of that name, the first is shown."""
        self.runs: list[RunFolder] = []
        self.text = text
        self.kind_id = ""
        self._descriptions: dict[Path, str] = {}
        self._weights_times: dict[Path, int] = {}
        self._view_name = view_name
        self._results: dict[InspectionKey, Inspection] = {}

    @property
    def views(self) -> list[InspectionView]:
        """The views of the kind of the open run."""
        return views_of(self.kind_id)

    @property
    def view(self) -> InspectionView | None:
        """The view that is shown; None without a run, or for one of a kind that has no view."""
        views = self.views
        return next((view for view in views if view.name == self._view_name), views[0] if views else None)

    @property
    def view_name(self) -> str:
        """The name of the view that was chosen last, "" if none was; models of another kind may not have it."""
        return self._view_name

    def open(self, run: RunFolder, config: RunConfig, weights_time: int) -> None:
        """Look at a run alone, which has this config and weights. Raises `UsageError` if its kind has no view."""
        if not views_of(config.kind):
            raise UsageError(f"run {run.name} is a {title_of(config.kind)}, which no view is of")
        self.kind_id, self.runs = config.kind, [run]
        self._descriptions = {run.path: _description(run.name, config)}
        self._weights_times = {run.path: weights_time}

    def add(self, run: RunFolder, config: RunConfig, weights_time: int) -> None:
        """Look at one more run of the same kind. Raises `UsageError` for another kind, or where it does not fit."""
        view = self.view
        if config.kind != self.kind_id:
            raise UsageError(f"run {run.name} is a {title_of(config.kind)}, and {self.runs[0].name} is not")
        if any(run.path.resolve() == other.path.resolve() for other in self.runs):
            raise UsageError(f"run {run.name} is shown already")
        if view is not None and len(self.runs) >= view.max_runs:
            raise UsageError(f"{view.title} shows {view.max_runs} runs at most")
        self.runs.append(run)
        self._descriptions[run.path] = _description(run.name, config)
        self._weights_times[run.path] = weights_time

    def take_weights_times(self, times: Mapping[Path, int]) -> bool:
        """Take the times of weights; return True if those of a run have changed. Its results then have other keys."""
        known = {path: time for path, time in times.items() if path in self._weights_times}
        is_changed = any(self._weights_times[path] != time for path, time in known.items())
        self._weights_times.update(known)
        return is_changed

    def remove_last(self) -> bool:
        """Take away the run that was added last; False if there is but one."""
        if len(self.runs) < 2:
            return False
        self.runs.pop()
        return True

    def select(self, title: str) -> None:
        """Show the view with this title."""
        self._view_name = next((view.name for view in self.views if view.title == title), self._view_name)

    def step(self, by: int) -> None:
        """Show the view `by` places on, around the end."""
        views, view = self.views, self.view
        if view is not None:
            self._view_name = views[(views.index(view) + by) % len(views)].name

    @property
    def needs_text(self) -> bool:
        """True if the view waits for a text."""
        return self.view is not None and self.view.text == "required" and not self.text

    @property
    def shown_runs(self) -> tuple[RunFolder, ...]:
        """The runs that the view shows: as many as it can."""
        return tuple(self.runs[: self.view.max_runs]) if self.view is not None else ()

    @property
    def key(self) -> InspectionKey | None:
        """The key of the result to show; None if there is nothing to compute."""
        view = self.view
        if view is None or self.needs_text:
            return None
        runs = tuple((str(run.path), self._weights_times[run.path]) for run in self.shown_runs)
        return InspectionKey(view.name, runs, self.text if view.text != "none" else "")

    def request(self) -> InspectionRequest:
        """Return what a view computes its result from."""
        from rnntui.inspection.inspection import InspectionRequest

        has_text = self.view is not None and self.view.text != "none"
        return InspectionRequest(self.shown_runs, self.text if has_text else "")

    def result(self, key: InspectionKey | None) -> Inspection | None:
        """Return what has been computed for a key."""
        return self._results.get(key) if key is not None else None

    def store(self, key: InspectionKey, result: Inspection) -> None:
        """Keep a result; those stored longest ago go where there are many."""
        self._results.pop(key, None)
        self._results[key] = result
        while len(self._results) > _MAX_RESULTS:
            del self._results[next(iter(self._results))]

    @property
    def heading(self) -> str:
        """The runs, for the head of the tab."""
        return ", ".join(self._descriptions[run.path] for run in self.shown_runs)


def _description(name: str, config: RunConfig) -> str:
    model = config.model
    return f"{name} ({kind_or_default(config.kind).abbreviation} {model.cell} {model.layers}×{model.hidden})"


def weights_times(runs: Sequence[RunFolder]) -> dict[Path, int]:
    """Return the time of the weights of runs in nanoseconds, by path; 0 for those that are gone. Reads the disk."""
    times = {}
    for run in runs:
        try:
            times[run.path] = run.weights_file.stat().st_mtime_ns
        except OSError:
            times[run.path] = 0
    return times
