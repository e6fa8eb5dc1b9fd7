"""Asking for a new budget for a run that is done."""

from __future__ import annotations

import re
from typing import Any

from textual.app import App

from rnntui.config import DEFAULT_MINUTES, Budget, described_settings, flag_of
from rnntui.errors import UsageError
from rnntui.sessions.training_form import parse_number

_UNITS = {"m": "minutes", "min": "minutes", "e": "epochs", "s": "steps"}


async def ask_budget(app: App[Any], budget: Budget) -> list[str] | None:
    """Ask until the answer is a budget; gives its flag and value, or None if the person thinks better of it.

    `budget` is the one that the run had; twice as much is proposed.
    """
    from rnntui.tui.screens.dialogs import AskScreen

    unit, text = doubled(budget)
    question = "It is done. Train on, to how much in all? (minutes, epochs or steps)"
    while True:
        answer = await app.push_screen_wait(AskScreen(question, text))
        if not answer:
            return None
        try:
            return budget_from(answer, unit)
        except UsageError as error:
            text, question = answer, str(error)


def budget_from(text: str, unit: str) -> list[str]:
    """The flag and value of a budget such as `10 minutes`, `4 epochs` or `20000 steps`; a bare number is of `unit`.

    Raises `UsageError` if it is none.
    """
    match = re.fullmatch(r"\s*(\d{1,3}(?:,\d{3})+|[\d._]+)\s*([a-z]*)\s*", text.lower())
    word = (match[2] or unit) if match else ""
    name = _UNITS.get(word) or next((n for n in described_settings(Budget) if word and n.startswith(word)), None)
    if match is None or name is None:
        raise UsageError(f"a budget is a number of minutes, epochs or steps, such as 10 minutes (got {text[:40]!r})")
    value = parse_number(match[1].replace(",", "").replace("_", ""))
    values: dict[str, Any] = {name: value}
    Budget(**values)
    return [flag_of(name), str(value)]


def doubled(budget: Budget) -> tuple[str, str]:
    """The unit of a budget, and a text for twice as much of it."""
    for unit in described_settings(Budget):
        value = getattr(budget, unit)
        if value is not None:
            return unit, f"{2 * value:.10g} {unit}"
    return "minutes", f"{2 * DEFAULT_MINUTES:g} minutes"
