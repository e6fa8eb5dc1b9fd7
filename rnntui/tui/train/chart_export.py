"""Dialog that saves a chart as an SVG or PNG file."""

from __future__ import annotations

from typing import Any

from textual.app import App

from rnntui.charts.svg import ChartDrawing, render_svg
from rnntui.sessions.chart_files import save_image, suggested_chart
from rnntui.tui.notifications import Notifications
from rnntui.tui.screens.dialogs import AskScreen


async def export_chart(app: App[Any], drawing: ChartDrawing) -> None:
    """Ask for a file name, and save the chart; see `export_image`."""
    if not drawing.curves:
        Notifications(app.notify).warn("There is nothing to save yet.")
        return
    await export_image(app, render_svg([drawing]), suggested_chart(drawing.heading))


async def export_image(app: App[Any], svg: str, suggested: str) -> None:
    """Ask for a file name, and save an image; a notification has its path. Only a worker can wait for a dialog.

    Args:
        app: the app.
        svg: the image as an SVG document.
        suggested: the suggested name.
    """

    def save(name: str, confirmed: bool) -> None:
        path = save_image(name, svg, suggested, confirmed=confirmed)
        Notifications(app.notify).info(str(path), title="Chart saved")

    question = "Save the chart as (an .svg or a .png file)"
    await app.push_screen_wait(AskScreen(question, suggested, save))
