"""Which runs are overlaid in the charts, each in a colour that it keeps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

MOST = 7
"""Runs that can be marked: as many as there are colours that can be told apart."""


@dataclass(frozen=True)
class Overlay:
    """That a run is in the charts: the number of its colour, and whether it stays there when one moves on."""

    colour: int
    kept: bool


class OverlaidRuns:
    """Marked runs by path."""

    def __init__(self) -> None:
        self._colours: dict[str, int] = {}

    @property
    def kept(self) -> list[str]:
        """The paths of the runs that are marked, in the order in which they were."""
        return list(self._colours)

    def turn(self, path: str) -> bool:
        """Overlay a run, or no longer; False if there is no colour left for it."""
        if path in self._colours:
            del self._colours[path]
            return True
        if len(self._colours) == MOST:
            return False
        self._colours[path] = self._free()
        return True

    def clear(self) -> None:
        """Overlay none."""
        self._colours.clear()

    def keep_only(self, paths: Collection[str]) -> None:
        """Forget the runs that are gone."""
        self._colours = {path: colour for path, colour in self._colours.items() if path in paths}

    def shown(self, current: str | None) -> dict[str, Overlay]:
        """The marked runs and, beside them, the current one; nothing if none is marked.

        The current one has the colour that it would get, so that marking it changes nothing in the charts.
        """
        found = {path: Overlay(colour, True) for path, colour in self._colours.items()}
        if found and current is not None and current not in found:
            found[current] = Overlay(self._free(), False)
        return found

    def _free(self) -> int:
        return next(colour for colour in range(MOST + 1) if colour not in self._colours.values())
