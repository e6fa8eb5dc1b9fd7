"""Dialog that asks for a new budget for a run that is done."""

from __future__ import annotations

import re
from typing import Any

from textual.app import App

from rnntui.config import DEFAULT_MINUTES, Budget
from rnntui.errors import UsageError
from rnntui.sessions.run_watcher import WatchedRun
from rnntui.sessions.training_form import parse_number
from rnntui.settings import flag_of, settings_of
from rnntui.text.control_chars import one_line

_ABBREVIATIONS = {"m": "minutes", "min": "minutes", "e": "epochs", "s": "steps"}


async def ask_budget(app: App[Any], run: WatchedRun) -> list[str] | None:
    """Ask for the new budget of a run that is done; return its flag and value, or None if the dialog is cancelled.

    Twice the budget so far is proposed. A text that is no budget, or one that is used up, is refused in the dialog.
    """
    from rnntui.tui.screens.dialogs import AskScreen

    unit, text = doubled(run.budget or Budget())

    def check(line: str, confirmed: bool) -> None:
        check_not_spent(parse_budget(line, unit), run)

    question = f"{one_line(run.name)} is done. New total budget (minutes, epochs or steps):"
    answer = await app.push_screen_wait(AskScreen(question, text, check))
    return None if answer is None else parse_budget(answer, unit)


def check_not_spent(budget: list[str], run: WatchedRun) -> None:
    """Raise `UsageError` if a run has used up a budget, given as flag and value, already."""
    flag, value = budget
    minutes = run.status.seconds / 60 if run.status else 0.0
    if (flag == flag_of("steps") and float(value) <= run.step) or (
        flag == flag_of("minutes") and float(value) <= minutes
    ):
        raise UsageError(f"the run has trained for {run.step:,} steps and {minutes:.3g} minutes; enter more in all")


def parse_budget(text: str, default_unit: str) -> list[str]:
    """Return the flag and value of a budget such as `10 minutes`, `4 epochs` or `20000 steps`.

    Raises `UsageError` if the text is not a budget.
    """
    match = re.fullmatch(r"\s*(\d{1,3}(?:,\d{3})+|[\d._]+)\s*([a-z]*)\s*", text.lower())
    word = (match[2] or default_unit) if match else ""
    units = [unit for unit in settings_of(Budget) if word and unit.startswith(word)]
    unit = _ABBREVIATIONS.get(word) or next(iter(units), None)
    if match is None or unit is None:
        raise UsageError(f"a budget is a number of minutes, epochs or steps, such as 10 minutes (got {text[:40]!r})")
    value = parse_number(match[1].replace(",", "").replace("_", ""))
    values: dict[str, Any] = {unit: value}
    Budget(**values)  # checks the bounds
    return [flag_of(unit), str(value)]


def doubled(budget: Budget) -> tuple[str, str]:
    """Return the unit of a budget, and twice the budget as text."""
    for unit in settings_of(Budget):
        value = getattr(budget, unit)
        if value is not None:
            return unit, f"{2 * value:.10g} {unit if 2 * value != 1 else unit.removesuffix('s')}"
    return "minutes", f"{2 * DEFAULT_MINUTES:g} minutes"
