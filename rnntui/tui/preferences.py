"""Preferences of the app: one JSON file, which the user may edit too."""

from __future__ import annotations

import copy
import errno
import itertools
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rnntui.atomic_files import atomic_write, write_user_file
from rnntui.errors import RnntuiError, os_error_hint, write_error
from rnntui.sessions.folder_lock import LOCK_TIMEOUT, folder_lock, make_folder
from rnntui.untrusted_files import MAX_JSON_BYTES, parse_bounded_json, read_bounded

VARIABLE = "RNNTUI_SETTINGS"

_TYPES = {"theme": str, "surprisal": bool, "panel": bool, "keymap": dict, "tabs": dict}
_OLD_NAMES = {"surprise": "surprisal"}  # of settings
_DAMAGED = "damaged"  # suffix of a file that is set aside
_OLD_KEY_IDS = {"chat.surprise": "chat.surprisal"}


@dataclass(frozen=True)
class Preferences:
    """Preferences that persist between sessions.

    `surprisal` and `panel` say what the Chat tab shows; `keymap` maps ids of the key table to keys, such as
    `{"chat.stop": "ctrl+x"}`; `tabs` has what stood in each tab, by its id (see `KeepsSettings`).
    """

    theme: str = "textual-dark"
    surprisal: bool = False
    panel: bool = True
    keymap: dict[str, str] = field(default_factory=dict)
    tabs: dict[str, dict[str, Any]] = field(default_factory=dict)


def settings_file() -> Path:
    """Return the preferences file: the one `RNNTUI_SETTINGS` names, else that in the system's folder for such files."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    from platformdirs import user_config_path

    return user_config_path("rnntui") / "settings.json"


def texts_folder() -> Path:
    """Return the folder where the texts of the Chat tab are autosaved, beside the preferences."""
    return settings_file().with_name("texts")


def history_file() -> Path:
    """Return the file of the lines that were sent in the Chat tab, beside the preferences."""
    return settings_file().with_name("history.jsonl")


def sources_folder() -> Path:
    """Return the folder where the texts to translate are autosaved, beside the preferences."""
    return settings_file().with_name("sources")


def classified_folder() -> Path:
    """Return the folder where the texts to classify are autosaved, beside the preferences."""
    return settings_file().with_name("classified")


def tab_of_last_text() -> str | None:
    """Return the id of the tab whose text was saved or opened last; None if there is no saved text."""
    from rnntui.sessions.autosave import newest_text

    times = {
        tab: file.stat().st_mtime
        for tab, folder in (
            ("chat", texts_folder()),
            ("translate", sources_folder()),
            ("classify", classified_folder()),
        )
        if (file := newest_text(folder, "*.txt")) is not None and file.is_file()
    }
    return max(times, key=lambda tab: times[tab], default=None)


class PreferencesFile:
    """The preferences file, which other apps change, and the user in an editor. Methods may be called in any thread.

    A change is merged into the file as it is at that moment, under a lock. One that has failed before waits: where
    another app has changed the same setting since, its value is the newer one and stays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._values: dict[str, Any] | None = None  # as they were read or written last, None before that
        self._waiting: dict[str, Any] = {}  # changes that could not be saved the last time
        self._changing = threading.Lock()

    def load(self) -> tuple[Preferences, list[str]]:
        """Read the file. Return its preferences and its problems; a value that cannot be used takes its default."""
        try:
            values = self._read()
        except FileNotFoundError:
            self._values = {}
            return Preferences(), []
        except OSError as error:
            return Preferences(), [str(self._read_error(error))]
        except ValueError as error:
            return Preferences(), [
                f"{self.path} is damaged ({error}): the defaults are used. Mend or delete it; when a setting changes, "
                f"it is set aside as {self.path.name}.{_DAMAGED}, and new settings are kept"
            ]
        if values is None:
            return Preferences(), [f"{self.path} is empty: the defaults are used"]
        self._values = values
        preferences, problems = _parse(values)
        return preferences, [f"{self.path}: {problem}" for problem in problems]

    def save(self, changes: Mapping[str, Any], timeout: float = LOCK_TIMEOUT) -> str:
        """Change settings in the file, and keep the others, also those that another app has changed.

        A damaged file is set aside; the new one has what this object read or wrote before, so that a file which the
        user is just editing loses nothing either. An empty file is replaced. A change that could not be saved the last
        time is left out if the file has another value by now than this object knows.

        Args:
            changes: values by name; those of `tabs` are a patch (see `apply_patch`).
            timeout: seconds to wait while another app writes the file.

        Returns a line that says where a damaged file is now, or "". Raises `RnntuiError` if the file cannot be read or
        written; it is then unchanged.
        """
        with self._changing:
            waited, self._waiting = self._waiting, copy.deepcopy(dict(changes))
            try:
                make_folder(self.path.parent)
                with folder_lock(self.path.parent, f".{self.path.name}.lock", timeout):
                    note = self._merge(changes, waited)
            except OSError as error:
                raise write_error(self.path, error) from error
            self._waiting = {}
        return note

    def _merge(self, changes: Mapping[str, Any], waited: Mapping[str, Any]) -> str:
        """Change settings in the file, without those that `waited` in vain; see `save`. Called under the lock."""
        note, known = "", self._values
        try:
            values = self._read()
        except FileNotFoundError:  # as when the user has moved away what could not be read
            values = known = {}
        except OSError as error:
            raise self._read_error(error) from error
        except ValueError as error:
            aside = self._set_aside()
            note = f"{self.path} was damaged ({error}) and is now {aside.name}; a new file has the settings"
            values = None
        if values is None:
            values = known or {}
        elif known is not None:
            changes = _without_overtaken(changes, waited, known, values)
        self._values = values
        changed = _changed(values, changes)
        if note or changed != values:
            write_user_file(self.path, encode_settings(changed))
        self._values = changed
        return note

    def _read(self) -> dict[str, Any] | None:
        """Return the values in the file; None if it is empty, as it is while an editor rewrites it.

        Raises `OSError` if it cannot be read, `ValueError` if it is damaged.
        """
        data = read_bounded(self.path, MAX_JSON_BYTES)
        if not data.strip(b" \t\r\n\0"):  # a power cut may leave zeros
            return None
        values = parse_bounded_json(data)
        if not isinstance(values, dict):
            raise ValueError("it is not a JSON object")
        return _with_new_names(values)

    def _read_error(self, error: OSError) -> RnntuiError:
        way_out = "move it away" if error.errno == errno.EISDIR else os_error_hint(error, "move it away")
        hint = f"{way_out}; until then, no change of a setting is kept"
        return RnntuiError(f"cannot read {self.path}: {error.strerror or error}", hint=hint)

    def _set_aside(self) -> Path:
        """Copy the damaged file to a name of its own, and return that; an earlier copy may be the same file's."""
        data = read_bounded(self.path, MAX_JSON_BYTES)
        names = (f"{self.path.name}.{_DAMAGED}{number}" for number in itertools.chain([""], itertools.count(2)))
        for aside in map(self.path.with_name, names):
            if not os.path.lexists(aside):
                atomic_write(aside, data)
                return aside
            if aside.is_file() and aside.stat().st_size == len(data) and aside.read_bytes() == data:
                return aside
        raise AssertionError("names do not end")


