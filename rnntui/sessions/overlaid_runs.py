"""Runs overlaid in the charts, each with a colour that it keeps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

MAX_OVERLAYS = 7
"""Limit of marked runs: with the current run there are then as many as there are distinct colours."""


@dataclass(frozen=True)
class Overlay:
    """A run in the charts: the index of its colour; `marked` if it stays there when another run is highlighted."""

    colour: int
    marked: bool


class OverlaidRuns:
    """The marked runs, by path."""

    def __init__(self) -> None:
        self._colours: dict[str, int] = {}

    @property
    def paths(self) -> list[str]:
        """Paths of the marked runs, in the order of marking."""
        return list(self._colours)

    def toggle(self, path: str) -> bool:
        """Mark or unmark a run. Returns False if no colour is left for it."""
        if path in self._colours:
            del self._colours[path]
            return True
        if len(self._colours) == MAX_OVERLAYS:
            return False
        self._colours[path] = self._free_colour()
        return True

    def clear(self) -> None:
        """Unmark all runs."""
        self._colours.clear()

    def rename(self, path: str, new_path: str) -> None:
        """Keep the mark and the colour of a run whose folder was renamed."""
        self._colours = {new_path if marked == path else marked: colour for marked, colour in self._colours.items()}

    def keep_only(self, paths: Collection[str]) -> None:
        """Unmark the runs at other paths, which are gone."""
        self._colours = {path: colour for path, colour in self._colours.items() if path in paths}

    def shown(self, current: str | None) -> dict[str, Overlay]:
        """Return the overlays of the marked runs and of the current one; empty if none is marked.

        The current run has the colour that it would keep when marked, so that marking it changes nothing in the charts.
        """
        overlays = {path: Overlay(colour, marked=True) for path, colour in self._colours.items()}
        if overlays and current is not None and current not in overlays:
            overlays[current] = Overlay(self._free_colour(), marked=False)
        return overlays

    def _free_colour(self) -> int:
        return next(colour for colour in range(MAX_OVERLAYS + 1) if colour not in self._colours.values())
