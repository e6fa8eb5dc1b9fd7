"""Inspection: the result of looking inside a model, shown as rows, sentences, SVG or JSON; its request."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from rnntui.charts.styled_text import Row
from rnntui.errors import CancelledError
from rnntui.runs.folder import RunFolder
from rnntui.text.control_chars import one_line

Cancelled = Callable[[], bool]
"""Asked now and then by a computation; True ends it with `CancelledError`."""


class Inspection(Protocol):
    """What a view has computed. Results are frozen dataclasses; rendering is quick, so it is done anew at each size."""

    def rows(self, width: int) -> list[Row]:
        """Return the picture as rows of at most `width` cells."""

    def summary(self) -> list[str]:
        """Return what is seen, in numbers, one sentence or short paragraph each."""

    def svg(self) -> str:
        """Return the picture as an SVG document."""

    def to_json(self) -> dict[str, Any]:
        """Return all numbers, ready for `json.dumps`; no NaN."""


@runtime_checkable
class SteppedInspection(Inspection, Protocol):
    """An inspection of one place of a text, from which the others can be reached."""

    @property
    def positions(self) -> int:
        """Number of places."""

    @property
    def position(self) -> int:
        """Index of the place that is shown."""

    def at(self, position: int) -> SteppedInspection:
        """Return the inspection of another place; of the first or the last one, if there is no such place."""


OnProgress = Callable[[float], None]
"""Called with the fraction of a computation that is done."""


def no_progress(fraction: float) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class InspectionRequest:
    """What a view is computed of.

    Args:
        runs: the runs to look at, the first one foremost.
        text: a text to look at them with; "" is text of the view's choice.
        on_progress: called with the fraction that is done, now and then, by views that take long.
    """

    runs: tuple[RunFolder, ...]
    text: str = ""
    on_progress: OnProgress = no_progress


Compute = Callable[[InspectionRequest, Cancelled], Inspection]
"""Computes a view. Raises `RnntuiError` for what the user can mend, `CancelledError` once `Cancelled` is true."""


def bulleted(sentences: list[str], width: int) -> list[str]:
    """Return sentences as lines of at most `width` characters, each behind a bullet."""
    return [
        line
        for sentence in sentences
        for line in textwrap.wrap(one_line(sentence), max(width, 10), initial_indent="• ", subsequent_indent="  ")
    ]


def never_cancelled() -> bool:
    """Return False: a computation that nothing ends."""
    return False


def check_cancelled(cancelled: Cancelled) -> None:
    """Raise `CancelledError` if the computation is no longer wanted."""
    if cancelled():
        raise CancelledError
