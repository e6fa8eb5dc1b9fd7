"""Saving of preferences, of the settings of tabs, and of the fields of their forms, for the next start."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from textual.widget import Widget

from rnntui.errors import RnntuiError
from rnntui.sessions.folder_lock import LOCK_TIMEOUT
from rnntui.tui.preferences import PreferencesFile, encode_settings, patch_between
from rnntui.tui.tabs import KeepsSettings

KeptSettings = dict[str, dict[str, Any]]
"""The `kept_settings` of tabs, by their ids."""

_MAX_TAB = 1 << 20  # bytes that are written of a tab: a text that is longer must not fill the file


class SettingsKeeper:
    """Saves preferences, and the settings of the tabs in which they have changed.

    A problem is reported once, until it changes, and again in the `exit_lines`.
    """

    def __init__(
        self,
        file: PreferencesFile,
        tabs: Mapping[str, Widget],
        titles: Mapping[str, str],
        saved: KeptSettings,
        warn: Callable[[str], object],
    ) -> None:
        """
        Args:
            file: the file that they are saved in.
            tabs: the open tabs by id; more may be added later.
            titles: titles of all tabs, by id.
            saved: the saved settings of each.
            warn: shows a line to the user. Called in any thread.
        """
        self._file, self._tabs, self._titles, self._warn = file, tabs, titles, warn
        self._saved = dict(saved)
        self._present: KeptSettings = {}  # as of the last call of `changed`
        self._unsaved: dict[str, Any] = {}  # preferences
        self._changing_unsaved = threading.Lock()  # held for a moment only: the screen waits for it
        self._saving = threading.Lock()
        self._lines: dict[str, str] = {}  # reported problems, by what they are about

    @property
    def exit_lines(self) -> list[str]:
        """What the user should know once the app has ended: why something is not kept, or where a damaged file is."""
        return [line for line in list(self._lines.values()) if line]  # a thread may add one

    @property
    def is_waiting(self) -> bool:
        """True while a preference is not saved."""
        return bool(self._unsaved)

    def remember(self, name: str, value: Any) -> None:
        """Let the next `save` save a preference. May be called in any thread."""
        with self._changing_unsaved:
            self._unsaved[name] = value

    def changed(self) -> KeptSettings:
        """Return the settings of the tabs in which they differ from the saved ones."""
        present = {tab_id: tab.kept_settings for tab_id, tab in self._tabs.items() if isinstance(tab, KeepsSettings)}
        self._present.update(present)
        return {tab_id: kept for tab_id, kept in present.items() if kept != self._saved.get(tab_id, {})}

    def save(self, changed: KeptSettings, *, at_exit: bool = False) -> None:
        """Save preferences, and what `changed` has returned. May be called in any thread.

        Where a tab has changed again, its newer settings are saved: an older thread may be the last to write. Only
        fields that this app has changed are written, as another app may have changed others.

        After a failure, the next call retries. While another thread is saving, a call does nothing, so that threads do
        not pile up while another app holds the file: preferences are then saved by that thread, settings of tabs by
        the next call. Only the call `at_exit` waits for that thread. For thread and apps together, no call waits longer
        than `LOCK_TIMEOUT`.
        """
        end = time.monotonic() + LOCK_TIMEOUT
        while self._saving.acquire(blocking=at_exit):
            try:
                saved = self._save(changed, end)
            finally:
                self._saving.release()
            if not saved or not self._unsaved:  # else a preference was changed meanwhile, and its thread found this one
                break

    def _save(self, changed: KeptSettings, end: float) -> bool:
        """Save once, waiting for other apps until the time `end`. Return False if that fails."""
        newest = {tab_id: self._present[tab_id] for tab_id in changed}
        patch = {tab_id: self._patch(tab_id, kept) for tab_id, kept in newest.items()}
        if not (patch or self._unsaved):
            return True
        written = self._write({"tabs": patch} if patch else {}, end - time.monotonic())
        if written:
            self._saved |= newest
        return written

    def _write(self, changes: dict[str, Any], timeout: float) -> bool:
        """Write changes, and the preferences that are not saved. Return False if that fails, which is reported."""
        with self._changing_unsaved:
            preferences = dict(self._unsaved)
        try:
            set_aside = self._file.save({**preferences, **changes}, timeout)
        except RnntuiError as error:
            self._tell("file", f"Settings are not kept: {error}")
            return False
        with self._changing_unsaved:  # what was changed again stays
            self._unsaved = {
                name: value
                for name, value in self._unsaved.items()
                if name not in preferences or value != preferences[name]
            }
        self._tell("file", "")
        if set_aside:
            self._tell("set aside", set_aside)
        return True

    def _patch(self, tab_id: str, kept: dict[str, Any]) -> dict[str, Any]:
        """Return what has changed in a tab, without fields that are too long, which are reported."""
        fitting, left_out = _fitting(kept)
        names = " and ".join(left_out)
        self._tell(tab_id, f"{self._titles[tab_id]}: too long to be kept for the next start: {names}" if names else "")
        return patch_between(_fitting(self._saved.get(tab_id, {}))[0], fitting)

    def _tell(self, about: str, line: str) -> None:
        if line and line != self._lines.get(about):
            self._warn(line)
        self._lines[about] = line


def _fitting(kept: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return settings of a tab without the longest fields, if they are too long, and the names of these."""
    left_out: list[str] = []
    if len(encode_settings(kept)) > _MAX_TAB:
        kept = copy.deepcopy(kept)
        for _, name, fields in sorted(_fields(kept), key=lambda field: field[0], reverse=True):
            left_out.append(name)
            del fields[name]
            if len(encode_settings(kept)) <= _MAX_TAB:
                break
    return kept, left_out


def _fields(kept: dict[str, Any]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield the size in bytes of each field, its name, and the object that it is in, whatever the depth of that."""
    for name, value in kept.items():
        if isinstance(value, dict):
            yield from _fields(value)
        else:
            yield len(encode_settings({name: value})), name, kept
