"""What the app remembers from one time to the next, in one JSON file that a person may edit too."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rnntui.atomic_files import atomic_write, parse_json

VARIABLE = "RNNTUI_SETTINGS"

_KINDS = {"theme": str, "surprise": bool, "panel": bool, "keymap": dict}


@dataclass(frozen=True)
class Preferences:
    """`theme` and what is shown; `keymap` gives keys to ids of the key table, such as `{"chat.stop": "ctrl+x"}`."""

    theme: str = "textual-dark"
    surprise: bool = False
    panel: bool = True
    keymap: dict[str, str] = field(default_factory=dict)


def settings_file() -> Path:
    """Where the preferences lie: the variable `RNNTUI_SETTINGS`, else the place that the system has for such files."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    from platformdirs import user_config_path

    return user_config_path("rnntui") / "settings.json"


def texts_folder() -> Path:
    """Where the texts of the Chat tab are kept as they grow, so that nothing is lost: beside the preferences."""
    return settings_file().with_name("texts")


def sources_folder() -> Path:
    """Where the texts to translate are kept: beside those of the Chat tab."""
    return settings_file().with_name("sources")


def load(path: Path) -> tuple[Preferences, list[str]]:
    """The preferences, and what is wrong with the file: what cannot be used takes its default."""
    try:
        values = parse_json(path.read_bytes())
    except FileNotFoundError:
        return Preferences(), []
    except (OSError, ValueError) as error:
        return Preferences(), [f"{path} cannot be read ({error}); using the defaults"]
    if not isinstance(values, dict):
        return Preferences(), [f"{path} holds no JSON object; using the defaults"]
    usable: dict[str, Any] = {}
    problems = []
    for name, value in values.items():
        if name not in _KINDS:
            problems.append(f"{path}: unknown setting {name!r}; known are {', '.join(_KINDS)}")
        elif not isinstance(value, _KINDS[name]):
            problems.append(f"{path}: {name} is {value!r}, which it cannot be")
        else:
            usable[name] = value
    keymap = usable.get("keymap", {})
    wrong = [key for key, keys in keymap.items() if not isinstance(keys, str) or not keys]
    problems += [f"{path}: keymap.{key} must name keys, such as ctrl+x" for key in wrong]
    if wrong:
        usable["keymap"] = {key: keys for key, keys in keymap.items() if key not in wrong}
    return Preferences(**usable), problems


def save(path: Path, changes: dict[str, Any]) -> None:
    """Write changes into the file, beside what stands there. Raises `OSError` if it cannot be written.

    A file that is no JSON object is left as it is: somebody is editing it.
    """
    try:
        values = parse_json(path.read_bytes())
    except FileNotFoundError:
        values = {}
    except ValueError:
        return
    if not isinstance(values, dict):
        return
    defaults = asdict(Preferences())
    merged = {**values, **changes}
    kept = {name: value for name, value in merged.items() if name in values or value != defaults.get(name)}
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, (json.dumps(kept, indent=2) + "\n").encode())
