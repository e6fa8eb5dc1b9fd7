"""Dialog that asks for a new budget for a run that is done."""

from __future__ import annotations

import re
from typing import Any

from textual.app import App

from rnntui.config import DEFAULT_MINUTES, Budget
from rnntui.errors import UsageError
from rnntui.sessions.training_form import parse_number
from rnntui.settings import flag_of, settings_of

_ABBREVIATIONS = {"m": "minutes", "min": "minutes", "e": "epochs", "s": "steps"}


async def ask_budget(app: App[Any], budget: Budget) -> list[str] | None:
    """Ask until the answer is a budget or the dialog is cancelled; return the budget's flag and value, or None.

    `budget` is the run's budget so far; twice as much is proposed.
    """
    from rnntui.tui.screens.dialogs import AskScreen

    unit, text = doubled(budget)
    question = "The run is done. New budget for the whole run (minutes, epochs or steps):"
    while True:
        answer = await app.push_screen_wait(AskScreen(question, text))
        if not answer:
            return None
        try:
            return parse_budget(answer, unit)
        except UsageError as error:
            text, question = answer, str(error)


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
            return unit, f"{2 * value:.10g} {unit}"
    return "minutes", f"{2 * DEFAULT_MINUTES:g} minutes"
