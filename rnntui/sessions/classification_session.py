"""Classification session: a text, its model and a label for each line, without a screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.kinds.classifier import CLASSIFIER
from rnntui.sessions.editor_drafts import EditorContent, EditorDrafts
from rnntui.sessions.explanation_view import SHARE, Measure, measures_of
from rnntui.sessions.line_change import LineChange, Viewport, carry_over
from rnntui.text.control_chars import one_line

if TYPE_CHECKING:  # numpy is not loaded before the first paint
    from rnntui.inference.classifier import TextClassifier
    from rnntui.inference.explanation import Explanation
    from rnntui.sessions.classification_worker import (
        ClassificationRequest,
        ClassificationWorker,
        LineClassification,
    )
    from rnntui.sessions.saved_texts import OpenedSource

MakeWorker = Callable[[Callable[[], None], Callable[[str, Exception], None]], "ClassificationWorker"]
"""Makes a worker from its `on_results` and its `on_error`."""

NO_MODEL = f"no classifier yet: {CLASSIFIER.first_command}, or F3 and n"
_COUNTED_LABELS = 3  # in the status line


class ClassificationSession:
    """A text of at least one line, classified while it is edited.

    After each change call `classify`, and whenever the worker has new results `update`.
    """

    def __init__(
        self, run_name: str, start_worker: Callable[[], ClassificationWorker], drafts_folder: Callable[[], Path]
    ) -> None:
        """
        Args:
            run_name: the name to show until a model is open.
            start_worker: called when there is something to classify for the first time.
            drafts_folder: where the text is saved automatically.
        """
        self.run_name = run_name
        self._start_worker = start_worker
        self.worker: ClassificationWorker | None = None
        self.classifier: TextClassifier | None = None
        self.problem = ""  # why there is no model
        self.lines = [""]
        self.results: list[LineClassification | None] = [None]  # of an earlier version where there is no newer one yet
        self.classified_count = self.total_count = 0  # lines that are not blank
        self.label_counts: Counter[str] = Counter()
        self.doubtful_count = 0
        self.stopped = False
        self.measure: Measure | None = SHARE
        self.drafts = EditorDrafts(drafts_folder, lambda: EditorContent(self.text, self.run_name), _read_file)
        self._request: ClassificationRequest | None = None
        self._chosen_label: tuple[int, str] | None = None  # index of a line, and the label to explain in it

    @property
    def text(self) -> str:
        """The text."""
        return "\n".join(self.lines)

    @property
    def is_classifying(self) -> bool:
        """True while there are lines to classify."""
        return self.classified_count < self.total_count and not self.stopped

    # -- classifying ---------------------------------------------------------------------------------------------

    def set_model(self, name: str, classifier: TextClassifier) -> None:
        """Classify with this model from now on."""
        self.run_name, self.classifier, self.problem = name, classifier, ""
        self._chosen_label = None

    def edit(self, change: LineChange, new_lines: Sequence[str]) -> None:
        """Replace the lines of a change."""
        self.lines[change.start : change.old_end] = new_lines
        self.results = carry_over(self.results, change, None)
        for index, line in enumerate(new_lines, change.start):
            if not line.strip():
                self.results[index] = None
        self._request = None  # its lines are others

    def classify(self, viewport: Viewport) -> None:
        """Have the text as it is now classified with the present model."""
        self.stopped = False
        if self._chosen_label is not None and self._chosen_label[0] != viewport.cursor:
            self._chosen_label = None
        if self.classifier is not None:
            from rnntui.sessions.classification_worker import ClassificationRequest

            if self.worker is None:
                self.worker = self._start_worker()
            label = self._chosen_label[1] if self._chosen_label is not None else None
            self._request = ClassificationRequest(self.classifier, tuple(self.lines), *viewport, label)
            self.worker.submit(self._request)
        self.update()

    def update(self) -> None:
        """Read the results that there are."""
        if self.worker is None or self._request is None:
            return
        results = self.worker.results(self._request)
        known = [result for result in results if result is not None]
        self.results = [old if new is None else new for old, new in zip(self.results, results, strict=True)]
        self.label_counts = Counter([result.label for result in known])
        blank_count = sum(1 for line in self.lines if not line or line.isspace())
        self.classified_count = len(known) - blank_count
        self.total_count = len(results) - blank_count
        self.label_counts.pop("", None)
        self.doubtful_count = sum([result.is_doubtful for result in known])

    def stop(self) -> None:
        """Classify no more until the next `classify`."""
        if self.worker is not None:
            self.worker.stop()
            self.stopped = self.classified_count < self.total_count

    def close(self) -> None:
        """End the worker's thread."""
        if self.worker is not None:
            self.worker.close()

    # -- one line ------------------------------------------------------------------------------------------------

    def result(self, index: int) -> LineClassification | None:
        """Return the result for a line as it is now; None if it is blank or not classified yet."""
        if self.worker is None or self._request is None or not self.lines[index].strip():
            return None
        return self.worker.result(self._request, self.lines[index])

    def explained_label(self, index: int) -> str:
        """Return the label to explain for a line: the chosen one, else the most probable one; "" if there is none."""
        if self._chosen_label is not None and self._chosen_label[0] == index:
            return self._chosen_label[1]
        result = self.result(index)
        return result.label if result is not None else ""

    def explanation(self, index: int) -> Explanation | None:
        """Return the explanation of a line, as far as there is one yet. Offsets are those in the stripped line."""
        result = self.result(index)
        return result.explanations.get(self.explained_label(index)) if result is not None else None

    def explain(self, index: int, label: str) -> None:
        """Explain this label for a line from now on, until the cursor leaves it; then call `classify`."""
        result = self.result(index)
        is_first = result is not None and result.label == label
        self._chosen_label = None if is_first else (index, label)

    def needs_computation(self, index: int) -> bool:
        """Return True if a line should be computed soon: it has no label or no explanation yet."""
        if self.stopped or not self.lines[index].strip():
            return False
        result = self.result(index)
        return result is None or not (result.problem or result.unexplained or self.explanation(index))

    def next_measure(self, index: int) -> Measure | None:
        """Shade by the next measure that the explanation of a line has; None, after the last, shades nothing."""
        explanation = self.explanation(index)
        measures: list[Measure | None] = [*(measures_of(explanation) if explanation is not None else [SHARE]), None]
        place = measures.index(self.measure) if self.measure in measures else len(measures) - 1
        self.measure = measures[(place + 1) % len(measures)]
        return self.measure

    def next_doubtful(self, index: int) -> int | None:
        """Return the index of the next doubtful line after one, from the first on after the last; None without one."""
        return self._next(index, lambda result: result.is_doubtful)

    def next_with_label(self, index: int, label: str) -> int | None:
        """Return the index of the next line after one that has this label; None if there is no other."""
        return self._next(index, lambda result: result.label == label)

    def _next(self, index: int, matches: Callable[[LineClassification], bool]) -> int | None:
        count = len(self.results)
        order = ((index + step) % count for step in range(1, count + 1))
        return next((at for at in order if (result := self.results[at]) is not None and matches(result)), None)

    # -- status --------------------------------------------------------------------------------------------------

    def status(self, index: int) -> str:
        """Return the status line: model, progress, labels, and what prevented the line at the cursor."""
        if self.classifier is None:
            return one_line(self.problem or f"{self.run_name}  opening …")
        parts = [self.run_name, self._progress()]
        result = self.result(index)
        if result is not None and result.problem:
            parts.append(f"line {index + 1}: {result.problem}")
        elif self.doubtful_count:
            parts.append(f"{self.doubtful_count:,} doubtful (?)")
        return one_line(" · ".join(parts))

    def _progress(self) -> str:
        lines = f"{self.total_count:,} line{'s' if self.total_count > 1 else ''}"
        if self.classified_count < self.total_count:
            progress = f"classified {self.classified_count:,} of {lines}"
            return f"stopped; {progress}" if self.stopped else f"{progress} …"
        if not self.total_count:
            return "ready"
        counts = [f"{label} ×{count:,}" for label, count in self.label_counts.most_common(_COUNTED_LABELS)]
        more = len(self.label_counts) - _COUNTED_LABELS
        return f"{lines}: {', '.join(counts)}{f' and {more:,} more labels' if more > 0 else ''}"


def _read_file(name: str) -> OpenedSource:
    from rnntui.sessions.classification_files import read_texts

    return read_texts(name)
