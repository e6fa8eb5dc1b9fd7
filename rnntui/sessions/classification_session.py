"""Classification session: a text, its classifier, and the label of each line with its reasons, without a screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnntui.sessions.explanation_view import SHARE, Measure, measures_of
from rnntui.sessions.line_change import LineChange, Viewport, carry_over
from rnntui.sessions.line_session import LineSession

if TYPE_CHECKING:  # numpy is not loaded before the first paint
    from rnntui.inference.classifier import TextClassifier
    from rnntui.inference.explanation import Explanation
    from rnntui.sessions.classification_worker import ClassificationRequest, ClassificationWorker, LineClassification
    from rnntui.sessions.saved_texts import OpenedSource

_COUNTED_LABELS = 3  # in the status line


class ClassificationSession(LineSession["TextClassifier", "ClassificationRequest", "LineClassification"]):
    """A text whose lines are classified while it is edited; the line at the cursor is explained."""

    done = "classified"

    def __init__(
        self, run_name: str, start_worker: Callable[[], ClassificationWorker], drafts_folder: Callable[[], Path]
    ) -> None:
        """Arguments as those of `LineSession`."""
        super().__init__(run_name, start_worker, drafts_folder)
        self.results: list[LineClassification | None] = [None]  # of an earlier version where there is no newer one yet
        self.label_counts: Counter[str] = Counter()
        self.doubtful_count = 0
        self.measure: Measure | None = SHARE
        self._chosen_label: tuple[int, str] | None = None  # index of a line, and the label to explain in it

    @staticmethod
    def read_file(name: str) -> OpenedSource:
        from rnntui.sessions.classification_files import read_texts

        return read_texts(name)

    def set_model(self, name: str, model: TextClassifier) -> None:
        super().set_model(name, model)
        self._chosen_label = None

    def _carry_over(self, change: LineChange, new_lines: Sequence[str]) -> None:
        self.results = carry_over(self.results, change, None)
        for index, line in enumerate(new_lines, change.start):
            if not line.strip():
                self.results[index] = None

    def _new_request(self, model: TextClassifier, viewport: Viewport) -> ClassificationRequest:
        from rnntui.sessions.classification_worker import ClassificationRequest

        if self._chosen_label is not None and self._chosen_label[0] != viewport.cursor:
            self._chosen_label = None
        label = self._chosen_label[1] if self._chosen_label is not None else None
        return ClassificationRequest(model, tuple(self.lines), *viewport, label)

    def _take(self, request: ClassificationRequest, results: Sequence[LineClassification | None]) -> None:
        known = [result for result in results if result is not None]
        self.results = [old if new is None else new for old, new in zip(self.results, results, strict=True)]
        self.label_counts = Counter([result.label for result in known])
        self.label_counts.pop("", None)
        self.doubtful_count = sum([result.is_doubtful for result in known])

    # -- one line ------------------------------------------------------------------------------------------------

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
        """Explain this label for a line from now on, until the cursor leaves it; then call `compute`."""
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

    def _notes(self, index: int, result: LineClassification | None) -> list[str]:
        return [f"{self.doubtful_count:,} doubtful (?)"] if self.doubtful_count else []

    def _summary(self, lines: str) -> str:
        counts = [f"{label} ×{count:,}" for label, count in self.label_counts.most_common(_COUNTED_LABELS)]
        more = len(self.label_counts) - _COUNTED_LABELS
        return f"{lines}: {', '.join(counts)}{f' and {more:,} more labels' if more > 0 else ''}"
