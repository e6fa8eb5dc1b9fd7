"""The footer: the most important keys first, as many as there is room for, F1 and Ctrl+Q always."""

from __future__ import annotations

from pathlib import Path

import pytest
from chatting import chatting
from line_tabs import using_translate
from textual.binding import Binding
from tiny_runs import make_run
from waiting import wait_until

from rnntui.tui.footer import FooterItem, KeyFooter, ShownBinding, fit_items, footer_items
from rnntui.tui.keys import key_name, key_names

ITEMS = [FooterItem("enter", "Send"), FooterItem("ctrl+n", "Continue"), FooterItem("x", "Y"),
         FooterItem("f1", "Help", pinned=True)]  # fmt: skip


@pytest.mark.parametrize(
    ("width", "labels"),
    [
        (80, ["Send", "Continue", "Y", "Help"]),
        (34, ["Send", "Continue", "Help"]),
        (32, ["Send", "Continue", "Help"]),
        (31, ["Send", "Help"]),  # not Y in the place of Continue: what is less important would come and go
        (5, ["Help"]),
    ],
)
def test_items_that_fit(width: int, labels: list[str]) -> None:
    fitting = fit_items(ITEMS, width)
    assert [item.label for item in fitting] == labels
    assert sum(item.width for item in fitting) + 2 * (len(fitting) - 1) <= max(width, 7)


def test_of_extra_items_any_that_fit_are_taken() -> None:
    extra = [FooterItem("up", "A long label", extra=True), FooterItem("z", "Zoom", extra=True)]
    assert [item.label for item in fit_items([*ITEMS, *extra], 50)] == ["Send", "Continue", "Y", "Zoom", "Help"]


def test_the_focused_widgets_keys_come_first_and_keys_without_a_place_in_the_footer_last() -> None:
    active = [
        ShownBinding(3, Binding("f12", "new", "", show=False, id="chat.new"), True),
        ShownBinding(3, Binding("escape", "stop", "", id="chat.stop"), True),
        ShownBinding(0, Binding("left", "less", "Less", show=False, id="slider.less"), True),
        ShownBinding(0, Binding("delete", "reset", "Default"), False),
        ShownBinding(4, Binding("f3", "tab('train')", "Train", id="app.train"), True),
        ShownBinding(4, Binding("f1", "help", "", id="app.help"), True),
        ShownBinding(3, Binding("z", "stop", "", id="chat.stop"), True),
    ]
    items = footer_items(active)
    assert [(item.name, item.label) for item in items] == [
        ("Del", "Default"), ("Esc", "Stop"), ("F1", "Help"), ("F12", "New"),
    ]  # fmt: skip
    assert [item.enabled for item in items] == [False, True, True, True] and items[2].pinned


@pytest.mark.parametrize(
    ("key", "name", "compact"),
    [
        ("f1", "F1", "F1"), ("ctrl+n", "Ctrl+N", "^N"), ("escape", "Esc", "Esc"), ("n", "n", "n"), ("1", "1", "1"),
        ("right_square_bracket", "]", "]"), ("shift+left", "Shift+←", "Shift+←"), ("alt+s", "Alt+S", "Alt+S"),
        ("ctrl+home", "Ctrl+Home", "^Home"), ("f", "f", "f"), ("+", "+", "+"),
    ],
)  # fmt: skip
def test_names_of_keys(key: str, name: str, compact: str) -> None:
    assert key_name(key) == name and key_name(key, compact=True) == compact


def test_names_of_several_keys() -> None:
    assert key_names("z,enter") == "z, Enter" and key_names("") == ""


def footer_text(app: object) -> str:
    return app.screen_stack[0].query_one(KeyFooter).render().plain  # type: ignore[attr-defined, no-any-return]


async def test_f1_and_quit_are_shown_wherever_the_focus_is_and_a_click_presses_a_key(tmp_path: Path) -> None:
    make_run(tmp_path / "runs", "tiny")
    async with chatting(tmp_path / "runs") as user:
        await wait_until(user.pilot, lambda: user.app.query(KeyFooter) and user.app.query("Slider"))
        focusable = list(user.app.screen.focus_chain)
        assert len(focusable) > 5
        for widget in focusable:
            widget.focus()
            await user.pilot.pause()
            shown = footer_text(user.app)
            assert shown.endswith("F1 Help  ^Q Quit") and len(shown) == 80 and "Esc" in shown, widget
        await user.pilot.click(KeyFooter, offset=(80 - len("F1 Help  ^Q Quit"), 0))
        await wait_until(user.pilot, lambda: len(user.app.screen_stack) == 2)
    async with chatting(tmp_path / "runs", size=(160, 40)) as user:
        await wait_until(user.pilot, lambda: user.app.query(KeyFooter))
        assert "^P Commands" in footer_text(user.app) and "F12 New" in footer_text(user.app)


async def test_outside_the_source_the_footer_names_the_way_back(tmp_path: Path) -> None:
    async with using_translate(tmp_path) as user:
        await wait_until(user.pilot, lambda: user.app.query(KeyFooter))
        assert "Esc Stop" in footer_text(user.app)
        await user.pilot.press("f9")
        widgets = [widget for widget in user.app.screen.focus_chain if widget is not user.tab.editor]
        assert len(widgets) > 4
        for widget in widgets:
            widget.focus()
            await user.pilot.pause()
            assert "Esc Source" in footer_text(user.app), widget
            await user.pilot.press("escape")
            assert user.app.focused is user.tab.editor
        widgets[0].focus()
        await user.pilot.press("h", "i")
        assert user.tab.editor.text == "hi"
        user.tab.matrix.focus()
        await user.pilot.press("f9")  # what is hidden gives the focus back
        await wait_until(user.pilot, lambda: user.app.focused is user.tab.editor)
