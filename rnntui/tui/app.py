"""The app around its tabs: bar, keys, help, palette, themes and preferences. It knows the tabs by their table only."""

from __future__ import annotations

import asyncio
import contextvars
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.actions import parse
from textual.app import App, ComposeResult
from textual.command import CommandPalette
from textual.widgets import ContentSwitcher, Static

from rnntui.errors import RnntuiError
from rnntui.system_memory import release_free_memory
from rnntui.tui import alt_keys
from rnntui.tui.installation import UPGRADED, Installation
from rnntui.tui.keys import KEYS, bindings, key_name, key_names, keymap_problems, known_keys
from rnntui.tui.messages import OpenRun, RememberPreference, RunRenamed, TextsSaved
from rnntui.tui.notifications import Notifications
from rnntui.tui.preferences import PreferencesFile, settings_file
from rnntui.tui.settings_keeper import SettingsKeeper
from rnntui.tui.tabs import (
    TABS,
    FollowsRenames,
    HasExitMessage,
    HasModel,
    KeepsTyping,
    OpensRuns,
    SavesTexts,
    TabContext,
    TabEntry,
    WidgetKeys,
)
from rnntui.tui.themes import DARK, LIGHT, readable_themes
from rnntui.tui.typing_target import focus_typing_target

if TYPE_CHECKING:
    from textual.binding import Binding
    from textual.command import Provider
    from textual.notifications import Notify
    from textual.widget import Widget

    from rnntui.tui.command_palette import Command


_MEMORY_INTERVAL = 60.0  # seconds
_SETTINGS_INTERVAL = 10.0  # seconds
_QUIT_SECONDS = 30.0  # within which a second Ctrl+Q quits without what cannot be saved
_MOUSE_MODES = (1000, 1003, 1015, 1006)  # that the driver sets


def _problem_of(save: Callable[[], str | None]) -> str:
    """Save something; return what failed, or ""."""
    try:
        return save() or ""
    except RnntuiError as error:
        return str(error)
    except Exception as error:  # it must not keep other texts from being saved
        return f"a text could not be saved: {type(error).__name__}: {error}"


def _command_provider() -> type[Provider]:
    from rnntui.tui.command_palette import CommandProvider

    return CommandProvider


