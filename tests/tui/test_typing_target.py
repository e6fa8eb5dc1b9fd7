"""Typing reaches a tab's editor from any widget of the tab."""

from __future__ import annotations

from typing import ClassVar

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, OptionList, Static

from rnntui.tui.typing_target import focus_typing_target
from rnntui.tui.widgets.editors import ClusterTextArea


class Number(Static, can_focus=True):
    """Wants any key once a digit was typed into it, as a slider does."""

    typed = ""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return bool(self.typed) or key.isdigit()

    async def on_key(self, event: events.Key) -> None:
        self.typed += event.character or ""


class Shown(App[None]):
    """A list with a key of its own, an input, and the editor."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("z", "zoom", "Zoom"), Binding("o", "off", "Off")]

    def __init__(self) -> None:
        super().__init__()
        self.zooms = 0
        self.typing_target = ClusterTextArea()

    def compose(self) -> ComposeResult:
        yield OptionList("a", "b")
        yield Input()
        yield Number("nothing here")
        yield self.typing_target

    def action_zoom(self) -> None:
        self.zooms += 1

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "off" else True

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await focus_typing_target(self.screen, self, event)
        await super().on_event(event)


@pytest.mark.parametrize("burst", [False, True])
async def test_typing_goes_to_the_editor_where_the_focused_widget_has_no_use_for_it(burst: bool) -> None:
    app = Shown()
    async with app.run_test() as pilot:

        async def type_text(text: str) -> None:
            if burst:  # all keys before the app has handled the first, as on a busy machine
                for character in text:
                    app.post_message(events.Key({" ": "space"}.get(character, character), character))
                await pilot.pause()
            else:
                await pilot.press(*({" ": "space"}.get(character, character) for character in text))

        editor = app.typing_target
        app.query_one(OptionList).focus()
        await pilot.pause()
        await type_text("z")  # a key of the app
        assert app.zooms == 1 and app.focused is app.query_one(OptionList)
        await type_text("hello zoo of é🧑")  # the key of a disabled action, and in the editor the bound one
        assert editor.text == "hello zoo of é🧑" and app.focused is editor and app.zooms == 1
        app.query_one(Input).focus()
        await pilot.pause()
        await type_text("stays")
        assert app.query_one(Input).value == "stays" and app.focused is app.query_one(Input)
        app.query_one(Number).focus()
        await pilot.pause()
        await type_text("5x")  # the first key decides who gets the second
        assert app.query_one(Number).typed == "5x" and app.focused is app.query_one(Number)
        app.screen.set_focus(None)
        await type_text("!")
        assert editor.text.endswith("🧑!")
        app.query_one(OptionList).focus()
        await pilot.pause()
        await pilot.press("down", "alt+x", "ctrl+w", "enter", "escape")
        assert app.focused is app.query_one(OptionList)
        app.post_message(events.Paste("1\n2"))
        await pilot.pause()
        assert editor.text.endswith("!1\n2") and app.focused is editor
        editor.disabled = True
        app.query_one(OptionList).focus()
        await pilot.pause()
        await type_text("x")
        assert app.focused is app.query_one(OptionList)
