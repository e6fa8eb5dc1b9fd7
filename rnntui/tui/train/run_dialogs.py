"""Dialogs of the Train tab that manage a run; the screens are imported when the first one opens."""

from __future__ import annotations

import re
from typing import Any

from textual.app import App

from rnntui.runs.comparison import Comparison
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.sessions.training_session import TrainingSession
from rnntui.text.control_chars import one_line
from rnntui.tui.keys import KEYS, key_name

_MANAGING = ("rename", "note", "delete", "compare", "unmark", "tunings", "sort", "filter")  # actions of the menu
_MAX_HELP = 53  # characters that a row of the menu has for it


async def choose_action(app: App[Any], name: str) -> str | None:
    """Offer actions on the run of a name and on the list, each with its key; return the one chosen, or None."""
    from rnntui.tui.screens.dialogs import PickScreen

    commands = sorted(
        (key for key in KEYS["train"] if key.action in _MANAGING), key=lambda key: _MANAGING.index(key.action)
    )
    # The keys as a keymap may have set them; of a command with two keys, the first.
    keys = {active.binding.id: key for key, active in reversed(app.screen.active_bindings.items())}
    shortcuts = [keys.get(command.id, "") for command in commands]
    choices = [
        f"{command.label:10s} {key_name(key) if key else '':1s} {_short(command.help)}"
        for command, key in zip(commands, shortcuts, strict=True)
    ]
    index = await app.push_screen_wait(PickScreen(f"Run {one_line(name)}", choices, keys=shortcuts))
    return None if index is None else commands[index].action


def _short(help_text: str) -> str:
    """Return a help text, or its first part if it is too long for a row."""
    return help_text if len(help_text) <= _MAX_HELP else re.split("[,:;] ", help_text)[0]


async def ask_name(app: App[Any], session: TrainingSession, run: WatchedRun) -> str | None:
    """Ask for a new name of a run and rename it; return its new path, or None if the dialog was cancelled."""
    from rnntui.tui.screens.dialogs import AskScreen

    paths: list[str] = []

    def rename(name: str, confirmed: bool) -> None:
        paths.append(session.rename(run, name.strip()))

    await app.push_screen_wait(AskScreen(f"New name of run {one_line(run.name)}:", run.name, rename))
    return paths[0] if paths else None


async def confirm_deletion(app: App[Any], question: str) -> bool:
    """Return True if the question was answered by deleting the run."""
    from rnntui.tui.screens.dialogs import PickScreen

    return await app.push_screen_wait(PickScreen(one_line(question), ["Keep it", "Delete it"])) == 1


async def ask_note(app: App[Any], session: TrainingSession, run: WatchedRun) -> None:
    """Edit the note on a run."""
    from rnntui.tui.screens.dialogs import AskScreen

    def write(text: str, confirmed: bool = True) -> None:
        session.write_note(run, text)

    question = f"Note on run {one_line(run.name)} (leave it empty for none):"
    await app.push_screen_wait(AskScreen(question, run.summary.note, write, typing_replaces=False, keep=write))


async def show_comparison(app: App[Any], comparison: Comparison) -> None:
    """Show runs side by side."""
    from rnntui.tui.train.comparison_screen import ComparisonScreen

    await app.push_screen(ComparisonScreen(comparison))
