"""Messages of the Inspect tab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from pathlib import Path

    from rnntui.inspection.inspection import Inspection
    from rnntui.runs.folder import RunFolder
    from rnntui.runs.run_config import RunConfig
    from rnntui.sessions.inspection_session import InspectionKey


@dataclass
class RunOpened(Message):
    """A run was found, its config and the time of its weights read; `is_added` if it joins those that are shown."""

    run: RunFolder
    config: RunConfig
    weights_time: int
    is_added: bool


@dataclass
class RunFailed(Message):
    """A run could not be opened."""

    problem: str


@dataclass
class WeightsChecked(Message):
    """The times of the weights of the runs have been read, by path."""

    times: dict[Path, int]


@dataclass
class InspectionComputed(Message):
    """A view has been computed."""

    key: InspectionKey
    inspection: Inspection


@dataclass
class InspectionFailed(Message):
    """A view could not be computed."""

    key: InspectionKey
    problem: str
