"""The views of units and steps in the Inspect tab."""

from __future__ import annotations

from pathlib import Path

import pytest
from bracket_counter import bracket_run
from textual.widgets import Input
from waiting import wait_until

from rnntui.tui.app import RnntuiApp
from rnntui.tui.inspect.tab import InspectTab


async def test_left_and_right_go_through_the_text_and_a_text_is_coloured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnntui.inspection.probe_reading.PROBE_TOKENS", 1100)
    monkeypatch.setattr("rnntui.inspection.unit_probes._SHIFTS", (0.4,))
    bracket_run(tmp_path)
    app = RnntuiApp(tmp_path, "brackets", first="inspect")
    async with app.run_test(size=(100, 30)) as pilot:
        tab = app.tabs["inspect"]
        assert isinstance(tab, InspectTab)
        await wait_until(pilot, lambda: tab.session.runs)

        def screen() -> str:
            return "\n".join(strip.text for strip in app.screen._compositor.render_strips())

        async def type_text(text: str) -> None:
            await pilot.press("t")
            tab.query_one(Input).value = text
            await pilot.press("enter")

        while tab.session.view is None or tab.session.view.name != "step":
            await pilot.press("left_square_bracket")
        await type_text("a(b)")
        await wait_until(pilot, lambda: "step 4 of 4" in screen())
        assert "c' = f ∘ c + i ∘ g" in screen() and "Back" in screen()
        await pilot.press("left", "left")
        assert "step 2 of 4" in screen()
        await pilot.press("down", "right")
        assert tab._rows.scroll_offset.y == 1 and tab.session.result(tab.session.key).position == 2  # type: ignore[union-attr]
        await pilot.press("left_square_bracket")
        assert tab.session.view.name == "units" and tab.check_action("move", (1,)) is False
        await wait_until(pilot, lambda: "feature" in screen() and "a(b)" in screen())
