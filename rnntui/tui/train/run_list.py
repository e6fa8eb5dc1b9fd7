"""The list of runs: marks in the colours of the curves, aligned columns, refreshed in place."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from rnntui.formatting import age, number
from rnntui.kinds.registry import KINDS
from rnntui.runs.listing import RunSummary
from rnntui.sessions.overlaid_runs import Overlay
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.text.control_chars import one_line
from rnntui.tui.train.messages import MarkClicked
from rnntui.tui.widgets.colours import MUTED, curve_colour

_MARK, _KIND, _STATE, _LOSS, _SCORE, _AGE, _CELL = 2, 5, 12, 7, 11, 7, 16  # cells of the columns
_LEAST_NAME = 14  # cells; a column that would leave the name less has no room
_TITLES = {
    "name": "run", "kind": "kind", "model": "model", "state": "state", "loss": "loss", "score": "score", "when": "age"
}  # fmt: skip
_COLOURS = {
    "running": "$text-success", "stopped": "$text-warning", "failed": "$text-error", "broken": "$text-error",
}  # fmt: skip


class RunList(OptionList):
    """All runs, one a row. Space and a click on its left end mark one; that is for the tab to do."""

    def __init__(self) -> None:
        super().__init__(id="runs", compact=True, markup=False)
        self._runs: tuple[WatchedRun, ...] = ()
        self._marks: Mapping[str, Overlay] = {}
        self._doing: Mapping[str, str] = {}
        self._notes: Sequence[str] = ()

    @property
    def current(self) -> WatchedRun | None:
        """The highlighted run."""
        option = self.highlighted_option
        return next((run for run in self._runs if option is not None and run.path == option.id), None)

    def show(
        self, runs: tuple[WatchedRun, ...], marks: Mapping[str, Overlay], doing: Mapping[str, str], notes: Sequence[str]
    ) -> None:
        """Show these runs. By path: how they are marked, and what is being done to them; `notes` stand above them."""
        self._runs, self._marks, self._doing, self._notes = runs, marks, doing, notes
        self._rebuild()

    def go_to(self, path: str) -> None:
        """Highlight a run."""
        index = next((at for at, option in enumerate(self.options) if option.id == path), None)
        if index is not None:
            self.highlighted = index

    def header(self) -> Content:
        """The columns' titles, for a row above the list."""
        return Content.styled(" " * _MARK + "".join(_columns(self._room, **_TITLES)), MUTED)

    def on_resize(self) -> None:
        self._rebuild()

    def notify_style_update(self) -> None:
        """The theme changed, and with it the colours of the marks."""
        super().notify_style_update()
        if self.is_mounted:
            self._rebuild()

    def on_click(self, event: events.Click) -> None:
        """Go to the row; a click is not an Enter, as it would be in any list."""
        event.prevent_default()
        index = event.style.meta.get("option")
        if index is None or index < 0 or self.get_option_at_index(index).disabled:
            return
        self.highlighted = index
        if event.get_content_offset_capture(self).x < _MARK:
            self.post_message(MarkClicked())

    @property
    def _room(self) -> int:
        return max(20, self.scrollable_content_region.width)

    def _rebuild(self) -> None:
        rows: list[tuple[str | None, Content]] = [
            (None, Content.styled(_cut(" " * _MARK + one_line(note), self._room), MUTED)) for note in self._notes
        ]
        rows += [(run.path, self._row(run)) for run in self._runs]
        if [option.id for option in self.options] == [name for name, _ in rows]:
            for index, (_, content) in enumerate(rows):
                if self.get_option_at_index(index).prompt != content:
                    self.replace_option_prompt_at_index(index, content)
            return
        before, was = self.current_path, self.highlighted
        self.set_options(Option(content, name, disabled=name is None) for name, content in rows)
        places = {name: at for at, (name, _) in enumerate(rows) if name is not None}
        if before in places:
            self.highlighted = places[before]
        elif places:
            # Where it was, if its run is gone; the first run at first.
            self.highlighted = min(places.values(), key=lambda at: abs(at - (was or 0)))

    @property
    def current_path(self) -> str | None:
        """The highlighted run's path."""
        option = self.highlighted_option
        return option.id if option is not None else None

    def _row(self, run: WatchedRun) -> Content:
        mark = self._marks.get(run.path)
        sign, colour = " " * _MARK, ""
        if mark is not None:
            sign = "● " if mark.marked else "○ "
            colour = curve_colour(mark.colour, self.app.current_theme.dark)
        summary, state = run.summary, run.state
        shown = self._doing.get(run.path) or _state(run)
        when = age(time.time() - summary.updated) if summary.updated else ""
        kind = KINDS[summary.kind].abbreviation if summary.kind in KINDS else ""
        name, short, model, state_text, loss, scored, old = _columns(
            self._room, name=one_line(run.name), kind=kind, model=f"{summary.cell} {summary.size}", state=shown,
            loss=number(summary.validation_loss)[:6], score=_score(summary), when=when,
        )  # fmt: skip
        state_colour = MUTED if run.path in self._doing else _COLOURS.get(state, MUTED)
        return Content.assemble(
            (sign, colour), name, (short, MUTED), (model, MUTED), (state_text, state_colour), loss, scored,
            (old, MUTED),
        )  # fmt: skip


def _state(run: WatchedRun) -> str:
    if run.summary.shipped and run.state == "done":
        return "shipped"
    share = run.share
    if run.state in ("running", "stopped", "failed") and share is not None:
        return f"{run.state} {int(100 * share):3d}%"
    return run.state


def _score(summary: RunSummary) -> str:
    """The metric that runs of its kind are compared by."""
    if summary.primary is None:
        return ""
    metric, value = summary.primary
    return f"{value:.{metric.short_decimals}f}"[:5] + f" {metric.short}"


def _columns(
    room: int, *, name: str, kind: str, model: str, state: str, loss: str, score: str, when: str
) -> tuple[str, str, str, str, str, str, str]:
    """Name, kind, model, state, loss, score and age in their columns; those without room are empty."""
    left = room - _MARK - _KIND - _STATE - _LOSS
    with_score = left - _SCORE >= _LEAST_NAME
    left -= _SCORE if with_score else 0
    with_age = left - _AGE >= _LEAST_NAME
    left -= _AGE if with_age else 0
    with_model = left - _CELL >= _LEAST_NAME
    left -= _CELL if with_model else 0
    return (
        _cut(name, left - 1) + " ",
        _cut(kind, _KIND),
        _cut(model, _CELL) if with_model else "",
        _cut(state, _STATE),
        loss.rjust(_LOSS),
        score.rjust(_SCORE) if with_score else "",
        when.rjust(_AGE) if with_age else "",
    )


def _cut(text: str, width: int) -> str:
    """The text in exactly so many cells, whatever the width of its characters."""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
