"""Messages of the Train tab's widgets."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class MarkClicked(Message):
    """The left end of the highlighted row of the run list was clicked."""


@dataclass
class PreviewClicked(Message):
    """A preview was clicked: its chart is to be shown large."""

    index: int


@dataclass
class ChartChosen(Message):
    """A title of the chart selector was clicked."""

    title: str


@dataclass
class OpenRun(Message):
    """A run is to be opened in a tab of the app."""

    path: str
    tab: str
