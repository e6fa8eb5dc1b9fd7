"""From every state of the tabs with an editor, keys that are shown on the screen lead back to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chatting import chatting
from fake_classifier import FakeClassifier
from fake_translator import FakeTranslator
from line_tabs import using_classify, using_translate
from textual.app import App
from textual.pilot import Pilot
from textual.widget import Widget
from tiny_runs import make_run
from waiting import wait_until

from rnntui.tui.footer import KeyFooter

DIALOGS = ["f1", "ctrl+p", "ctrl+s", "ctrl+o"]
TOGGLES = ["ctrl+b", "f9"]


def screen_text(app: App[Any]) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def assert_esc_leads_to(home: Widget, pilot: Pilot[None], state: str) -> None:
    """Assert that the screen shows Esc until the home state is reached, and that Esc leads there."""
    for _ in range(3):
        if len(pilot.app.screen_stack) == 1 and pilot.app.focused is home:
            return
        shown = screen_text(pilot.app)
        if not pilot.app.screen.is_modal:
            shown = shown.split("\n")[-1]
        assert "Esc" in shown, state
        await pilot.press("escape")
        await pilot.pause()
    raise AssertionError(f"no way back from {state}:\n{screen_text(pilot.app)}")


async def walk(pilot: Pilot[None], home: Widget, others: list[str]) -> None:
    app = pilot.app
    await wait_until(pilot, lambda: app.query(KeyFooter))
    for key in DIALOGS + others:
        await pilot.press(key)
        await wait_until(pilot, lambda: len(app.screen_stack) == 2 or app.focused is not home)
        await pilot.pause()
        await assert_esc_leads_to(home, pilot, key)
    for key in TOGGLES:
        await pilot.press(key)  # hides or shows a part
        app.screen.focus_chain[-1].focus()
        await pilot.pause()
        await assert_esc_leads_to(home, pilot, key)
        app.screen.focus_chain[-1].focus()
        await pilot.press(key)  # a part that is hidden while it has the focus gives it back
        await pilot.pause()
        assert app.focused is not None and app.focused.region.area, key
        await assert_esc_leads_to(home, pilot, f"{key} again")


async def test_chat(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", "tiny")
    async with chatting(tmp_path / "runs") as user:
        await wait_until(user.pilot, lambda: user.app.query("Slider"))
        await user.say("Hello")
        await user.write()
        await walk(user.pilot, user.chat.prompt, ["f5", "f10", "ctrl+f"])


async def test_translate(tmp_path: Path) -> None:
    async with using_translate(tmp_path, FakeTranslator()) as user:
        await user.fill("one two")
        await user.work()
        await walk(user.pilot, user.tab.editor, [])


async def test_classify(tmp_path: Path) -> None:
    async with using_classify(tmp_path, FakeClassifier()) as user:
        await user.fill("warmth and dull")
        await user.work()
        await walk(user.pilot, user.tab.editor, [])
