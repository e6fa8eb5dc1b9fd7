"""Asking for a new budget for a run that is done."""

from __future__ import annotations

from typing import Any

from textual.app import App

from rnntui.config import Budget
from rnntui.errors import UsageError
from rnntui.tui.train.settings import budget_from, doubled


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
