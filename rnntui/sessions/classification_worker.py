"""Classification worker: classifies the lines of a text while it is typed, and explains the one at the cursor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from rnntui.errors import RnntuiError
from rnntui.inference.classifier import Classification, Classifier
from rnntui.inference.explanation import Explanation
from rnntui.sessions.line_worker import BatchSizes, LineWorker, too_long

MAX_LINE_LENGTH = 10_000
"""Characters of a line; the explanation of a longer one would take seconds."""

DOUBT_MARGIN = 0.2
"""Between the probabilities of the first two labels; below it, a line is doubtful. Of two labels: below 0.6."""

_BATCH_SIZES = BatchSizes(visible=32, hidden=128)  # a batch is not cancelled for a more urgent line
_LABEL_BYTES, _TOKEN_BYTES = 160, 600  # estimates for the cache


@dataclass(frozen=True)
class LineClassification:
    """The result for one line: its label and probability, or the `problem` that prevented a classification.

    Args:
        label: the most probable label; "" of a blank line, or if there is a problem.
        probability: of the label, 0 to 1.
        margin: by how much it exceeds the probability of the second label; 1 if there is none.
        classification: all labels; None where the cache has dropped it.
        explanations: by the label that is explained; of lines that were at the cursor.
        problem: an error, or "".
        unexplained: why the line cannot be explained, or "".
    """

    label: str = ""
    probability: float = 0.0
    margin: float = 1.0
    classification: Classification | None = None
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    problem: str = ""
    unexplained: str = ""

    @cached_property
    def is_doubtful(self) -> bool:
        """True if another label is nearly as probable."""
        return self.margin < DOUBT_MARGIN

    @property
    def detail_bytes(self) -> int:
        """Size of all labels and of the explanations."""
        if self.classification is None:
            return 0
        tokens = sum(len(explanation.tokens) for explanation in self.explanations.values())
        return _LABEL_BYTES * len(self.classification.labels) + _TOKEN_BYTES * tokens

    def without_detail(self) -> LineClassification:
        """Return the result with its label alone."""
        return replace(self, classification=None, explanations={})


@dataclass(frozen=True)
class ClassificationRequest:
    """Lines to classify: first the one at `cursor`, then those from `first` to before `end`, then the others.

    `label` is the label to explain for the line at the cursor; None is its most probable one.
    """

    classifier: Classifier
    lines: Sequence[str]
    cursor: int
    first: int
    end: int
    label: str | None = None

    @property
    def cache_key(self) -> Classifier:
        """All that a line's result depends on, except for the line. Blanks around a line change nothing."""
        return self.classifier


class ClassificationComputation:
    """Labels of the lines of a request; for the line at the cursor in a second step the explanation."""

    batch_sizes = _BATCH_SIZES
    blank = LineClassification()

    def compute(
        self,
        request: ClassificationRequest,
        lines: Sequence[str],
        present: Mapping[str, LineClassification],
        is_cancelled: Callable[[], bool],
    ) -> list[LineClassification]:
        """Classify lines; explain the one that is classified already."""
        result = present.get(lines[0])
        if result is not None and result.classification is not None:
            label = request.label or result.label
            try:
                explanation = request.classifier.explain(lines[0], label)
            except RnntuiError as error:
                return [replace(result, unexplained=str(error))]
            return [replace(result, explanations={**result.explanations, label: explanation})]
        return [_line_classification(each) for each in request.classifier.classify(lines)]

    def is_complete(self, request: ClassificationRequest, result: LineClassification) -> bool:
        """Return True if the line is explained, or cannot be."""
        label = request.label or result.label
        if result.problem or result.unexplained or not result.label:
            return True
        return label in result.explanations

    def failed(self, problem: str) -> LineClassification:
        """Return the result of a line that cannot be classified."""
        return LineClassification(problem=problem)

    def refusal(self, line: str) -> str:
        """Return why a line is too long, or ""."""
        return too_long(line, MAX_LINE_LENGTH, "split it, or use rnntui classify")


ClassificationWorker = LineWorker[ClassificationRequest, LineClassification]


def classification_worker(
    on_results: Callable[[], None], on_error: Callable[[str, Exception], None]
) -> ClassificationWorker:
    """Return a worker that classifies."""
    return LineWorker(ClassificationComputation(), on_results, on_error)


def _line_classification(classification: Classification) -> LineClassification:
    probabilities = [probability for _, probability in classification.labels[:2]]
    margin = probabilities[0] - probabilities[1] if len(probabilities) > 1 else 1.0
    return LineClassification(classification.label, classification.probability, margin, classification)
