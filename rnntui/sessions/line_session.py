"""Line session: a text, its model and a result for each line, computed while the text is edited; without a screen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from rnntui.sessions.editor_drafts import EditorContent, EditorDrafts
from rnntui.sessions.line_change import LineChange, Viewport
from rnntui.sessions.line_worker import LineWorker, Request, Result
from rnntui.text.control_chars import one_line

if TYPE_CHECKING:
    from rnntui.sessions.saved_texts import OpenedSource

Model = TypeVar("Model")
MakeWorker = Callable[[Callable[[], None], Callable[[str, Exception], None]], LineWorker[Request, Result]]
"""Makes a worker from its `on_results` and its `on_error`."""


class LineSession(ABC, Generic[Model, Request, Result]):
    """A text of at least one line, with a result for each that a worker computes.

    After each change call `compute`, and whenever the worker has new results `update`.
    """

    done: ClassVar[str]
    """What a line is that has its result, as in "translated"."""

    def __init__(
        self, run_name: str, start_worker: Callable[[], LineWorker[Request, Result]], drafts_folder: Callable[[], Path]
    ) -> None:
        """
        Args:
            run_name: the name to show until a model is open.
            start_worker: called when there is something to compute for the first time.
            drafts_folder: where the text is saved automatically.
        """
        self.run_name = run_name
        self._start_worker = start_worker
        self.worker: LineWorker[Request, Result] | None = None
        self.model: Model | None = None
        self.problem = ""  # why there is no model
        self.lines = [""]
        self.done_count = self.total_count = 0  # lines that are not blank
        self.stopped = False
        self.drafts = EditorDrafts(drafts_folder, lambda: EditorContent(self.text, self.run_name), self.read_file)
        self._request: Request | None = None

    @property
    def text(self) -> str:
        """The text."""
        return "\n".join(self.lines)

    @property
    def is_computing(self) -> bool:
        """True while there are lines to compute."""
        return self.done_count < self.total_count and not self.stopped

    # -- what differs by the kind of model -----------------------------------------------------------------------

    @staticmethod
    @abstractmethod
    def read_file(name: str) -> OpenedSource:
        """Return the lines of a file that the user opens."""

    @abstractmethod
    def _new_request(self, model: Model, viewport: Viewport) -> Request:
        """Return the request for the lines as they are now."""

    @abstractmethod
    def _carry_over(self, change: LineChange, new_lines: Sequence[str]) -> None:
        """Keep the results of the lines that a change left alone, and old ones where there are no new ones yet."""

    @abstractmethod
    def _take(self, request: Request, results: Sequence[Result | None]) -> None:
        """Keep the results of all lines, None where there is none yet."""

    @abstractmethod
    def needs_computation(self, index: int) -> bool:
        """Return True if a line should be computed soon: its result, or what is shown for the line at the cursor."""

    @abstractmethod
    def _notes(self, index: int, result: Result | None) -> list[str]:
        """Return what the status line says of a line, or of the text, beside its problem."""

    def _summary(self, lines: str) -> str:
        """Return what the status line says once all lines are done; `lines` is their number, as in "3 lines"."""
        return f"{self.done} {lines}"

    # -- computing -----------------------------------------------------------------------------------------------

    def set_model(self, name: str, model: Model) -> None:
        """Compute with this model from now on."""
        self.run_name, self.model, self.problem = name, model, ""

    def edit(self, change: LineChange, new_lines: Sequence[str]) -> None:
        """Replace the lines of a change."""
        self.lines[change.start : change.old_end] = new_lines
        self._carry_over(change, new_lines)
        self._request = None  # its lines are others

    def compute(self, viewport: Viewport) -> None:
        """Have the text as it is now computed, with the present model and settings."""
        self.stopped = False
        if self.model is not None:
            if self.worker is None:
                self.worker = self._start_worker()
            self._request = self._new_request(self.model, viewport)
            self.worker.submit(self._request)
        self.update()

    def update(self) -> None:
        """Read the results that there are."""
        if self.worker is None or self._request is None:
            return
        results = self.worker.results(self._request)
        blank_count = sum(1 for line in self.lines if not line or line.isspace())
        self.total_count = len(results) - blank_count
        self.done_count = self.total_count - results.count(None)
        self._take(self._request, results)

    def stop(self) -> None:
        """Compute no more until the next `compute`."""
        if self.worker is not None:
            self.worker.stop()
            self.stopped = self.done_count < self.total_count

    def close(self) -> None:
        """End the worker's thread."""
        if self.worker is not None:
            self.worker.close()

    # -- one line ------------------------------------------------------------------------------------------------

    def result(self, index: int) -> Result | None:
        """Return the result for a line as it is now; None if it is blank or not computed yet."""
        if self.worker is None or self._request is None or not self.lines[index].strip():
            return None
        return self.worker.result(self._request, self.lines[index])

    # -- status --------------------------------------------------------------------------------------------------

    def status(self, index: int) -> str:
        """Return the status line: model, progress, and what there is to say about the line at the cursor."""
        if self.model is None:
            return one_line(self.problem or f"{self.run_name}  opening …")
        result = self.result(index)
        problem = result.problem if result is not None else ""
        notes = [f"line {index + 1}: {problem}"] if problem else self._notes(index, result)
        return one_line(" · ".join([self.run_name, self._progress(), *notes]))

    def _progress(self) -> str:
        lines = f"{self.total_count:,} line{'s' if self.total_count > 1 else ''}"
        if self.done_count < self.total_count:
            progress = f"{self.done} {self.done_count:,} of {lines}"
            return f"stopped; {progress}" if self.stopped else f"{progress} …"
        return self._summary(lines) if self.total_count else "ready"
