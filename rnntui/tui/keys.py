"""The keys of the app, once: footer, help screen, command palette and keymap are all made from this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType
from textual.keys import Keys

_MODIFIERS = {"ctrl", "alt", "shift", "super", "meta", "hyper"}
_NAMES = {key.value for key in Keys}

Place = Literal["app", "chat", "prompt", "text", "train", "translate", "hypotheses"]

TITLES: dict[Place, str] = {
    "app": "Everywhere",
    "chat": "Chat",
    "prompt": "In the prompt",
    "text": "In the text (Tab or a click goes there)",
    "train": "Train",
    "translate": "Translate",
    "hypotheses": "In the list of translations",
}


@dataclass(frozen=True)
class Key:
    """What can be done by a key: `action` in its place, `label` in the footer, `help` on the help screen.

    Without `keys` it is in the command palette alone.
    """

    id: str
    keys: str
    action: str
    label: str
    help: str
    footer: bool = False
    priority: bool = False  # before the widget that has the focus, which may use the key for something else
    palette: bool = True


KEYS: dict[Place, tuple[Key, ...]] = {
    "app": (
        Key("app.help", "f1", "help", "Help", "All keys", footer=True, priority=True),
        Key("app.chat", "f2", "tab('chat')", "Chat", "Go to the Chat tab", priority=True),
        Key("app.train", "f3", "tab('train')", "Train", "Go to the Train tab", priority=True),
        Key("app.translate", "f4", "tab('translate')", "Translate", "Go to the Translate tab", priority=True),
        Key("app.theme", "ctrl+t", "toggle_dark", "Dark/light", "Change between the dark and the light theme"),
        Key("app.palette", "ctrl+p", "command_palette", "Commands", "Find a command by its name", palette=False),
        Key("app.quit", "ctrl+q", "quit", "Quit", "Leave", footer=True, priority=True),
    ),
    "chat": (
        Key("chat.stop", "escape", "stop", "Stop", "Stop writing at once; the text stays", footer=True),
        Key("chat.go_on", "ctrl+n", "go_on", "Continue", "Let the model write on", footer=True),
        Key("chat.again", "ctrl+r", "again", "Again", "Write the last turn again, with another seed", footer=True),
        Key("chat.edit_prompt", "ctrl+l", "edit_prompt", "Edit", "Edit your last line and go on from there (also: up "
            "in an empty prompt)", footer=True),
        Key("chat.edit_text", "ctrl+o", "edit_text", "Edit text", "Edit the text itself and go on from it"),
        Key("chat.undo", "ctrl+z", "undo", "Undo", "Take back what cut the text: a rewind, an "
            "edit, a new text (in the prompt: where it is empty)"),
        Key("chat.redo", "", "redo", "Redo", "Bring back what an undo took"),
        Key("chat.turns", "", "turns", "Turns", "Let a model of turns answer, or write on as any other"),
        Key("chat.new", "f12", "new", "New", "Begin another text; the one before is kept"),
        Key("chat.save", "ctrl+s", "save", "Save", "Save the text, and every turn with seed and settings", footer=True),
        Key("chat.reopen", "", "reopen", "Reopen", "Go on with a saved text; the last one is always kept"),
        Key("chat.copy", "ctrl+g", "copy", "Copy", "Copy the text to the clipboard"),
        Key("chat.find", "ctrl+f", "find", "Find", "Find in the text", priority=True),
        Key("chat.model", "f5", "model", "Model", "Choose another model; it reads the text and goes on", footer=True),
        Key("chat.add_pane", "f6", "add_pane", "Compare", "One more pane beside, up to four, on the same prompt",
            priority=True),
        Key("chat.close_pane", "f7", "close_pane", "Close pane", "Close the pane that is active", priority=True),
        Key("chat.preset", "f8", "preset", "Preset", "Next preset: careful, balanced, wild", priority=True),
        Key("chat.surprise", "f9", "surprise", "Surprise", "Colour each token by its surprise, on or off"),
        Key("chat.panel", "ctrl+b", "panel", "Settings", "Show or hide the settings", priority=True),
    ),
    "prompt": (
        Key("prompt.send", "enter", "send", "Send", "Say the line; an empty one lets the model write on", footer=True,
            palette=False),
        Key("prompt.line_break", "ctrl+j", "line_break", "Line break", "Break the line", palette=False),
    ),
    "text": (
        Key("text.rewind", "enter", "rewind", "Rewind", "Cut the text off at the cursor and go on from there",
            footer=True, palette=False),
        Key("text.branch_1", "1", "branch(1)", "Branch", "Put the likeliest alternative here and go on from it (2 to 5 "
            "likewise)", footer=True, palette=False),
        *(Key(f"text.branch_{n}", str(n), f"branch({n})", "", "", palette=False) for n in (2, 3, 4, 5)),
    ),
    "train": (
        Key("train.start", "n", "start", "New", "Start a training: a form asks what and how", footer=True),
        Key("train.stop", "s", "stop", "Stop", "Stop the highlighted run; it is saved and can be resumed", footer=True),
        Key("train.resume", "r", "resume", "Resume", "Go on with the highlighted run; one that is done asks for a new "
            "budget", footer=True),
        Key("train.chat", "c", "chat", "Chat", "Chat with the highlighted run, or translate with it, as it is now",
            footer=True),
        Key("train.mark", "space", "mark", "Mark", "Keep the highlighted run in the charts, to compare others with it",
            footer=True),
        Key("train.unmark", "u", "unmark", "Unmark all", "Show the highlighted run alone"),
        Key("train.next", "right_square_bracket", "step(1)", "Next", "Show the next chart, or the texts", footer=True),
        Key("train.previous", "left_square_bracket", "step(-1)", "Previous", "Show the chart before"),
        Key("train.full", "z,enter", "full", "Zoom", "Give the chart all the room, and take it back", footer=True),
        Key("train.back", "escape", "back", "Back", "Back to the list of runs", palette=False),
    ),
    "translate": (
        Key("translate.stop", "escape", "stop", "Stop", "Translate no more until something changes", footer=True),
        Key("translate.matrix", "f9", "matrix", "Attention", "Show or hide what the words of a translation look back "
            "at", footer=True, priority=True),
        Key("translate.next_best", "ctrl+n", "next_best", "Next best", "Take the next best translation of the line",
            footer=True, priority=True),
        Key("translate.model", "f5", "model", "Model", "Choose another model; the text is translated anew", footer=True,
            priority=True),
        Key("translate.copy", "ctrl+g", "copy", "Copy", "Copy the translation, or what is selected", footer=True),
        Key("translate.save", "ctrl+s", "save", "Save", "Save source and translation, a row for each line",
            footer=True),
        Key("translate.new", "f12", "new", "New", "Begin another text; the one before is kept"),
        Key("translate.open", "ctrl+o", "open", "Open", "Translate a text file, or a text that was kept"),
        Key("translate.panel", "ctrl+b", "panel", "Settings", "Show or hide the other translations and the settings",
            priority=True),
    ),
    "hypotheses": (
        Key("hypotheses.take", "enter", "select", "Take", "Put the translation into the text", footer=True,
            palette=False),
    ),
}  # fmt: skip


def bindings(place: Place) -> list[BindingType]:
    """The key bindings of a place, for the `BINDINGS` of its widget."""
    return [
        Binding(key.keys, key.action, key.label or key.id, show=key.footer, priority=key.priority, id=key.id)
        for key in KEYS[place]
        if key.keys
    ]


def known_keys() -> dict[str, str]:
    """The ids of the table that a keymap may name, with their keys."""
    return {key.id: key.keys for keys in KEYS.values() for key in keys}


def keymap_problems(keymap: Mapping[str, str], known: Mapping[str, str]) -> list[str]:
    """What is wrong with a keymap; `known` gives the keys of every id there is."""
    problems = [f"keymap: there is no key called {name!r}" for name in keymap if name not in known]
    mapped = {**known, **{name: keys for name, keys in keymap.items() if name in known}}
    for tab in ("chat.", "translate."):  # others are for one widget alone
        taken: dict[str, str] = {}
        for name in (name for name in mapped if name.startswith(("app.", tab))):
            for key in mapped[name].split(","):
                other = taken.setdefault(key, name) if key else name
                problem = f"keymap: {key} is the key of both {other} and {name}"
                if other != name and problem not in problems:
                    problems.append(problem)
    for name, keys in keymap.items():
        for key in keys.split(","):
            *modifiers, base = key.split("+") if len(key) > 1 else [key]
            if not set(modifiers) <= _MODIFIERS or not (len(base) == 1 or base in _NAMES):
                problems.append(f"keymap: {name} is given {key!r}, which is no key; one is called ctrl+x or f11")
    return problems
