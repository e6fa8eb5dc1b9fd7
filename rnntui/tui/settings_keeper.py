"""Keeping of what stands in the tabs for the next start: settings, and the fields of forms."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from textual.widget import Widget

from rnntui.tui.tabs import KeepsSettings

KeptSettings = dict[str, dict[str, Any]]
"""The `kept_settings` of tabs, by their ids."""


class SettingsKeeper:
    """Saves the settings of the tabs that have others than are saved."""

    def __init__(
        self, tabs: Mapping[str, Widget], saved: KeptSettings, write: Callable[[KeptSettings], object]
    ) -> None:
        """
        Args:
            tabs: the tabs that there are, by id; they may become more.
            saved: what is saved of each.
            write: writes the settings of some tabs, and reports it if that fails. Called in any thread.
        """
        self._tabs, self._saved, self._write = tabs, dict(saved), write
        self._present: KeptSettings = {}  # as `changed` found them last
        self._saving = threading.Lock()

    def changed(self) -> KeptSettings:
        """Return the settings that are not saved."""
        present = {tab_id: tab.kept_settings for tab_id, tab in self._tabs.items() if isinstance(tab, KeepsSettings)}
        self._present.update(present)
        return {tab_id: kept for tab_id, kept in present.items() if kept != self._saved.get(tab_id, {})}

    def save(self, changed: KeptSettings) -> None:
        """Save what `changed` has returned. If it fails, it is tried again with the next change. For any thread.

        Of a tab that has changed again, the newer settings are saved: a thread may write after a later one.
        """
        if changed:
            with self._saving:
                newest = {tab_id: self._present[tab_id] for tab_id in changed}
                self._write(newest)
                self._saved |= newest
