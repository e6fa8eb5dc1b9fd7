"""The app around its tabs: bar, keys, help, palette, themes and preferences. It knows the tabs by their table only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App, ComposeResult, SystemCommand
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Static

from rnntui.errors import RnntuiError
from rnntui.tui import preferences
from rnntui.tui.keys import KEYS, bindings, keymap_problems, known_keys
from rnntui.tui.messages import OpenRun, RememberPreference
from rnntui.tui.notifications import Notifications
from rnntui.tui.tabs import TABS, HasExitMessage, OpensRuns, TabContext, TabEntry, WidgetKeys
from rnntui.tui.typing_target import focus_typing_target

if TYPE_CHECKING:
    from textual.widget import Widget


class RnntuiApp(App[None]):
    """The app of `rnntui chat`."""

    TITLE = "rnntui"
    CSS_PATH = Path(__file__).with_name("rnntui.tcss")
    BINDINGS = bindings("app")
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        checkpoints: Path,
        run: str | None = None,
        *,
        first: str = "chat",
        reopen: bool = False,
        tabs: Mapping[str, TabEntry] = TABS,
    ) -> None:
        """
        Args:
            checkpoints: folder of the user's runs.
            run: name or path of the run to open in the first tab, or None for the newest.
            first: id of the tab to show first.
            reopen: continue the last text of the first tab that can.
            tabs: the table of tabs; tests hand in rows that make tabs without threads.
        """
        super().__init__()
        self.notifications = Notifications(self.notify)
        self._settings_file = preferences.settings_file()
        self.preferences, self._problems = preferences.load(self._settings_file)
        self._tabs, self._first = tabs, first
        self._checkpoints, self._reopen = checkpoints, reopen
        self.tabs: dict[str, Widget] = {}
        """The tabs that have been shown, by id."""
        self._make_tab(first, run)

    def compose(self) -> ComposeResult:
        yield Static(id="bar")
        with ContentSwitcher(initial=self._first, id="tabs"):
            yield self.tabs[self._first]

    def on_mount(self) -> None:
        if self.preferences.theme in self.available_themes:
            self.theme = self.preferences.theme
        else:
            self._problems.append(f"there is no theme {self.preferences.theme!r}")
        self.set_keymap(self.preferences.keymap)
        self.theme_changed_signal.subscribe(self, lambda theme: self._remember("theme", theme.name))
        self._show_tab(self._first)
        self.call_after_refresh(self._finish)

    async def _finish(self) -> None:
        """Do what the first paint need not wait for: the footer, whose line was left free."""
        from textual.widgets import Footer

        await self.mount(Footer(compact=True, show_command_palette=False))
        self.query_one(ContentSwitcher).styles.margin = 0
        self.screen.refresh_bindings()  # a footer draws itself when they change
        if self.preferences.keymap:
            self._problems += keymap_problems(self.preferences.keymap, self._known_keys())
        for problem in self._problems:
            self.notifications.warn(problem, title="Settings", seconds=10)

    # -- tabs ----------------------------------------------------------------------------------------------------

    def _make_tab(self, tab_id: str, run: str | None = None) -> Widget:
        context = TabContext(self._checkpoints, self.preferences, run, self._reopen)
        self.tabs[tab_id] = tab = self._tabs[tab_id].make(context)
        return tab

    async def action_tab(self, tab_id: str, run: str | None = None) -> None:
        """Show a tab; it is made when it is first shown, with the run to open first."""
        if tab_id not in self.tabs:
            await self.query_one(ContentSwitcher).mount(self._make_tab(tab_id, run))
        self._show_tab(tab_id)

    def _show_tab(self, tab_id: str) -> None:
        self.query_one(ContentSwitcher).current = tab_id
        links = "".join(
            f"[@click=app.tab('{tab.id}')]{'[b $text on $surface]' if tab.id == tab_id else '[$text-muted]'} "
            f"{tab.title} [/][/]"
            for tab in self._tabs.values()
        )
        self.query_one("#bar", Static).update(f"[b $primary] rnntui [/] {links}")
        focus = next((w for w in self.tabs[tab_id].query(self._tabs[tab_id].focus) if w.can_focus), None)
        if focus is not None:
            focus.focus()

    async def on_open_run(self, event: OpenRun) -> None:
        """Open a run in a tab, and show it."""
        is_new = event.tab not in self.tabs
        await self.action_tab(event.tab, event.path)
        tab = self.tabs[event.tab]
        if not is_new and isinstance(tab, OpensRuns):
            tab.open_run(event.path)

    @property
    def exit_messages(self) -> list[str]:
        """Lines to print once the app has closed."""
        return [tab.exit_message for tab in self.tabs.values() if isinstance(tab, HasExitMessage) and tab.exit_message]

    # -- keys ----------------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Let typing go to the editor of the visible tab, where the focused widget has no use for it."""
        is_typing = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if is_typing and self.is_mounted and not self.screen.is_modal:
            await focus_typing_target(self.screen, self._visible_tab, event)
        await super().on_event(event)

    @property
    def _visible_tab(self) -> Widget:
        return self.tabs[self.query_one(ContentSwitcher).current or self._first]

    def action_help(self) -> None:
        """Show every key."""
        from rnntui.tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.preferences.keymap, self._widget_keys()))

    def action_toggle_dark(self) -> None:
        """Switch between the dark theme and the light one."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield the palette's commands: the key table, and the themes."""
        tab = self._visible_tab
        for context, widget in (("app", self), (tab.id or "", tab)):
            for key in KEYS.get(context, ()):
                if key.palette:
                    yield SystemCommand(key.label, key.help, self._command(widget, key.action))
        yield SystemCommand("Theme", "Choose a colour theme", self.action_change_theme)

    def _command(self, widget: Any, action: str) -> Callable[[], Any]:
        async def run() -> None:
            await self.run_action(action, widget)

        return run

    def _widget_keys(self) -> WidgetKeys:
        return [group for tab in self._tabs.values() for group in tab.load_widget_keys()]

    def _known_keys(self) -> dict[str, str]:
        widget_bindings = (binding for _, group in self._widget_keys() for binding in group)
        return known_keys() | {binding.id: binding.key for binding in widget_bindings if binding.id}

    # -- preferences ---------------------------------------------------------------------------------------------

    def on_remember_preference(self, event: RememberPreference) -> None:
        self._remember(event.name, event.value)

    def _remember(self, name: str, value: Any) -> None:
        """Save a preference for the next start."""
        try:
            preferences.save(self._settings_file, {name: value})
        except (OSError, RnntuiError) as error:
            self.notifications.warn(str(error), title="Settings cannot be saved")
