"""The key table: footer, help screen, command palette and keymap are all made from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingType
from textual.keys import Keys, format_key

from rnntui.tui.tabs import TABS

_MODIFIERS = {"ctrl", "alt", "shift", "super", "meta", "hyper"}
_NAMES = {key.value for key in Keys}

CONTEXTS = {
    "app": "Everywhere",
    "prompt": "Prompt",
    "text": "Text (Tab or a click goes there)",
    "settings": "Settings (Tab or a click goes there)",
    "hypotheses": "List of translations",
    "aside": "Translation, list of translations, settings and attention",
    "labels": "List of labels",
    "explanation": "Labels of the lines, list of labels and explanation",
}
"""Titles of the contexts other than tabs. Each tab is a context too, under its id, with its own title."""


@dataclass(frozen=True)
class Key:
    """A key binding: `action` of the widget of its context, `label` for the footer, `help` for the help screen.

    Without `keys` it is in the command palette only. The footer shows, as far as its width goes, first the keys with
    `footer`, those of the focused widget before those of its tab, each in the order of the table; then the others.
    """

    id: str
    keys: str
    action: str
    label: str
    help: str
    footer: bool = False
    pinned: bool = False  # always in the footer, at its right end
    priority: bool = False  # handled before the focused widget, which may use the key for something else
    palette: bool = True


def app_keys() -> tuple[Key, ...]:
    """Return the keys that work everywhere, with those of the table of tabs."""
    tabs = (
        Key(f"app.{tab.id}", tab.key, f"tab('{tab.id}')", tab.title, f"Go to the {tab.title} tab", priority=True)
        for tab in TABS.values()
    )
    return (
        Key("app.help", "f1", "help", "Help", "Show and search all keys", pinned=True, priority=True),
        *tabs,
        Key("app.palette", "ctrl+p", "command_palette", "Commands", "Find a command by the words of its name or help, "
            "and run it", footer=True, palette=False),
        Key("app.theme", "ctrl+t", "toggle_dark", "Dark/light", "Switch between the dark and the light theme"),
        Key("app.screenshot", "alt+s", "screenshot", "Screenshot", "Save a picture of the screen (SVG) in the current "
            "folder", priority=True),
        Key("app.dismiss", "", "dismiss_notifications", "Close notifications", "Close the notifications at the top "
            "right; Esc closes them too"),
        Key("app.quit", "ctrl+q", "quit", "Quit", "Quit; texts are saved", pinned=True, priority=True),
    )  # fmt: skip


KEYS: dict[str, tuple[Key, ...]] = {
    "app": app_keys(),
    "chat": (
        Key("chat.stop", "escape", "stop", "Stop", "Stop generating at once; the text stays. Also goes back to the "
            "prompt from the text, the sliders and the find bar", footer=True),
        Key("chat.go_on", "ctrl+n", "generate", "Continue", "Let the model continue", footer=True),
        Key("chat.again", "ctrl+r", "regenerate", "Again", "Generate the last turn again with another seed; the "
            "previous version is kept", footer=True),
        Key("chat.edit_prompt", "ctrl+l", "edit_prompt", "Edit", "Take your last line back into the prompt to edit it; "
            "Esc puts it back", footer=True),
        Key("chat.model", "f5", "model", "Model", "Choose another model; it reads the text and continues", footer=True,
            priority=True),
        Key("chat.save", "ctrl+s", "save", "Save", "Save the text, and every turn with seed and settings", footer=True,
            priority=True),
        Key("chat.reopen", "ctrl+o", "reopen", "Saved texts", "List the saved texts: search, open, rename, delete; or "
            "open a text file", priority=True),
        Key("chat.new", "f12", "new", "New", "Begin a new text; the current one stays saved"),
        Key("chat.add_pane", "f6", "add_pane", "Compare", "Add a pane with the same prompt, up to four", priority=True),
        Key("chat.close_pane", "f7", "close_pane", "Close pane", "Close the active pane", priority=True),
        Key("chat.previous_version", "alt+left", "version(-1)", "Previous version", "Go back to the previous version "
            "of the last turn, as it was before it was generated again"),
        Key("chat.next_version", "alt+right", "version(1)", "Next version", "Go to the next version of the last turn"),
        Key("chat.branches", "alt+t", "branches", "Branches", "List the branches of the text and its bookmarks: go to "
            "one, compare, rename, delete", priority=True),
        Key("chat.bookmark", "alt+m", "bookmark", "Bookmark", "Set a bookmark at the cursor in the text, else at its "
            "end; where there is one, rename it", priority=True),
        Key("chat.compare_branches", "", "compare_branches", "Compare branches", "Show the branch left last beside the "
            "present one, from where they part"),
        Key("chat.edit_text", "f10,alt+e", "edit_text", "Edit text", "Edit the text itself and continue from it",
            priority=True),
        Key("chat.undo", "ctrl+z", "undo", "Undo", "Undo the last rewind, edit, new text or change of branch (in the "
            "prompt: while it is empty)"),
        Key("chat.redo", "ctrl+y", "redo", "Redo", "Redo what was undone (in the prompt: while it is empty)"),
        Key("chat.turns", "", "turns", "Turns", "With a model trained on dialogue, switch between answers and "
            "continuing the text"),
        Key("chat.learning", "alt+l", "learning", "Learn", "Let the model learn from what you write, for this text "
            "alone; again: forget it. The run stays as it is"),
        Key("chat.copy", "ctrl+g", "copy", "Copy", "Copy the text to the clipboard"),
        Key("chat.find", "ctrl+f", "find", "Find", "Find in the text", priority=True),
        Key("chat.preset", "f8", "preset", "Preset", "Next preset: careful, balanced, wild", priority=True),
        Key("chat.surprisal", "f9", "surprisal", "Surprisal", "Shade each token by its surprisal, on or off"),
        Key("chat.units", "alt+u", "units", "Units", "Colour the text by a unit of the model: choose what it tracks, "
            "or no colours", priority=True),
        Key("chat.copies", "alt+k", "copies", "Copies", "Shade what the model copied from its training text: "
            "the longer the copy, the darker; with the cursor on one: where it stands", priority=True),
        Key("chat.previous_unit", "alt+up", "unit(-1)", "Previous unit", "Colour the text by the unit before, of those "
            "that track the same"),
        Key("chat.next_unit", "alt+down", "unit(1)", "Next unit", "Colour the text by the next unit of those that "
            "track the same"),
        Key("chat.panel", "ctrl+b", "panel", "Settings", "Show or hide the settings", priority=True),
    ),
    "prompt": (
        Key("prompt.send", "enter", "send", "Send", "Send the line; an empty one lets the model continue", footer=True,
            palette=False),
        Key("prompt.put_back", "escape", "put_back", "Put it back", "After Ctrl+L: put the line back into the text, "
            "and what you had typed back into the prompt", footer=True, palette=False),
        Key("prompt.older", "up", "older", "Earlier line", "In the first row: the previous line that you sent, also "
            "from earlier sessions", palette=False),
        Key("prompt.newer", "down", "newer", "Later line", "In the last row: the next line that you sent, and finally "
            "the one that you were typing", palette=False),
        Key("prompt.line_break", "ctrl+j", "line_break", "Line break", "Insert a line break", palette=False),
    ),
    "text": (
        Key("text.rewind", "enter", "rewind", "Rewind", "Cut off the text after the cursor and continue from there",
            footer=True, palette=False),
        Key("text.branch_1", "1", "branch(1)", "to 5: branch", "While the alternatives at the cursor are shown: "
            "replace the token by the most probable one and continue from it (2 to 5: the next ones)", footer=True,
            palette=False),
        *(Key(f"text.branch_{n}", str(n), f"branch({n})", "", "", palette=False) for n in (2, 3, 4, 5)),
        Key("text.leave", "escape", "leave", "Prompt", "Stop generating and go back to the prompt, as does typing",
            footer=True, palette=False),
    ),
    "settings": (
        Key("settings.leave", "escape", "leave", "Prompt", "Stop generating and go back to the prompt, as does typing "
            "anything but a number", footer=True, palette=False),
    ),
    "train": (
        Key("train.back", "escape", "back", "List", "Go back to the list of runs; in the list, clear the filter",
            footer=True, palette=False),
        Key("train.start", "n", "start", "New", "Start a run: a form asks for the settings", footer=True),
        Key("train.stop", "s", "stop", "Stop", "Stop the highlighted run; it is saved and can be resumed", footer=True),
        Key("train.resume", "r", "resume", "Resume", "Resume the highlighted run; a finished one asks for a new budget",
            footer=True),
        Key("train.chat", "c", "chat", "Use", "Chat, translate or classify with the highlighted run, as it is now",
            footer=True),
        Key("train.inspect", "i", "inspect", "Inspect", "Look inside the highlighted run: gradients, context, …"),
        Key("train.mark", "space", "mark", "Mark", "Mark the highlighted run: it stays in the charts, to "
            "compare others with it", footer=True),
        Key("train.next", "right_square_bracket", "step(1)", "Next", "Show the next chart, the samples or About",
            footer=True),
        Key("train.manage", "m", "manage", "Manage", "Choose what to do with the highlighted run: rename, delete, …",
            footer=True),
        Key("train.full", "z,enter", "full", "Zoom", "Show the chart, samples or About alone, or the list again",
            footer=True),
        Key("train.filter", "slash", "filter", "Filter", "List only the runs that match the words typed",
            priority=True),
        Key("train.sort", "o", "sort", "Sort", "Sort the list by age, name, score or state"),
        Key("train.compare", "v", "compare", "Compare", "Compare the marked runs: results and differing options"),
        Key("train.rename", "R", "rename", "Rename", "Rename the highlighted run"),
        Key("train.delete", "d,delete", "delete", "Delete", "Delete the highlighted run, after confirmation"),
        Key("train.note", "N", "note", "Note", "Write a note on the highlighted run, shown in About and found by the "
            "filter"),
        Key("train.tunings", "t", "tunings", "Tuning", "Show the searches of rnntui tune: their trials, as they come"),
        Key("train.unmark", "u", "unmark", "Unmark all", "Show only the highlighted run in the charts"),
        Key("train.previous", "left_square_bracket", "step(-1)", "Previous", "Show the previous chart"),
    ),
    "translate": (
        Key("translate.stop", "escape", "stop", "Stop", "Stop translating until the text or a setting changes",
            footer=True),
        Key("translate.next_best", "ctrl+n", "next_best", "Next best", "Use the next best translation of the line",
            footer=True, priority=True),
        Key("translate.matrix", "f9", "matrix", "Attention", "Show or hide the attention matrix of the sentence at the "
            "cursor", footer=True, priority=True),
        Key("translate.model", "f5", "model", "Model", "Choose another model and translate the text with it",
            footer=True, priority=True),
        Key("translate.save", "ctrl+s", "save", "Save", "Save source and translation as a table, one row for each line",
            footer=True),
        Key("translate.open", "ctrl+o", "open", "Saved texts", "List the saved texts: search, open, rename, delete; or "
            "translate a text file", footer=True),
        Key("translate.copy", "ctrl+g", "copy", "Copy", "Copy the translation, or the selection, to the "
            "clipboard", footer=True),
        Key("translate.new", "f12", "new", "New", "Begin a new text; the current one stays saved"),
        Key("translate.panel", "ctrl+b", "panel", "Panel", "Show or hide the list of translations and the settings",
            priority=True),
    ),
    "aside": (
        Key("aside.back", "escape", "back", "Source", "Go back to the source; typing goes there too", footer=True,
            palette=False),
    ),
    "classify": (
        Key("classify.stop", "escape", "stop", "Stop", "Stop classifying until the text changes", footer=True),
        Key("classify.shading", "f9", "shading", "Shading", "Shade the line at the cursor by the next measure: share "
            "in the decision, gradient × input, n-grams, attention, or none", footer=True, priority=True),
        Key("classify.doubtful", "ctrl+n", "next_doubtful", "Next doubtful", "Go to the next line whose first two "
            "labels are nearly as probable", footer=True, priority=True),
        Key("classify.model", "f5", "model", "Model", "Choose another classifier and classify the text with it",
            footer=True, priority=True),
        Key("classify.save", "ctrl+s", "save", "Save", "Save the lines with label and probability, as a table or as "
            "JSON lines", footer=True),
        Key("classify.open", "ctrl+o", "open", "Saved texts", "List the saved texts: search, open, rename, delete; or "
            "classify the lines of a text file", footer=True),
        Key("classify.copy", "ctrl+g", "copy", "Copy", "Copy the lines with label and probability, or the selection, "
            "to the clipboard", footer=True),
        Key("classify.new", "f12", "new", "New", "Begin a new text; the current one stays saved"),
        Key("classify.panel", "ctrl+b", "panel", "Panel", "Show or hide the labels and the explanation of the line at "
            "the cursor", priority=True),
    ),
    "inspect": (
        Key("inspect.stop", "escape", "stop", "Stop", "Stop computing; leave the line for the text", footer=True),
        Key("inspect.back", "left", "move(-1)", "Back", "In One step: go to the token before", footer=True),
        Key("inspect.on", "right", "move(1)", "On", "In One step: go to the next token", footer=True),
        Key("inspect.next", "right_square_bracket", "step(1)", "Next view", "Show the next view of the model",
            footer=True),
        Key("inspect.previous", "left_square_bracket", "step(-1)", "Previous view", "Show the previous view"),
        Key("inspect.model", "f5", "model", "Model", "Choose the model to look into", footer=True),
        Key("inspect.add", "f6", "add_run", "Compare", "Add another model to the view", footer=True),
        Key("inspect.remove", "f7", "remove_run", "Remove", "Take away the model that was added last", footer=True),
        Key("inspect.text", "t", "edit_text", "Text", "Type the text that the view is computed from", footer=True),
        Key("inspect.compute", "enter", "compute", "Compute", "Compute the view again after a stop or an error"),
        Key("inspect.export", "e", "export", "Save", "Save the picture as an SVG or PNG file", footer=True),
        Key("inspect.copy", "ctrl+g", "copy", "Copy", "Copy the sentences to the clipboard"),
    ),
    "explanation": (
        Key("explanation.back", "escape", "back", "Text", "Go back to the text; typing goes there too", footer=True,
            palette=False),
    ),
    "labels": (
        Key("labels.explain", "enter", "select", "Explain", "Explain this label: what speaks for it and against it",
            footer=True, palette=False),
        Key("labels.next_line", "n", "next_line", "Next line", "Go to the next line with this label", footer=True,
            palette=False),
    ),
    "hypotheses": (
        Key("hypotheses.take", "enter", "select", "Take", "Use this translation in the text", footer=True,
            palette=False),
    ),
}  # fmt: skip


def title_of(context: str) -> str:
    """Return the title of a context for the help screen."""
    return TABS[context].title if context in TABS else CONTEXTS[context]


_SHORT_NAMES = {
    "escape": "Esc", "enter": "Enter", "space": "Space", "tab": "Tab", "up": "↑", "down": "↓", "left": "←",
    "right": "→", "pageup": "PgUp", "pagedown": "PgDn", "home": "Home", "end": "End", "delete": "Del",
    "backspace": "Backspace",
}  # fmt: skip


def key_name(key: str, *, compact: bool = False) -> str:
    """Return a key as keyboards and documents write it: `ctrl+n` as Ctrl+N, or as ^N if `compact`; `f1` as F1."""
    *modifiers, base = key.split("+") if len(key) > 1 else [key]
    name = _SHORT_NAMES.get(base) or format_key(base)
    if modifiers or (base[:1] == "f" and base[1:].isdecimal()):
        name = name if len(name) > 3 or name in _SHORT_NAMES.values() else name.upper()
    if compact and modifiers == ["ctrl"]:
        return f"^{name}"
    return "+".join([*(modifier.capitalize() for modifier in modifiers), name])


def key_names(keys: str) -> str:
    """Return the names of keys that are separated by commas, as in a `Key`."""
    return ", ".join(key_name(key.strip()) for key in keys.split(",") if key.strip())


def bindings(context: str) -> list[BindingType]:
    """Return the key bindings of a context, for the `BINDINGS` of its widget."""
    return [
        Binding(
            key.keys, key.action, key.label or key.id, show=key.footer or key.pinned, priority=key.priority, id=key.id
        )
        for key in KEYS[context]
        if key.keys
    ]


def known_keys() -> dict[str, str]:
    """Return the keys of every id of the table, which a keymap may replace."""
    return {key.id: key.keys for keys in KEYS.values() for key in keys}


def keymap_problems(keymap: Mapping[str, str], known: Mapping[str, str]) -> list[str]:
    """Return the problems of a keymap. `known` maps every id to its default keys."""
    problems = [f"keymap: there is no key called {name!r}" for name in keymap if name not in known]
    mapped = {**known, **{name: keys for name, keys in keymap.items() if name in known}}
    for tab in TABS:  # the other contexts are single widgets
        taken: dict[str, str] = {}
        for name in (name for name in mapped if name.startswith(("app.", f"{tab}."))):
            for key in mapped[name].split(","):
                other = taken.setdefault(key, name) if key else name
                problem = f"keymap: {key} is the key of both {other} and {name}"
                if other != name and problem not in problems:
                    problems.append(problem)
    for name, keys in keymap.items():
        for key in keys.split(","):
            *modifiers, base = key.split("+") if len(key) > 1 else [key]
            if not set(modifiers) <= _MODIFIERS or not (len(base) == 1 or base in _NAMES):
                problems.append(f"keymap: {name} is set to {key!r}, which is not a key; keys are ctrl+x or f11")
    return problems