def encode_settings(values: Mapping[str, Any]) -> bytes:
    """Return settings as they are written: indented JSON in UTF-8, in which any letter can be read and is short."""
    # Half of a surrogate pair has no UTF-8; what replaces it is its escape in JSON, too.
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _parse(values: dict[str, Any]) -> tuple[Preferences, list[str]]:
    """Return preferences and what is wrong in them."""
    usable: dict[str, Any] = {}
    problems = []
    for name, value in values.items():
        if name not in _TYPES:
            problems.append(f"unknown setting {name!r}; known are {', '.join(_TYPES)}")
        elif not isinstance(value, _TYPES[name]):
            problems.append(f"{name} cannot be {value!r}")
        else:
            usable[name] = value
    keymap = usable.get("keymap", {})
    invalid = [key_id for key_id, keys in keymap.items() if not isinstance(keys, str) or not keys]
    problems += [f"keymap.{key_id} must be a key such as ctrl+x" for key_id in invalid]
    if keymap:
        usable["keymap"] = {
            _OLD_KEY_IDS.get(key_id, key_id): keys for key_id, keys in keymap.items() if key_id not in invalid
        }
    if "tabs" in usable:  # a tab of which no object is kept has nothing
        usable["tabs"] = {tab: kept for tab, kept in usable["tabs"].items() if isinstance(kept, dict)}
    return Preferences(**usable), problems


def _changed(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with changes; a value that becomes the default is left out, unless it was there before."""
    defaults = asdict(Preferences())
    changed = {**values, **changes}
    if "tabs" in changes:
        changed["tabs"] = apply_patch(values.get("tabs"), changes["tabs"])
    return {name: value for name, value in changed.items() if name in values or value != defaults.get(name)}


def _without_overtaken(
    changes: Mapping[str, Any],
    waited: Mapping[str, Any],
    known: Mapping[str, Any],
    found: Mapping[str, Any],
    *,
    is_patch: bool = False,
) -> dict[str, Any]:
    """Return changes without those that waited while the same values were changed in the file.

    Args:
        changes: values by name; those of `tabs` are a patch, and so are all if `is_patch`.
        waited: the changes that could not be saved the last time. One to another value since is a new one.
        known: the values that the file had when it was read or written last.
        found: the values that it has now.
    """
    kept: dict[str, Any] = {}
    for name, value in changes.items():
        before, now = known.get(name), found.get(name)
        if isinstance(value, Mapping) and (is_patch or name == "tabs"):
            objects = (other if isinstance(other, Mapping) else {} for other in (waited.get(name), before, now))
            if rest := _without_overtaken(value, *objects, is_patch=True):
                kept[name] = rest
        elif before == now or name not in waited or waited[name] != value:
            kept[name] = value
    return kept


def patch_between(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON merge patch (RFC 7396) that makes `new` of `old`, as far as `apply_patch` can.

    Objects are compared field by field, whatever their depth; a field that is gone is null, and so is a field of an
    object that is gone, so that a patch removes nothing that it does not know.
    """
    patch: dict[str, Any] = {}
    for name in {**old, **new}:
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping | None):
            if changes := patch_between(before, after or {}):
                patch[name] = changes
        elif before != after:
            patch[name] = after
    return patch


def apply_patch(target: object, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with a merge patch (RFC 7396); an object that it leaves empty is left out."""
    patched = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        result = apply_patch(patched.get(name), value) if isinstance(value, Mapping) else value
        if result is None or result == {}:
            patched.pop(name, None)
        else:
            patched[name] = result
    return patched


def _with_new_names(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings with old names replaced; of an old and a new one, the new one counts."""
    renamed = {_OLD_NAMES[name]: value for name, value in values.items() if name in _OLD_NAMES}
    return {**renamed, **{name: value for name, value in values.items() if name not in _OLD_NAMES}}
