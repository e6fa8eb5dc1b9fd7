"""The text beside a line: its label and probability."""

from __future__ import annotations

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
