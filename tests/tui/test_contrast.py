"""All text on the screen has the contrast that WCAG 2 asks for, in the dark theme and in the light one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_snapshots import app_of, classifying, runs, translating, with_text  # noqa: F401
from textual.app import App
from textual.color import Color
from waiting import wait_until

from rnntui.tui.footer import KeyFooter
from rnntui.tui.themes import DARK, LIGHT
from rnntui.tui.widgets.colours import contrast

DECORATION = set("─│╸▏▎▌▕┬┴├┤┼·╭╮╰╯▁▂▃▄▅▆▇▔▊")  # lines between parts, and where a scale is empty
MARKS = set("━▓▒░█●•▼▲❯★") | {chr(code) for code in range(0x2800, 0x2900)}
TEXT_CONTRAST, MARK_CONTRAST = 4.5, 3.0
DIMMED = 0.66  # how far Textual's "dim" is from the background


def illegible(app: App[Any]) -> dict[str, str]:
    """Return the texts of the screen with too little contrast; with a dialog open, those of the dialog."""
    dialogs = list(app.screen.query(".dialog, #--container")) if app.screen.is_modal else []
    region = dialogs[0].region if dialogs else app.screen.region
    problems = {}
    for strip in app.screen._compositor.render_strips()[region.y : region.bottom]:
        for segment in strip.crop(region.x, region.right):
            characters, style = set(segment.text) - {" "}, segment.style
            if style is None or style.color is None or style.bgcolor is None or characters <= DECORATION:
                continue
            ink, paper = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
            ink = paper.blend(ink, DIMMED) if style.dim else ink
            ratio = contrast(ink, paper)
            if ratio < (MARK_CONTRAST if characters <= MARKS | DECORATION else TEXT_CONTRAST):
                problems[segment.text] = f"{ink.hex} on {paper.hex}: {ratio:.1f}"
    return problems


@pytest.mark.parametrize("theme", [DARK, LIGHT])
async def test_every_text_is_legible(runs: Path, theme: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("rnntui.runs.lookup.shipped_runs", list)
    app = app_of(runs)
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        app.theme = theme
        await wait_until(pilot, lambda: app.query(KeyFooter))
        assert not illegible(app), "placeholder"
        await with_text(pilot)
        await pilot.press("f9")
        app.query("Slider").first().focus()
        app.notifications.error("cannot be saved", title="Not saved")
        app.notifications.warn("There is nothing to save yet.", title="Empty")
        app.notifications.info("Copied.", title="Copied")
        await pilot.pause(0.1)
        assert len(app.screen.query("Toast")) == 3
        assert not illegible(app), "text, slider and notifications"
        await pilot.press("escape", "ctrl+f", *"to be")
        await pilot.pause()
        assert not illegible(app), "find bar"
        await pilot.press("escape", "f6")
        for key in ("f1", "ctrl+p", "ctrl+s", "f5"):
            await pilot.press(key)
            await wait_until(pilot, lambda: len(app.screen_stack) == 2)
            await pilot.pause(0.1)
            assert not illegible(app), key
            await pilot.press("escape")
            await wait_until(pilot, lambda: len(app.screen_stack) == 1)
        await translating(pilot)
        await pilot.press("f9", "tab", "tab")
        await pilot.pause()
        assert not illegible(app), "translation and attention"
        await pilot.press("f2")
        await classifying(pilot)
        for key in ("tab", "tab", "tab", "tab", "shift+tab"):
            await pilot.pause()
            assert not illegible(app), "labels and explanation"
            await pilot.press(key)
