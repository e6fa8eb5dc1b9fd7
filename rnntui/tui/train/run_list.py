"""The list of runs: one a row in aligned columns, updated in place, with marks in the colours of the curves."""

from __future__ import annotations

import time
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
from rnntui.sessions.run_facts import state_text
from rnntui.sessions.run_order import RunListing
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.text.control_chars import one_line, truncate
from rnntui.tui.train.messages import ListResized, MarkClicked
from rnntui.tui.widgets.colours import MUTED

# Widths of the columns in cells; the name has the rest.
_MARK, _KIND, _STATE, _LOSS, _SCORE, _AGE, _MODEL = 2, 5, 12, 8, 11, 7, 16
_MIN_NAME, _LONG_NAME = 14, 32  # cells; a longer name does not push out other columns
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
    score: str
    loss: str
    age: str

    def fit(self, width: int, name_width: int = _MIN_NAME) -> Columns:
        """Return the texts aligned, `width` cells wide together with the mark; columns without room are empty.

        Age, model and loss, in this order, are shown where they leave a name of `name_width` cells whole. Loss comes
        last, as it can be compared only between runs of one tokenizer.
        """
        room = width - _MARK - _KIND - _STATE - _SCORE
        needed = min(max(_MIN_NAME, name_width + 1), _LONG_NAME)
        shown = []
        for column in (_AGE, _MODEL, _LOSS):
            shown.append(room - column >= needed)
            room -= column if shown[-1] else 0
        has_age, has_model, has_loss = shown
        return Columns(
            name=_cut(self.name, room - 1) + " ",
            kind=_cut(self.kind, _KIND),
            model=_cut(self.model, _MODEL) if has_model else "",
            state=_cut(self.state, _STATE),
            score=self.score.rjust(_SCORE),
            loss=self.loss.rjust(_LOSS) if has_loss else "",
            age=self.age.rjust(_AGE) if has_age else "",
        )

    @property
    def text(self) -> str:
        """The columns side by side."""
        return "".join((self.name, self.kind, self.model, self.state, self.score, self.loss, self.age))


class RunList(OptionList):
    """All runs, one a row. A click on the left end of a row posts `MarkClicked`; the tab does the marking."""

    def __init__(self) -> None:
        super().__init__(id="runs")
        self._listing = RunListing()

    @property
    def current(self) -> WatchedRun | None:
        """The highlighted run."""
        path = self.current_path
        return next((run for run in self._listing.runs if run.path == path), None)

    def show(self, listing: RunListing) -> None:
        """Replace the content of the list."""
        self._listing = listing
        self._rebuild()

    def go_to(self, path: str) -> None:
        """Highlight the run at a path, if it is in the list."""
        index = next((index for index, option in enumerate(self.options) if option.id == path), None)
        if index is not None:
            self.highlighted = index

    def header(self) -> Content:
        """Return the titles of the columns, for a row above the list."""
        header = Columns(
            name=f"run, {self._listing.order}", kind="kind", model="model", state="state", score="score", loss="loss",
            age="age",
        )  # fmt: skip
        return Content.styled(" " * _MARK + header.fit(self._width, self._name_width).text, MUTED)

    def on_resize(self) -> None:
        self._rebuild()
        self.post_message(ListResized())
        self.call_after_refresh(self.scroll_to_highlight)  # the filter bar takes a row of the list

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

    @property
    def _name_width(self) -> int:
        """Cells that the longest name takes."""
        return max((cell_len(one_line(name)) for name in self._listing.names.values()), default=0)

    def _rebuild(self) -> None:
        listing = self._listing
        rows: list[tuple[str | None, Content]] = [
            (None, Content.styled(_cut(" " * _MARK + one_line(note), self._width), MUTED)) for note in listing.notes
        ]
        rows += [(run.path, self._row(run)) for run in listing.runs]
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
        listing = self._listing
        overlay = listing.overlays.get(run.path)
        mark, mark_colour = " " * _MARK, ""
        if overlay is not None:
            mark = "● " if overlay.marked else "○ "
            mark_colour = curve_colour(overlay.colour, self.app.current_theme.dark)
        summary, activity = run.summary, listing.activities.get(run.path)
        columns = Columns(
            name=one_line(listing.names.get(run.path, run.name)),
            kind=KINDS[summary.kind].abbreviation if summary.kind in KINDS else "",
            model=f"{summary.cell} {summary.size}",
            state=activity or state_text(run),
            score=score_text(summary),
            loss=format_loss(summary.validation_loss)[:6],
            age=format_duration(time.time() - summary.updated) if summary.updated else "",
        ).fit(self._width, self._name_width)
        state_colour = MUTED if activity else _STATE_COLOURS.get(run.state, MUTED)
        return Content.assemble(
            (mark, mark_colour), columns.name, (columns.kind, MUTED), (columns.model, MUTED),
            (columns.state, state_colour), columns.score, (columns.loss, MUTED), (columns.age, MUTED),
        )  # fmt: skip


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
    return set_cell_size(truncate(text, width, cell_len), width)
