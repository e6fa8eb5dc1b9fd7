"""The stylesheets name only widgets, ids and classes that there are: a renamed class would lose its style silently."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import textual.containers
import textual.screen
import textual.widgets

import rnntui.tui

FOLDER = Path(rnntui.tui.__file__).parent
SOURCE = "\n".join(path.read_text() for path in FOLDER.rglob("*.py"))
STYLES = "\n".join(path.read_text() for path in FOLDER.glob("*.tcss"))
SELECTORS = re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", STYLES, flags=re.DOTALL))


def class_names() -> set[str]:
    """The classes of the app and of Textual that a type selector may name."""
    modules = [textual.containers, textual.screen, textual.widgets]
    for module in pkgutil.walk_packages(rnntui.tui.__path__, "rnntui.tui."):
        modules.append(importlib.import_module(module.name))
    names = {name for module in modules for name in dir(module)} | set(textual.widgets.__all__)
    return names | {
        "CommandList",
        "CommandPalette",
        "SearchIcon",
        "SelectCurrent",
        "Toast",
        "ToastRack",
    }  # parts of Textual's own widgets


def test_type_selectors_name_classes() -> None:
    types = {name for selector in SELECTORS for name in re.findall(r"(?<![\w.#:$-])([A-Z]\w+)", selector)}
    assert types and not types - class_names()


def test_ids_are_given_somewhere() -> None:
    ids = {name for selector in SELECTORS for name in re.findall(r"#([a-z-]+)", selector)}
    assert ids and not {name for name in ids if f'"{name}"' not in SOURCE}
