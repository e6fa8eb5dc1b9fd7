"""Dialog that saves a chart as an SVG or PNG file."""

from __future__ import annotations

from typing import Any

from textual.app import App

from rnntui.charts.svg import ChartDrawing
from rnntui.sessions.chart_files import save_chart, suggested_chart
from rnntui.tui.screens.dialogs import AskScreen


async def export_chart(app: App[Any], drawing: ChartDrawing) -> None:
    """Ask for a file name, and save the chart; a notification has its path. Only a worker can wait for a dialog."""
    if not drawing.curves:
        app.notify("There is nothing to save yet.", severity="warning", markup=False)
        return

    def save(name: str, confirmed: bool) -> None:
        path = save_chart(name, [drawing], confirmed=confirmed)
        app.notify(str(path), title="Chart saved", markup=False)

    question = "Save the chart as (an .svg or a .png file)"
    await app.push_screen_wait(AskScreen(question, suggested_chart(drawing.heading), save))
