"""Messages of the Train tab's widgets."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class MarkClicked(Message):
    """The left end of the highlighted row of the run list was clicked."""


@dataclass
class PreviewClicked(Message):
    """The preview with this index was clicked, to show its chart large."""

    index: int


@dataclass
class ChartSelected(Message):
    """A title of the chart selector was clicked."""

    title: str
