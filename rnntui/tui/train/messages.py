"""Messages of the Train tab's widgets."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class MarkClicked(Message):
    """The left end of the highlighted row of the run list was clicked."""


@dataclass
class ListResized(Message):
    """The run list has another size, and its columns another width."""


@dataclass
class PreviewClicked(Message):
    """The preview with this index was clicked, to show its chart large."""

    index: int


@dataclass
class ChartSelected(Message):
    """A title of the chart selector was clicked."""

    title: str


@dataclass
class EvaluationChosen(Message):
    """The confusion matrix of the evaluation at a step is to be shown; None for the newest, following the training."""

    step: float | None


@dataclass
class FilterChanged(Message):
    """The words of the list's filter were edited."""

    words: str


@dataclass
class FilterLeft(Message):
    """The field of the filter was left for the list."""
