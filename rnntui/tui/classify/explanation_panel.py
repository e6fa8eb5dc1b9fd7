"""The panel below the text: labels of the line at the cursor, deciding words, and the label without each word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from rnntui.sessions.explanation_view import SHARE, Measure, measures_of, token_weights, word_shares
from rnntui.text.control_chars import one_line
from rnntui.tui.classify.explanation_column import ExplanationColumn, removal_rows, share_rows
from rnntui.tui.classify.label_list import LabelList
from rnntui.tui.lines.aligned_text_area import Highlight
from rnntui.tui.widgets.colours import MUTED

if TYPE_CHECKING:
    from rnntui.inference.explanation import Explanation
    from rnntui.sessions.classification_session import ClassificationSession

_MIN_WEIGHT = 0.05  # of the largest; below it a token is not shaded


class ExplanationPanel(Horizontal):
    """A list of labels, and two columns of reasons."""

    def __init__(self) -> None:
        super().__init__(id="lower")
        self._labels = LabelList()
        self._shares, self._removals = ExplanationColumn(id="shares"), ExplanationColumn(id="removals")
        self._line = -1  # index of the line that is shown

    def compose(self) -> ComposeResult:
        yield self._labels
        yield self._shares
        yield self._removals

    def show(self, session: ClassificationSession, line: int) -> list[Highlight]:
        """Show a line of a session, and return how its tokens are shaded.

        While there is no result for what is typed into the line, its last one stays, but no token is shaded.
        """
        text = session.lines[line]
        result = session.result(line)
        if line != self._line or not text.strip() or (result is not None and result.problem):
            self._line = line
            self._clear()
        if result is None or result.classification is None:
            return []
        self._labels.show(result.classification.labels, session.explained_label(line))
        explanation = session.explanation(line)
        if explanation is None:
            if result.unexplained:
                self._shares.show("Share in the decision", [Content.styled(one_line(result.unexplained), MUTED)])
                self._removals.show("Without", [])
            return []
        measure = session.measure
        listed = measure if measure in measures_of(explanation) else SHARE
        assert listed is not None
        self._show_shares(explanation, listed, is_shaded=measure is not None)
        self._show_removals(explanation, result.classification.labels)
        if measure is None:
            return []
        indent = len(text) - len(text.lstrip())
        weights = token_weights(explanation.tokens, listed)
        return [
            Highlight(token.start + indent, token.end + indent, weight)
            for token, weight in zip(explanation.tokens, weights, strict=True)
            if abs(weight) >= _MIN_WEIGHT and token.end > token.start
        ]

    def _clear(self) -> None:
        self._labels.show([], "")
        self._shares.show("Share in the decision", [])
        self._removals.show("Without", [])

    def _show_shares(self, explanation: Explanation, measure: Measure, *, is_shaded: bool) -> None:
        title = measure.title[0].upper() + measure.title[1:]
        about = "" if measure.attribute == "attention" else f": {explanation.label}"
        rows = share_rows(word_shares(explanation, measure), signed=measure.attribute != "attention")
        self._shares.show(f"{title}{about}{'' if is_shaded else ' (not shaded)'}", rows)

    def _show_removals(self, explanation: Explanation, labels: Sequence[tuple[str, float]]) -> None:
        rows = removal_rows(explanation, dict(labels).get(explanation.label, 0.0))
        none = "No word changes it." if len(explanation.removals) > 1 else "There is one word only."
        self._removals.show("Without", rows or [Content.styled(none, MUTED)])
