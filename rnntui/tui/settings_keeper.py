"""Saving of the settings of tabs, and of the fields of their forms, for the next start."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from textual.widget import Widget

from rnntui.tui.tabs import KeepsSettings

KeptSettings = dict[str, dict[str, Any]]
"""The `kept_settings` of tabs, by their ids."""


class SettingsKeeper:
    """Saves the settings of the tabs in which they have changed."""

    def __init__(
        self, tabs: Mapping[str, Widget], saved: KeptSettings, write: Callable[[KeptSettings], object]
    ) -> None:
        """
        Args:
            tabs: the tabs by id; more may be added later.
            saved: the saved settings of each.
            write: writes the settings of some tabs, and reports a failure. Called in any thread.
        """
        self._tabs, self._saved, self._write = tabs, dict(saved), write
        self._present: KeptSettings = {}  # as of the last call of `changed`
        self._saving = threading.Lock()

    def changed(self) -> KeptSettings:
        """Return the settings of the tabs in which they differ from the saved ones."""
        present = {tab_id: tab.kept_settings for tab_id, tab in self._tabs.items() if isinstance(tab, KeepsSettings)}
        self._present.update(present)
        return {tab_id: kept for tab_id, kept in present.items() if kept != self._saved.get(tab_id, {})}

    def save(self, changed: KeptSettings) -> None:
        """Save the settings that `changed` returned; after a failure, the next change retries. For any thread.

        Where a tab has changed again, its newer settings are saved: an older thread may be the last to write.
        """
        if changed:
            with self._saving:
                newest = {tab_id: self._present[tab_id] for tab_id in changed}
                self._write(newest)
                self._saved |= newest
