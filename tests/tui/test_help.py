"""Help screen and palette: what is searched for is found by the words of names, keys and help."""

from __future__ import annotations

from pathlib import Path

import pytest
from chatting import chatting
from textual.binding import Binding
from textual.containers import VerticalScroll
from tiny_runs import make_run
from waiting import wait_until

from rnntui.tui.command_palette import match_score
from rnntui.tui.screens.help import HelpScreen, help_sections, matching_sections

SLIDER = ("Slider", [Binding("left", "step(-1)", "Less", id="slider.less"), Binding("x", "y", "")])


def test_sections_of_the_focus_come_first() -> None:
    titles = [section.title for section in help_sections({}, [SLIDER], [["slider.less"], [], ["chat.stop"]])]
    assert titles[:2] == ["Slider", "Chat"] and titles[2] == "Everywhere"
    assert [section.title for section in help_sections({}, [SLIDER])][-1] == "Slider"


def test_a_keymap_and_commands_without_keys_are_shown() -> None:
    sections = help_sections({"slider.less": "ctrl+x"}, [SLIDER])
    assert [(row.keys, row.help) for row in sections[-1].rows] == [("Ctrl+X", "Less")]
    assert any(row.keys == "in the palette" for section in sections for row in section.rows)


@pytest.mark.parametrize("query", ["seed turn", "TURN seed", "ctrl+r", "again"])
def test_rows_are_found_by_key_name_and_help(query: str) -> None:
    sections = matching_sections(help_sections({}, []), query)
    assert any(row.keys == "Ctrl+R" for section in sections for row in section.rows)
    assert sum(len(section.rows) for section in sections) < 10


def test_a_search_without_a_match_and_an_empty_one() -> None:
    sections = help_sections({}, [])
    assert matching_sections(sections, "no such word") == [] and matching_sections(sections, "  ") == sections


def test_a_match_in_the_label_ranks_before_one_in_the_help() -> None:
    scores = [
        match_score("save", "Save"), match_score("save", "Open and save"), match_score("save", "Unsaved"),
        match_score("save", "Stop", ("Esc", "Saves the run")), match_score("save", "Quit", ("autosave",)),
    ]  # fmt: skip
    assert scores == sorted(scores, reverse=True) and len(set(scores)) > 3 and min(scores) > 0
    assert match_score("save run", "Save") == 0 and match_score("", "Save") == 0


async def test_help_opens_at_the_focus_and_is_searched_and_scrolled_by_keys(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", "tiny")
    async with chatting(tmp_path / "runs") as user:
        await wait_until(user.pilot, lambda: user.app.query("Slider"))
        user.app.query("Slider").first().focus()
        await user.pilot.press("f1")
        screen = user.app.screen
        assert isinstance(screen, HelpScreen) and screen.sections[0].title == "Slider"
        rows = screen.query_one(VerticalScroll)
        await user.pilot.press("pagedown", "down")
        await wait_until(user.pilot, lambda: rows.scroll_y > 0)
        await user.pilot.press(*"quit")
        await wait_until(user.pilot, lambda: rows.scroll_y == 0 and rows.max_scroll_y == 0)
        shown = "\n".join(strip.text for strip in screen._compositor.render_strips())
        assert "Ctrl+Q" in shown and "Ctrl+R" not in shown and "Esc closes" in shown
        await user.pilot.press("escape")
        assert not isinstance(user.app.screen, HelpScreen)