class RnntuiApp(App[None]):
    """The app of `rnntui chat`."""

    TITLE = "rnntui"
    CSS_PATH = Path(__file__).with_name("rnntui.tcss")
    DIALOGS_CSS_PATH = Path(__file__).with_name("dialogs.tcss")
    BINDINGS = bindings("app")
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_command_provider}

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
        alt_keys.install()
        for theme in readable_themes():
            self.register_theme(theme)
        self.notifications = Notifications(self.notify)
        file = PreferencesFile(settings_file())
        self.preferences, self._problems = file.load()
        self._tabs, self._first = tabs, first
        self._checkpoints, self._reopen = checkpoints, reopen
        self._installation, self._was_upgraded = Installation(), False
        self._recent_commands: list[str] = []  # ids, the last one first
        self.tabs: dict[str, Widget] = {}
        """The tabs that have been shown, by id."""
        titles = {tab.id: tab.title for tab in tabs.values()}
        warn = partial(self.notifications.warn, title="Settings", seconds=10)
        self._keeper = SettingsKeeper(file, self.tabs, titles, self.preferences.tabs, warn)
        self._quit_asked = -math.inf  # monotonic time of the last Ctrl+Q at which not all could be saved
        self._task_context: contextvars.Context | None = None  # of the event loop, once it runs
        self._loop_of_screen: asyncio.AbstractEventLoop | None = None
        self._make_tab(first, run)

    def compose(self) -> ComposeResult:
        yield Static(id="bar")
        with ContentSwitcher(initial=self._first, id="tabs"):
            yield self.tabs[self._first]

    def on_mount(self) -> None:
        self._loop_of_screen, self._task_context = asyncio.get_running_loop(), contextvars.copy_context()
        if self.preferences.theme in self.available_themes:
            self.theme = self.preferences.theme
        else:
            self._problems.append(f"there is no theme {self.preferences.theme!r}")
        self.set_keymap(self.preferences.keymap)
        self.theme_changed_signal.subscribe(self, lambda theme: self._remember("theme", theme.name))
        self._show_tab(self._first)
        self.call_after_refresh(self._finish)

    async def _finish(self) -> None:
        """Do what the first paint need not wait for: the footer, whose line was left free, and the style of dialogs."""
        from rnntui.tui.footer import KeyFooter

        self.stylesheet.read(self.DIALOGS_CSS_PATH)  # parsed with the next widget, here the footer
        await self.mount(KeyFooter())
        self.query_one(ContentSwitcher).styles.margin = 0
        self.set_interval(_MEMORY_INTERVAL, self._release_memory)
        self.set_interval(_SETTINGS_INTERVAL, self._keep_settings)
        if self.preferences.keymap:
            self._problems += keymap_problems(self.preferences.keymap, self._known_keys())
        for problem in self._problems:
            self.notifications.warn(problem, title="Settings", seconds=10)

    def _release_memory(self) -> None:
        self.run_worker(release_free_memory, thread=True, group="memory", exit_on_error=False)

    # -- tabs ----------------------------------------------------------------------------------------------------

    def _make_tab(self, tab_id: str, run: str | None = None) -> Widget:
        kept = self.preferences.tabs.get(tab_id, {})
        context = TabContext(self._checkpoints, self.preferences, run, self._reopen, self._open_model(), kept)
        self.tabs[tab_id] = tab = self._tabs[tab_id].make(context)
        return tab

    def _open_model(self) -> str:
        """Return the name of the run whose model is open in the tab that is shown, else in another one."""
        shown = self._visible_tab_id if self.tabs else ""
        tabs = sorted(self.tabs.items(), key=lambda item: item[0] != shown)
        return next((tab.model_name for _, tab in tabs if isinstance(tab, HasModel) and tab.model_name), "")

    async def action_tab(self, tab_id: str, run: str | None = None) -> None:
        """Show a tab; it is made when it is first shown, with the run to open first."""
        if tab_id not in self.tabs:
            await self.query_one(ContentSwitcher).mount(self._make_tab(tab_id, run))
        self._show_tab(tab_id)

    def _show_tab(self, tab_id: str) -> None:
        self.query_one(ContentSwitcher).current = tab_id
        self._update_bar()
        focus = next((w for w in self.tabs[tab_id].query(self._tabs[tab_id].focus) if w.can_focus), None)
        if focus is not None:
            focus.focus()

    def _update_bar(self) -> None:
        """Show the tabs and, while something is not saved, that instead of the name of the app."""
        current = self._visible_tab_id
        links = " ".join(self._tab_link(tab, tab.id == current) for tab in self._tabs.values())
        name = "[b $text-error] not saved [/]" if self._save_problems else "[b $text-primary] rnntui [/]"
        self.query_one("#bar", Static).update(f"{name} {links}")

    def _tab_link(self, tab: TabEntry, is_current: bool) -> str:
        """Return the markup of a tab in the bar: its key and title, which a click shows."""
        start, end = ("[b $foreground on $surface]", "[/]") if is_current else ("", "")
        key = self._key_of(f"app.{tab.id}", tab.key).partition(",")[0]
        return f"[@click=app.tab('{tab.id}')]{start} [$text-primary]{key}[/] {tab.title} {end}[/]"

    async def on_open_run(self, event: OpenRun) -> None:
        """Open a run in a tab, and show it."""
        is_new = event.tab not in self.tabs
        await self.action_tab(event.tab, event.path)
        tab = self.tabs[event.tab]
        if not is_new and isinstance(tab, OpensRuns):
            tab.open_run(event.path)

    def on_run_renamed(self, event: RunRenamed) -> None:
        """Show the new name of a run in every tab that has it open."""
        for tab in self.tabs.values():
            if isinstance(tab, FollowsRenames):
                tab.follow_rename(event.old, event.new)

    # -- saving and ending ---------------------------------------------------------------------------------------

    @property
    def _save_problems(self) -> list[str]:
        tabs = [tab for tab in self.tabs.values() if isinstance(tab, SavesTexts)]
        return [tab.save_problem for tab in tabs if tab.save_problem]

    def on_texts_saved(self, event: TextsSaved) -> None:
        if self.screen_stack and self.query("#bar"):  # else the app is ending
            self._update_bar()

    def save_all(self) -> list[str]:
        """Save the texts of all tabs and what is typed in them and in dialogs, as the app may end at once.

        Returns what failed, a line each. A failure of one tab keeps no other from being saved. Settings come last, and
        if they cannot be saved, that is no reason not to end.
        """
        problems = []
        for screen in reversed(self.screen_stack):
            if isinstance(screen, KeepsTyping):
                problems.append(_problem_of(screen.keep_typing))
        problems += [_problem_of(tab.save_at_exit) for tab in self.tabs.values() if isinstance(tab, SavesTexts)]
        _problem_of(lambda: self._keeper.save(self._keeper.changed(), at_exit=True))
        return [problem for problem in problems if problem]

    def call_in_loop(self, call: Callable[[], object]) -> bool:
        """Call a function in the event loop once that is free; return False if there is no loop. For any thread."""
        if self._loop_of_screen is None:
            return False
        try:
            self._loop_of_screen.call_soon_threadsafe(call, context=self._task_context)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def leave_terminal(self) -> None:
        """Restore the terminal, as the process is about to end at once. Called in any thread; may block for ever."""
        driver = self._driver
        if driver is not None:
            # Stopping does this in the main thread alone.
            driver.write("".join(f"\x1b[?{mode}l" for mode in _MOUSE_MODES))
            driver.stop_application_mode()
            driver.close()

    def on_exit_app(self) -> None:
        """Save everything as the app ends, also without being asked: in a browser, its page was closed."""
        self.save_all()

    async def action_quit(self) -> None:
        """Save everything and quit; where that fails, only when asked again within half a minute."""
        problems = self.save_all()
        asked_before = time.monotonic() - self._quit_asked < _QUIT_SECONDS
        if not problems or asked_before:
            self.exit(return_code=1 if problems else 0)
            return
        self._quit_asked = time.monotonic()
        self._update_bar()
        self.clear_notifications()
        self.notifications.error(
            f"{problems[0]}. Ctrl+S saves it elsewhere; {self._key_of('app.quit', 'ctrl+q')} again quits without it.",
            title="Not saved", seconds=_QUIT_SECONDS,
        )  # fmt: skip

    @property
    def exit_messages(self) -> list[str]:
        """Lines to print once the app has closed."""
        tabs = [tab.exit_message for tab in self.tabs.values() if isinstance(tab, HasExitMessage) and tab.exit_message]
        return [*tabs, *self._keeper.exit_lines, *([UPGRADED] if self._was_upgraded else [])]

    def _handle_exception(self, error: Exception) -> None:
        """Close the app if it cannot go on because another version was installed meanwhile; else as Textual does.

        Screens are imported when they are first opened, and then do not fit what was imported before.
        """
        if not self._installation.has_changed(error):
            super()._handle_exception(error)
        elif not self._was_upgraded:
            self._was_upgraded = True
            self.save_all()
            self.exit(return_code=1)

    # -- keys ----------------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Let typing go to the editor of the visible tab, unless the focused widget handles it.

        Esc closes the notifications, besides what it does at the focus.
        """
        if isinstance(event, events.Key) and event.key.startswith("alt+"):
            event.character = None  # most terminals send Esc and the letter, which an editor would take for typing
        is_input = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if is_input and self.screen_stack and self.query(ContentSwitcher):
            if isinstance(event, events.Key) and event.key == "escape" and self._notifications:
                self.action_dismiss_notifications()
            if not self.screen.is_modal:
                await focus_typing_target(self.screen, self._visible_tab, event)
        await super().on_event(event)

    @property
    def _visible_tab(self) -> Widget:
        return self.tabs[self._visible_tab_id]

    @property
    def _visible_tab_id(self) -> str:
        return self.query_one(ContentSwitcher).current or self._first

    def get_key_display(self, binding: Binding) -> str:
        """Return a binding's key as the footer writes it."""
        return key_name(binding.key, compact=True)

    def _key_of(self, key_id: str, default: str) -> str:
        return key_names(self.preferences.keymap.get(key_id, default))

    def action_help(self) -> None:
        """Show every key, those of the focused widget first."""
        from rnntui.tui.screens.help import HelpScreen, help_sections

        if isinstance(self.screen, HelpScreen):
            return
        nodes = self.focused.ancestors_with_self if self.focused is not None else []
        focus = [[binding.id for _, binding in node._bindings if binding.id] for node in nodes]
        self.push_screen(HelpScreen(help_sections(self.preferences.keymap, self._widget_keys(), focus)))

    def action_toggle_dark(self) -> None:
        """Switch between the dark theme and the light one."""
        self.theme = LIGHT if self.current_theme.dark else DARK

    def action_command_palette(self) -> None:
        """Open the command palette."""
        self._open_palette("Search the commands (Esc closes)")

    def search_themes(self) -> None:
        """Open a list of the themes."""
        from textual.theme import ThemeProvider

        self._open_palette("Search the themes (Esc closes)", [ThemeProvider])

    def _open_palette(self, placeholder: str, providers: list[type[Provider]] | None = None) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(providers, placeholder=placeholder, id="--command-palette"))

    def commands(self) -> list[Command]:
        """Return the palette's commands: recently used ones, those of the tab shown, of the app, and of other tabs."""
        from rnntui.tui.command_palette import Command

        current = self._visible_tab_id
        contexts = [current, "app", *(tab_id for tab_id in self._tabs if tab_id != current)]
        commands = [
            Command(
                key.id, key.label, key.help, self._key_of(key.id, key.keys), self._command(context, key.id, key.action),
                "" if context in (current, "app") else self._tabs[context].title,
            )
            for context in contexts
            for key in KEYS.get(context, ())
            if key.palette and self._is_possible(context, key.action)
        ]  # fmt: skip
        commands.append(
            Command(
                "app.themes", "Theme", "Choose a colour theme", "", self._command("app", "app.themes", "change_theme")
            )
        )
        recent = {command_id: place for place, command_id in enumerate(self._recent_commands)}
        return sorted(commands, key=lambda command: recent.get(command.id, len(recent)))

    def _is_possible(self, context: str, action: str) -> bool:
        """Return False for an action that a tab refuses now, such as stopping a run that is not running."""
        tab = self.tabs.get(context)
        if tab is None:
            return True
        _, name, parameters = parse(action)
        return tab.check_action(name, parameters) is True

    def _command(self, context: str, command_id: str, action: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            self._recent_commands = [command_id, *(other for other in self._recent_commands if other != command_id)]
            if context in self._tabs and context != self._visible_tab_id:
                await self.action_tab(context)
            await self.run_action(action, self.tabs.get(context, self))

        return run

    def _widget_keys(self) -> WidgetKeys:
        return [group for tab in self._tabs.values() for group in tab.load_widget_keys()]

    def _known_keys(self) -> dict[str, str]:
        widget_bindings = (binding for _, group in self._widget_keys() for binding in group)
        return known_keys() | {binding.id: binding.key for binding in widget_bindings if binding.id}

    # -- notifications and screenshots -------------------------------------------------------------------------------

    def on_notify(self, event: Notify) -> None:
        """Drop a notification that is on the screen already."""
        new = event.notification
        if any((new.title, new.message) == (shown.title, shown.message) for shown in self._notifications):
            event.prevent_default()

    def action_dismiss_notifications(self) -> None:
        """Close all notifications."""
        self.clear_notifications()

    def action_screenshot(self, filename: str | None = None, path: str | None = None) -> None:
        """Save the screen as SVG, by default under a free name in the current folder."""
        from rnntui.atomic_files import write_user_file
        from rnntui.sessions.text_files import free_name

        folder = Path(path or ".")
        file = folder / filename if filename else free_name("screenshot", folder, (".svg",))
        try:
            write_user_file(file, self.export_screenshot().encode())
        except RnntuiError as error:
            self.notifications.error(str(error), title="Screenshot not saved", seconds=10)
        else:
            self.notifications.info(str(file), title="Screenshot saved")

    # -- preferences ---------------------------------------------------------------------------------------------

    def on_remember_preference(self, event: RememberPreference) -> None:
        self._remember(event.name, event.value)

    def _remember(self, name: str, value: object) -> None:
        """Save a preference in a thread: another app may hold the file for a while."""
        self._keeper.remember(name, value)
        self._keep_settings()

    def _keep_settings(self) -> None:
        """Save preferences, settings and form fields of the tabs in a thread, if some have changed or are not saved."""
        changed = self._keeper.changed()
        if changed or self._keeper.is_waiting:
            self.run_worker(partial(self._keeper.save, changed), thread=True, group="settings")
