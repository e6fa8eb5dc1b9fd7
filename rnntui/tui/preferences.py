"""Preferences of the app: one JSON file, which the user may edit too."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rnntui.atomic_files import atomic_write
from rnntui.untrusted_files import read_json

VARIABLE = "RNNTUI_SETTINGS"

_TYPES = {"theme": str, "surprisal": bool, "panel": bool, "keymap": dict, "tabs": dict}
_OLD_NAMES = {"surprise": "surprisal"}  # of settings
_MAX_TAB = 1 << 20  # characters of what is kept of a tab: a text that is longer must not fill the file
_changing = threading.Lock()
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


def load(path: Path) -> tuple[Preferences, list[str]]:
    """Read the preferences. Return them and the problems of the file; a value that cannot be used takes its default."""
    try:
        values = read_json(path)
    except FileNotFoundError:
        return Preferences(), []
    except (OSError, ValueError) as error:
        return Preferences(), [f"{path} cannot be read ({error}); using the defaults"]
    if not isinstance(values, dict):
        return Preferences(), [f"{path} is not a JSON object; using the defaults"]
    usable: dict[str, Any] = {}
    problems = []
    for name, value in _with_new_names(values).items():
        if name not in _TYPES:
            problems.append(f"{path}: unknown setting {name!r}; known are {', '.join(_TYPES)}")
        elif not isinstance(value, _TYPES[name]):
            problems.append(f"{path}: {name} cannot be {value!r}")
        else:
            usable[name] = value
    keymap = usable.get("keymap", {})
    invalid = [key_id for key_id, keys in keymap.items() if not isinstance(keys, str) or not keys]
    problems += [f"{path}: keymap.{key_id} must be a key such as ctrl+x" for key_id in invalid]
    if keymap:
        usable["keymap"] = {
            _OLD_KEY_IDS.get(key_id, key_id): keys for key_id, keys in keymap.items() if key_id not in invalid
        }
    if "tabs" in usable:
        usable["tabs"] = _usable_tabs(usable["tabs"])
    return Preferences(**usable), problems


def save(path: Path, changes: dict[str, Any]) -> None:
    """Change settings in the file, and keep the others, also those of other tabs. May be called in any thread.

    A file that is not a JSON object is left as it is: the user may be editing it. Raises `OSError` if it cannot be
    written.
    """
    with _changing:
        _save(path, changes)


def _save(path: Path, changes: dict[str, Any]) -> None:
    try:
        values = read_json(path)
    except FileNotFoundError:
        values = {}
    except ValueError:
        return
    if not isinstance(values, dict):
        return
    defaults = asdict(Preferences())
    values = _with_new_names(values)
    merged = {**values, **changes}
    if "tabs" in changes:
        tabs = {**_usable_tabs(values.get("tabs")), **changes["tabs"]}
        merged["tabs"] = {tab: kept for tab, kept in tabs.items() if kept and len(json.dumps(kept)) <= _MAX_TAB}
    saved = {name: value for name, value in merged.items() if name in values or value != defaults.get(name)}
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, (json.dumps(saved, indent=2) + "\n").encode())


def _usable_tabs(value: object) -> dict[str, dict[str, Any]]:
    """Return what is kept of tabs; a tab of which it is no object has nothing."""
    tabs = value if isinstance(value, Mapping) else {}
    return {tab: kept for tab, kept in tabs.items() if isinstance(kept, dict)}


def _with_new_names(values: dict[str, Any]) -> dict[str, Any]:
    """Return settings with old names replaced; of an old and a new one, the new one counts."""
    renamed = {_OLD_NAMES[name]: value for name, value in values.items() if name in _OLD_NAMES}
    return {**renamed, **{name: value for name, value in values.items() if name not in _OLD_NAMES}}
