"""The Inspect tab: looks inside a model, by the views of `rnntui.inspection.views`."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static
from textual.worker import Worker, get_current_worker

from rnntui.errors import CancelledError, RnntuiError, UsageError
from rnntui.sessions.inspection_session import InspectionKey, InspectionSession, weights_times
from rnntui.text.control_chars import one_line
from rnntui.tui.inspect.inspection_view import InspectionRows
from rnntui.tui.inspect.messages import InspectionComputed, InspectionFailed, RunFailed, RunOpened, WeightsChecked
from rnntui.tui.keys import bindings
from rnntui.tui.notifications import Notifications
from rnntui.tui.train.chart_selector import ChartSelector
from rnntui.tui.train.messages import ChartSelected
from rnntui.tui.widgets.editors import ClusterInput

if TYPE_CHECKING:
    from rnntui.inspection.inspection import InspectionRequest
    from rnntui.inspection.views import InspectionView
    from rnntui.runs.folder import RunFolder
    from rnntui.tui.tabs import TabContext

_TICK = 0.5  # seconds between updates of the time that a computation has taken


class InspectTab(Vertical):
    """The runs, the titles of the views, the view that is shown, a line for a text, and a status line."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("inspect")

    def __init__(self, context: TabContext) -> None:
        super().__init__(id="inspect")
        self._checkpoints, self._first_run, self._other_model = context.checkpoints, context.run, context.other_model
        self._reopens = context.reopen
        text, view, runs = (context.kept.get(name) for name in ("text", "view", "runs"))
        self._kept_runs = [path for path in runs if isinstance(path, str)] if isinstance(runs, list) else []
        self.session = InspectionSession(text if isinstance(text, str) else "", view if isinstance(view, str) else "")
        self.notifications = Notifications(self.notify)
        self._rows, self._views = InspectionRows(), ChartSelector(id="inspect-views")
        self._head, self._status = Static("", id="inspect-head"), Static("", id="inspect-status", markup=False)
        self._text = ClusterInput(compact=True, id="inspect-text")
        self._is_checking = False  # the weights of the runs
        self._computing: InspectionKey | None = None
        self._worker: Worker[None] | None = None
        self._began = 0.0
        self._fraction: float | None = None  # of the view that is being computed; None if it does not say
        self._problems: dict[InspectionKey, str] = {}

    def compose(self) -> ComposeResult:
        self._text.value = self.session.text  # which needs an app
        yield self._head
        yield self._views
        yield self._rows
        with Horizontal(id="inspect-text-line"):
            yield Label("Text ")
            yield self._text
        yield self._status

    def on_mount(self) -> None:
        self._rows.focus()
        self._show()
        self.set_interval(_TICK, self._tick)
        self.call_after_refresh(self._open_first)

    def _open_first(self) -> None:
        """Look at the run that was asked for, or else at those of the last time if they are to be reopened."""
        if self._reopens and self._first_run is None and self._kept_runs:
            self.run_worker(self._find_kept, thread=True)
        else:
            self.open_run(self._first_run)

    @property
    def kept_settings(self) -> dict[str, Any]:
        """The text, which may not have been entered yet, the view, and the paths of the runs."""
        runs = [str(run.path.absolute()) for run in self.session.runs] or self._kept_runs
        settings = {
            "text": self._text.value if self._text.is_mounted else self.session.text,
            "view": self.session.view_name,
            "runs": runs,
        }
        return {name: value for name, value in settings.items() if value}

    def on_unmount(self) -> None:
        self._cancel()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for actions that do not apply to the view."""
        view = self.session.view
        if action == "edit_text":
            return view is not None and view.text != "none"
        if action == "add_run":
            return view is not None and view.max_runs > 1
        if action == "remove_run":
            return len(self.session.runs) > 1
        if action == "move":
            return hasattr(self.session.result(self.session.key), "positions")
        return True

    # -- runs ----------------------------------------------------------------------------------------------------

    def open_run(self, name: str | None) -> None:
        """Look at the run of that name or path; None is the one that another tab has open, else the newest."""
        self.run_worker(partial(self._find, name, is_added=False), thread=True)

    def _find_kept(self) -> None:
        """Open the runs of the last time that are still there, or else the one that is opened without any."""
        from rnntui.runs.lookup import find_run

        found = 0
        for path in self._kept_runs:
            with contextlib.suppress(RnntuiError, OSError):
                self._post_opened(find_run(path, self._checkpoints, None), is_added=found > 0)
                found += 1
        if not found:
            self._find(None, is_added=False)

    def _post_opened(self, run: RunFolder, *, is_added: bool) -> None:
        """Open a run. Raises `RunError` or `OSError` if its config cannot be read."""
        self.post_message(RunOpened(run, run.read_config(), weights_times([run])[run.path], is_added))

    def _find(self, name: str | None, *, is_added: bool) -> None:
        from rnntui.kinds.registry import KINDS
        from rnntui.runs.lookup import find_run

        try:
            run = self._find_open_model() if name is None else None
            if run is None:  # the newest language model, else the shipped one
                kind = None if name is not None else KINDS["language-model"]
                run = find_run(name, self._checkpoints, kind)
            self._post_opened(run, is_added=is_added)
        except (RnntuiError, OSError) as error:
            self.post_message(RunFailed(str(error)))

    def _find_open_model(self) -> RunFolder | None:
        """Return the run whose model another tab has open; None if it is not found by its name, as one in a folder."""
        from rnntui.runs.lookup import find_run

        try:
            return find_run(self._other_model, self._checkpoints, None) if self._other_model else None
        except (RnntuiError, OSError):
            return None

    def on_run_opened(self, event: RunOpened) -> None:
        try:
            (self.session.add if event.is_added else self.session.open)(event.run, event.config, event.weights_time)
        except UsageError as error:
            self.notifications.warn(str(error), title="Cannot show the run")
        self._update()

    def on_run_failed(self, event: RunFailed) -> None:
        self.notifications.error(event.problem, title="Cannot open the run", seconds=10)

    def action_model(self) -> None:
        """Choose the run to look at."""
        self._pick("Look inside which model?", is_added=False)

    def action_add_run(self) -> None:
        """Choose one more run, to compare."""
        self._pick("Compare with which model?", is_added=True)

    def _pick(self, question: str, *, is_added: bool) -> None:
        from rnntui.inspection.views import views_of
        from rnntui.tui.screens.run_picker import NONE_YET, RunQuestion, ask_for_run

        session = self.session
        kind_id = session.kind_id if is_added and session.runs else None
        wanted = RunQuestion(
            question,
            lambda kind: bool(views_of(kind)) if kind_id is None else kind == kind_id,
            session.runs[0].name if session.runs else "",
            f"{NONE_YET}.",
        )

        def done(path: str | None) -> None:
            if path is not None:
                self.run_worker(partial(self._find, path, is_added=is_added), thread=True)

        ask_for_run(self.app, self._checkpoints, wanted, done, self.notifications.warn)

    def action_remove_run(self) -> None:
        """Take away the run that was added last."""
        if self.session.remove_last():
            self._update()

    # -- views ---------------------------------------------------------------------------------------------------

    def action_step(self, by: int) -> None:
        """Show the next view, or the previous one."""
        self.session.step(by)
        self._update()

    def on_chart_selected(self, event: ChartSelected) -> None:
        event.stop()
        self.session.select(event.title)
        self._update()

    def action_move(self, by: int) -> None:
        """Go to another place of the text, in a view that shows one place."""
        from rnntui.inspection.inspection import SteppedInspection

        key, result = self.session.key, self.session.result(self.session.key)
        if key is not None and isinstance(result, SteppedInspection):
            moved = result.at(result.position + by)
            self.session.store(key, moved)
            self._rows.show(moved, is_moved=True)

    def action_edit_text(self) -> None:
        """Go to the line for the text."""
        self._text.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.session.text = event.value
        self._rows.focus()
        self._update()

    def action_compute(self) -> None:
        """Compute the view, if it was stopped or has failed."""
        if self.session.key is not None:
            self._problems.pop(self.session.key, None)
        self._update()

    def action_stop(self) -> None:
        """Stop computing, or leave the line for the text."""
        if self._text.has_focus:
            self._text.value = self.session.text
            self._rows.focus()
        elif self._computing is not None:
            self._cancel()
            self._show()

    # -- computing -----------------------------------------------------------------------------------------------

    def _update(self) -> None:
        """Show what is wanted; compute it, unless that is done, under way, or has failed.

        Weights that have changed since are noticed a little later: the disk may be slow.
        """
        if self.session.runs and not self._is_checking:
            self._is_checking = True
            self.run_worker(partial(self._check_weights, list(self.session.runs)), thread=True)
        self._compute_missing()

    def _check_weights(self, runs: list[RunFolder]) -> None:
        self.post_message(WeightsChecked(weights_times(runs)))

    def on_weights_checked(self, event: WeightsChecked) -> None:
        self._is_checking = False
        if self.session.take_weights_times(event.times):
            self._compute_missing()

    def _compute_missing(self) -> None:
        key = self.session.key
        if self._computing is not None and self._computing != key:
            self._cancel()
        is_new = key is not None and self.session.result(key) is None and key not in self._problems
        if key is not None and is_new and self._computing is None and self.session.view is not None:
            self._computing, self._began, self._fraction = key, time.monotonic(), None
            # View and request are those of now: the thread may begin after another view has been chosen.
            request = replace(self.session.request(), on_progress=partial(self._progressed, key))
            compute = partial(self._compute, key, self.session.view, request)
            self._worker = self.run_worker(compute, thread=True)
        self._show()

    def _compute(self, key: InspectionKey, view: InspectionView, request: InspectionRequest) -> None:
        worker = get_current_worker()
        message: InspectionComputed | InspectionFailed
        try:
            message = InspectionComputed(key, view.load()(request, lambda: worker.is_cancelled))
        except CancelledError:
            return
        except (RnntuiError, OSError, ValueError, MemoryError) as error:
            message = InspectionFailed(key, str(error) or type(error).__name__)
        if not worker.is_cancelled:  # else the same view may be under way again
            self.post_message(message)

    def _progressed(self, key: InspectionKey, fraction: float) -> None:
        """Take the fraction that is done; called in the thread that computes, and shown by the next tick."""
        if key == self._computing:
            self._fraction = fraction

    def _cancel(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
        if self._computing is not None:
            self._problems[self._computing] = ""
        self._computing = None

    def on_inspection_computed(self, event: InspectionComputed) -> None:
        self.session.store(event.key, event.inspection)
        self._finish(event.key, None)

    def on_inspection_failed(self, event: InspectionFailed) -> None:
        self._finish(event.key, event.problem)

    def _finish(self, key: InspectionKey, problem: str | None) -> None:
        if problem is not None:
            self._problems[key] = problem
        if self._computing == key:
            self._computing = None
        self._update()

    # -- showing -------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        session, view = self.session, self.session.view
        self._head.update(one_line(session.heading), layout=False)
        self._views.show([each.title for each in session.views], view.title if view is not None else "")
        has_text = view is not None and view.text != "none"
        self.set_class(has_text, "-text")
        if view is not None:
            self._text.placeholder = view.text_hint
        self._rows.show(session.result(session.key), self._note)
        self._show_status()
        self.refresh_bindings()

    @property
    def _note(self) -> str:
        """The text in place of a result."""
        session, key = self.session, self.session.key
        if session.view is None:
            return "" if not session.runs else "There is no view of this kind of model."
        if session.needs_text:
            return f"{session.view.question} Press t, type a text, and press Enter."
        if key in self._problems:
            problem = self._problems[key]
            if problem and session.view.text == "optional" and not session.text:
                problem += f"{'' if problem.endswith('.') else '.'} Press t to type a text."
            return problem or "Stopped. Enter computes it."
        return session.view.question

    def _tick(self) -> None:
        if self._computing is not None:
            self._show_status()

    def _show_status(self) -> None:
        view = self.session.view
        if self._computing is not None:
            done = "" if self._fraction is None else f" {min(1.0, self._fraction):.0%},"
            text = f"Computing…{done} {time.monotonic() - self._began:.0f} s (Esc stops)"
        else:
            text = view.question if view is not None else ""
        self._status.update(one_line(text), layout=False)

    # -- output --------------------------------------------------------------------------------------------------

    @work
    async def action_export(self) -> None:
        """Ask for a file name, and save the picture."""
        from rnntui.charts.metric_charts import ChartHeading
        from rnntui.sessions.chart_files import suggested_chart
        from rnntui.tui.train.chart_export import export_image

        session, result = self.session, self.session.result(self.session.key)
        if result is None or session.view is None:
            self.notifications.warn("There is nothing to save yet.")
            return
        names = tuple(run.name for run in session.shown_runs)
        await export_image(self.app, result.svg(), suggested_chart(ChartHeading(session.view.title, runs=names)))

    def action_copy(self) -> None:
        """Copy the sentences to the clipboard."""
        result = self.session.result(self.session.key)
        if result is not None:
            self.app.copy_to_clipboard("\n".join(result.summary()))
            self.notifications.info("The sentences are in the clipboard.")
