"""Every state of the Train tab has a way back to the list that the footer shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_training import make_two_runs
from textual import events
from textual.widgets import Input
from train_host import NARROW, WIDE, Host
from waiting import wait_until

from rnntui.sessions import run_watcher
from rnntui.tui.train import tab as tab_module


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the runs that a test makes; they do not change, so they are polled no more than needed."""
    monkeypatch.setattr(run_watcher, "shipped_runs", list)
    monkeypatch.setattr(tab_module, "POLL_SECONDS", 1000.0)


def in_list(app: Host) -> bool:
    """Return True in the state that the tab begins with: the list is shown and has the focus."""
    return app.focused is app.tab.run_list and app.query_one("#side").display and not app.tab.dashboard.full


def way_back(app: Host) -> bool:
    """Return True if the footer shows the key back to the list."""
    return "Esc List" in app.screen._compositor.render_strips()[-1].text


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=str)
async def test_escape_leads_back_to_the_list_from_every_state(tmp_path: Path, size: tuple[int, int]) -> None:
    app = Host(make_two_runs(tmp_path / "runs"))
    async with app.run_test(size=size) as pilot:
        await wait_until(pilot, lambda: app.tab.dashboard.chart._curves)
        await pilot.pause()
        assert in_list(app) and not way_back(app)
        header = app.text("#columns")
        dashboard = app.tab.dashboard
        for title in dashboard.titles[-3:]:  # in the narrow tab a chart, samples and About
            dashboard.select(title)
            await pilot.press("z")
            for key in ("right_square_bracket", "left_square_bracket"):
                assert dashboard.full and app.focused is dashboard.main and dashboard.main.display, (title, key)
                assert way_back(app), (title, key)
                await pilot.press(key)
            await pilot.press("escape")
            assert in_list(app) and not way_back(app), title
        await pilot.press("z")
        app.tab._wake.set()  # a poll while the list is hidden
        await pilot.pause(0.1)
        await pilot.press("escape")
        assert app.text("#columns") == header
        # The focus beside the list, on a widget that the next selection may hide.
        for title in dashboard.titles[-3:]:
            dashboard.select(title)
            await pilot.press("tab")
            assert app.focused is not None and app.focused is not app.tab.run_list and way_back(app), title
            await pilot.press("right_square_bracket")
            assert app.focused is not None and app.focused.display and way_back(app), title
            await pilot.press("escape")
            assert in_list(app), title
        # A filter, while it is typed and afterwards.
        for key, character in (("slash", "/"), *zip("fir", "fir", strict=True)):  # typed faster than they are handled
            app.post_message(events.Key(key, character))
        await wait_until(pilot, lambda: app.names == ["first"])
        assert isinstance(app.focused, Input) and app.names == ["first"]
        assert "slash" not in app.screen.active_bindings, "it is typed into the filter"
        await pilot.press("enter")
        assert in_list(app) and way_back(app)
        await pilot.press("z", "escape", "escape")
        assert in_list(app) and not way_back(app) and app.names == ["second", "first"]
        await pilot.press("slash", "x", "escape")
        assert in_list(app) and len(app.names) == 2


async def test_samples_and_about_scroll_by_keys_when_shown_alone(tmp_path: Path) -> None:
    app = Host(make_two_runs(tmp_path / "runs"))
    async with app.run_test(size=(80, 10)) as pilot:
        await wait_until(pilot, lambda: app.tab.dashboard.chart._curves)
        for title in app.tab.dashboard.titles[-2:]:
            app.tab.dashboard.select(title)
            await pilot.press("z", "end")
            main = app.tab.dashboard.main
            await wait_until(pilot, lambda main=main: main.scroll_y == main.max_scroll_y > 0)
            await pilot.press("escape")


async def test_a_terminal_of_another_size_keeps_the_way_back(tmp_path: Path) -> None:
    app = Host(make_two_runs(tmp_path / "runs"))
    async with app.run_test(size=NARROW) as pilot:
        await wait_until(pilot, lambda: app.tab.dashboard.chart._curves)
        app.tab.dashboard.select("About")
        await pilot.press("z")
        await pilot.resize_terminal(*WIDE)  # which shows About beside the list
        await wait_until(pilot, lambda: app.focused is app.tab.dashboard.chart)
        assert way_back(app)
        await pilot.press("escape")
        assert in_list(app)
