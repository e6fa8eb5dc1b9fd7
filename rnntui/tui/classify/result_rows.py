"""The texts beside the lines: label and probability of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnntui.text.control_chars import one_line, truncate

if TYPE_CHECKING:
    from rnntui.sessions.classification_worker import LineClassification

_MAX_LABEL = 60  # characters


def result_row(result: LineClassification | None) -> str:
    """Return probability and label, with a question mark if the label is doubtful; "" where there is none."""
    if result is None:
        return ""
    if result.problem:
        return "not classified"
    if not result.label:
        return ""
    doubt = " ?" if result.is_doubtful else ""
    return f"{result.probability:.2f} {truncate(one_line(result.label), _MAX_LABEL, len)}{doubt}"


class ResultRows:
    """Formats results as rows; the row of a result that is unchanged at its index is reused."""

    def __init__(self) -> None:
        self._results: Sequence[LineClassification | None] = ()
        self._rows: list[str] = []

    def update(self, results: Sequence[LineClassification | None]) -> list[str]:
        """Return the row of each result."""
        old = zip(self._results, self._rows, strict=True)
        rows = [row if new is result else result_row(new) for new, (result, row) in zip(results, old, strict=False)]
        rows += map(result_row, results[len(rows) :])
        self._results, self._rows = results, rows
        return rows
