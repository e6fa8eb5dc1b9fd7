"""The list of runs: one a row in aligned columns, updated in place, with marks in the colours of the curves."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from rnntui.charts.palette import curve_colour
from rnntui.formatting import format_duration, format_loss
from rnntui.kinds.registry import KINDS
from rnntui.runs.listing import RunSummary
from rnntui.sessions.overlaid_runs import Overlay
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.text.control_chars import one_line
from rnntui.tui.train.messages import MarkClicked
from rnntui.tui.widgets.colours import MUTED

# Widths of the columns in cells; the name has the rest.
_MARK, _KIND, _STATE, _LOSS, _SCORE, _AGE, _MODEL = 2, 5, 12, 7, 11, 7, 16
_MIN_NAME = 14  # cells; a column that would leave the name less is dropped
_STATE_COLOURS = {
    "running": "$text-success", "stopped": "$text-warning", "failed": "$text-error", "broken": "$text-error",
}  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """The texts of one row, or of the header."""

    name: str
    kind: str
    model: str
    state: str
    loss: str
    score: str
    age: str

    def fit(self, width: int) -> Columns:
        """Return the texts aligned, `width` cells wide together with the mark; columns without room are empty."""
        name_width = width - _MARK - _KIND - _STATE - _LOSS
        has_score = name_width - _SCORE >= _MIN_NAME
        name_width -= _SCORE if has_score else 0
        has_age = name_width - _AGE >= _MIN_NAME
        name_width -= _AGE if has_age else 0
        has_model = name_width - _MODEL >= _MIN_NAME
        name_width -= _MODEL if has_model else 0
        return Columns(
            name=_cut(self.name, name_width - 1) + " ",
            kind=_cut(self.kind, _KIND),
            model=_cut(self.model, _MODEL) if has_model else "",
            state=_cut(self.state, _STATE),
            loss=self.loss.rjust(_LOSS),
            score=self.score.rjust(_SCORE) if has_score else "",
            age=self.age.rjust(_AGE) if has_age else "",
        )

    @property
    def text(self) -> str:
        """The columns side by side."""
        return "".join((self.name, self.kind, self.model, self.state, self.loss, self.score, self.age))


_HEADER = Columns(name="run", kind="kind", model="model", state="state", loss="loss", score="score", age="age")


class RunList(OptionList):
    """All runs, one a row. A click on the left end of a row posts `MarkClicked`; the tab does the marking."""

    def __init__(self) -> None:
        super().__init__(id="runs", compact=True, markup=False)
        self._runs: tuple[WatchedRun, ...] = ()
        self._overlays: Mapping[str, Overlay] = {}
        self._activities: Mapping[str, str] = {}
        self._notes: Sequence[str] = ()

    @property
    def current(self) -> WatchedRun | None:
        """The highlighted run."""
        option = self.highlighted_option
        return next((run for run in self._runs if option is not None and run.path == option.id), None)

    def show(
        self,
        runs: tuple[WatchedRun, ...],
        overlays: Mapping[str, Overlay],
        activities: Mapping[str, str],
        notes: Sequence[str],
    ) -> None:
        """Replace the content of the list.

        Args:
            runs: the runs, from top to bottom.
            overlays: the runs that are in the charts, by path.
            activities: what is being done to a run, by path; shown instead of its state.
            notes: lines above the runs.
        """
        self._runs, self._overlays, self._activities, self._notes = runs, overlays, activities, notes
        self._rebuild()

    def go_to(self, path: str) -> None:
        """Highlight the run at a path, if it is in the list."""
        index = next((index for index, option in enumerate(self.options) if option.id == path), None)
        if index is not None:
            self.highlighted = index

    def header(self) -> Content:
        """Return the titles of the columns, for a row above the list."""
        return Content.styled(" " * _MARK + _HEADER.fit(self._width).text, MUTED)

    def on_resize(self) -> None:
        self._rebuild()

    def notify_style_update(self) -> None:
        """Rebuild the rows: the theme, and with it the colours of the marks, may have changed."""
        super().notify_style_update()
        if self.is_mounted:
            self._rebuild()

    def on_click(self, event: events.Click) -> None:
        """Highlight the clicked row, without selecting it as `OptionList` would."""
        event.prevent_default()
        index = event.style.meta.get("option")
        if index is None or index < 0 or self.get_option_at_index(index).disabled:
            return
        self.highlighted = index
        if event.get_content_offset_capture(self).x < _MARK:
            self.post_message(MarkClicked())

    @property
    def _width(self) -> int:
        return max(20, self.scrollable_content_region.width)

    def _rebuild(self) -> None:
        rows: list[tuple[str | None, Content]] = [
            (None, Content.styled(_cut(" " * _MARK + one_line(note), self._width), MUTED)) for note in self._notes
        ]
        rows += [(run.path, self._row(run)) for run in self._runs]
        if [option.id for option in self.options] == [path for path, _ in rows]:
            for index, (_, content) in enumerate(rows):
                if self.get_option_at_index(index).prompt != content:
                    self.replace_option_prompt_at_index(index, content)
            return
        previous_path, previous_index = self.current_path, self.highlighted
        self.set_options(Option(content, path, disabled=path is None) for path, content in rows)
        indexes = {path: index for index, (path, _) in enumerate(rows) if path is not None}
        if previous_path in indexes:
            self.highlighted = indexes[previous_path]
        elif indexes:
            # The highlighted run is gone: highlight the run nearest to its row. At first, highlight the first run.
            self.highlighted = min(indexes.values(), key=lambda index: abs(index - (previous_index or 0)))

    @property
    def current_path(self) -> str | None:
        """The highlighted run's path."""
        option = self.highlighted_option
        return option.id if option is not None else None

    def _row(self, run: WatchedRun) -> Content:
        overlay = self._overlays.get(run.path)
        mark, mark_colour = " " * _MARK, ""
        if overlay is not None:
            mark = "● " if overlay.marked else "○ "
            mark_colour = curve_colour(overlay.colour, self.app.current_theme.dark)
        summary, activity = run.summary, self._activities.get(run.path)
        columns = Columns(
            name=one_line(run.name),
            kind=KINDS[summary.kind].abbreviation if summary.kind in KINDS else "",
            model=f"{summary.cell} {summary.size}",
            state=activity or _state(run),
            loss=format_loss(summary.validation_loss)[:6],
            score=score_text(summary),
            age=format_duration(time.time() - summary.updated) if summary.updated else "",
        ).fit(self._width)
        state_colour = MUTED if activity else _STATE_COLOURS.get(run.state, MUTED)
        return Content.assemble(
            (mark, mark_colour), columns.name, (columns.kind, MUTED), (columns.model, MUTED),
            (columns.state, state_colour), columns.loss, columns.score, (columns.age, MUTED),
        )  # fmt: skip


def _state(run: WatchedRun) -> str:
    if run.summary.shipped and run.state == "done":
        return "shipped"
    progress = run.progress
    if run.state in ("running", "stopped", "failed") and progress is not None:
        return f"{run.state} {int(100 * progress):3d}%"
    return run.state


def score_text(summary: RunSummary) -> str:
    """Return the metric by which the run is judged."""
    if summary.primary is None:
        return ""
    metric, value = summary.primary
    text = f"{value:.{metric.short_decimals}f}"[:5]
    if len(text) + 1 + len(metric.short) >= _SCORE:  # it would touch the column before, as "100.0 exact" does
        text = f"{value:.0f}"
    return f"{text} {metric.short}"


def _cut(text: str, width: int) -> str:
    """Pad or cut a text to exactly `width` cells, whatever the width of its characters."""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
