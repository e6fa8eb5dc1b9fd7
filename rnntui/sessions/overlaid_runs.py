"""Runs that are overlaid in the charts, each in a colour that it keeps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

MAX_OVERLAYS = 7
"""Runs that can be marked: as many as there are colours that can be told apart."""


@dataclass(frozen=True)
class Overlay:
    """A run in the charts: the index of its colour, and whether it is marked, so that it stays there."""

    colour: int
    marked: bool


class OverlaidRuns:
    """Marked runs by path."""

    def __init__(self) -> None:
        self._colours: dict[str, int] = {}

    @property
    def paths(self) -> list[str]:
        """The paths of the marked runs, in the order in which they were marked."""
        return list(self._colours)

    def toggle(self, path: str) -> bool:
        """Mark a run, or unmark it; False if no colour is left for it."""
        if path in self._colours:
            del self._colours[path]
            return True
        if len(self._colours) == MAX_OVERLAYS:
            return False
        self._colours[path] = self._free_colour()
        return True

    def clear(self) -> None:
        """Unmark all."""
        self._colours.clear()

    def keep_only(self, paths: Collection[str]) -> None:
        """Forget the runs that are gone."""
        self._colours = {path: colour for path, colour in self._colours.items() if path in paths}

    def shown(self, current: str | None) -> dict[str, Overlay]:
        """The marked runs and, beside them, the current one; nothing if none is marked.

        The current one has the colour that it would get, so that marking it changes nothing in the charts.
        """
        overlays = {path: Overlay(colour, marked=True) for path, colour in self._colours.items()}
        if overlays and current is not None and current not in overlays:
            overlays[current] = Overlay(self._free_colour(), marked=False)
        return overlays

    def _free_colour(self) -> int:
        return next(colour for colour in range(MAX_OVERLAYS + 1) if colour not in self._colours.values())
