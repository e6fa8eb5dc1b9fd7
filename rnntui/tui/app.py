"""The app: its tabs, themes, keys and what it remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from textual.app import App, ComposeResult, SystemCommand
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Static

from rnntui.errors import RnntuiError
from rnntui.kinds.language_model import LANGUAGE_MODEL
from rnntui.kinds.seq2seq import SEQ2SEQ
from rnntui.sessions.model_cache import ModelCache
from rnntui.tui import preferences
from rnntui.tui.chat.tab import ChatTab
from rnntui.tui.keys import KEYS, Place, bindings, keymap_problems, known_keys

if TYPE_CHECKING:
    from textual.widget import Widget

    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.generation_worker import GenerationWorker
    from rnntui.sessions.translation_worker import TranslationWorker
    from rnntui.tui.train.messages import OpenRun
    from rnntui.tui.translate.searching import MakeTranslating
    from rnntui.tui.translate.tab import TranslateTab

Tab = Literal["chat", "train", "translate"]
_TABS: dict[Tab, str] = {"chat": "Chat", "train": "Train", "translate": "Translate"}


class RnntuiApp(App[None]):
    """`rnntui chat`. `run` is the run to open in the `first` tab, or None for the newest; the rest is for tests."""

    TITLE = "rnntui"
    CSS_PATH = "rnntui.tcss"
    BINDINGS = bindings("app")
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        checkpoints: Path,
        run: str | None = None,
        make_writer: Callable[[], GenerationWorker] | None = None,
        make_translating: MakeTranslating | None = None,
        first: Tab = "chat",
    ) -> None:
        super().__init__()
        self.checkpoints = checkpoints
        self._first, self._run = first, run
        self._make_translating = make_translating or _start_translating
        self._settings_file = preferences.settings_file()
        self.preferences, self._problems = preferences.load(self._settings_file)
        run_to_chat_with = run if first == "chat" else None
        self.chat = ChatTab(
            ModelCache(checkpoints, LANGUAGE_MODEL), run_to_chat_with, make_writer or self._start_writer
        )
        self.translate: TranslateTab | None = None  # once it has been opened
        self.chat.keymap = self.preferences.keymap
        self.chat.surprise, self.chat.wants_panel = self.preferences.surprise, self.preferences.panel

    def compose(self) -> ComposeResult:
        yield Static(id="bar")
        with ContentSwitcher(initial=self._first, id="tabs"):
            yield self._make_tab(self._first)

    def on_mount(self) -> None:
        if self.preferences.theme in self.available_themes:
            self.theme = self.preferences.theme
        else:
            self._problems.append(f"there is no theme {self.preferences.theme!r}")
        self.set_keymap(self.preferences.keymap)
        self.theme_changed_signal.subscribe(self, lambda theme: self.remember(theme=theme.name))
        self._show_tab(self._first)
        self.call_after_refresh(self._complete)

    async def _complete(self) -> None:
        """What the first paint need not wait for: the footer, for which a line was left free."""
        from textual.widgets import Footer

        await self.mount(Footer(compact=True, show_command_palette=False))
        self.query_one(ContentSwitcher).styles.margin = 0
        self.screen.refresh_bindings()  # a footer draws itself when they change
        if self.preferences.keymap:
            self._problems += keymap_problems(self.preferences.keymap, self._known_keys())
        for problem in self._problems:
            self.chat.tell(problem, title="Settings", severity="warning", seconds=10)

    # -- tabs ----------------------------------------------------------------------------------------------------

    async def action_tab(self, name: Tab) -> None:
        """Show a tab; it is made when it is first wanted."""
        if not self.query(f"#tabs > #{name}"):
            await self.query_one(ContentSwitcher).mount(self._make_tab(name))
        self._show_tab(name)

    def _make_tab(self, name: Tab, run: str | None = None) -> Widget:
        match name:
            case "chat":
                return self.chat
            case "train":
                from rnntui.tui.train.tab import TrainTab

                return TrainTab(self.checkpoints)
            case "translate":
                from rnntui.tui.translate.tab import TranslateTab

                run = run or (self._run if self._first == "translate" else None)
                self.translate = TranslateTab(ModelCache(self.checkpoints, SEQ2SEQ), run, self._make_translating)
                return self.translate

    @property
    def farewells(self) -> list[str]:
        """What to say once the app has closed."""
        tabs = [self.chat, *([self.translate] if self.translate is not None else [])]
        return [tab.farewell for tab in tabs if tab.farewell]

    async def on_open_run(self, event: OpenRun) -> None:
        """Go on with a run of the Train tab: in the active pane of the Chat tab, or in the Translate tab."""
        if event.tab == "chat":
            await self.action_tab("chat")
            self.chat.open_run(event.path)
        elif self.translate is None:
            await self.query_one(ContentSwitcher).mount(self._make_tab("translate", event.path))
            self._show_tab("translate")
        else:
            self._show_tab("translate")
            self.translate.open_run(event.path)

    def _show_tab(self, name: Tab) -> None:
        switcher = self.query_one(ContentSwitcher)
        switcher.current = name
        tabs = "".join(
            f"[@click=app.tab('{other}')]{'[b $text on $surface]' if other == name else '[$text-muted]'} {title} [/][/]"
            for other, title in _TABS.items()
        )
        self.query_one("#bar", Static).update(f"[b $primary] rnntui [/] {tabs}")
        shown = switcher.query_one(f"#{name}")
        first = next((w for w in shown.query("Prompt, #runs, #source") if w.can_focus), None)
        if first is not None:
            first.focus()

    # -- keys ----------------------------------------------------------------------------------------------------

    def action_help(self) -> None:
        """Every key there is."""
        from rnntui.tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.preferences.keymap, _widget_keys()))

    def action_toggle_dark(self) -> None:
        """Between the dark theme and the light one."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette's commands: the key table, and the themes."""
        current: Tab = self.query_one(ContentSwitcher).current  # type: ignore[assignment]
        places: tuple[Place, ...] = ("app", current)
        for place in places:
            target = self if place == "app" else self.query_one(f"#{current}")
            for key in KEYS[place]:
                if key.palette:
                    yield SystemCommand(key.label, key.help, self._doer(target, key.action))
        yield SystemCommand("Theme", "Choose colours", self.action_change_theme)

    def _doer(self, target: Any, action: str) -> Callable[[], Any]:
        async def do() -> None:
            await self.run_action(action, target)

        return do

    @staticmethod
    def _known_keys() -> dict[str, str]:
        return known_keys() | {
            binding.id: binding.key for _, group in _widget_keys() for binding in group if binding.id
        }

    # -- what is remembered --------------------------------------------------------------------------------------

    def remember(self, **changes: Any) -> None:
        """Keep a preference for the next time."""
        try:
            preferences.save(self._settings_file, changes)
        except (OSError, RnntuiError) as error:
            self.chat.tell(str(error), title="Settings are not kept", severity="warning")

    def on_chat_tab_remember(self, event: ChatTab.Remember) -> None:
        self.remember(**event.changes)

    # -- the writer ----------------------------------------------------------------------------------------------

    def _start_writer(self) -> GenerationWorker:
        from rnntui.sessions.generation_worker import GenerationWorker

        writer = GenerationWorker(self._writing_failed)
        writer.start()
        return writer

    def _writing_failed(self, conversation: Conversation, error: Exception) -> None:
        problem = f"{conversation.name}: {type(error).__name__}: {error}"
        self.call_from_thread(self._tell_failed, problem)

    def _tell_failed(self, problem: str) -> None:
        self.chat.tell(problem, title="The model stopped", severity="error", seconds=20)


def _start_translating(on_found: Callable[[], None], on_error: Callable[[str, Exception], None]) -> TranslationWorker:
    from rnntui.sessions.translation_worker import TranslationWorker

    translating = TranslationWorker(on_found, on_error)
    translating.start()
    return translating


def _widget_keys() -> list[tuple[str, list[Any]]]:
    """Titles with the bindings of the widgets that bring their own keys."""
    from rnntui.tui.translate.aligned_text_area import AlignedArea
    from rnntui.tui.widgets.chart import Chart
    from rnntui.tui.widgets.slider import Slider
    from rnntui.tui.widgets.stream_view import StreamView

    return [
        ("Moving in the text", list(StreamView.BINDINGS)),
        ("In source and translation", list(AlignedArea.BINDINGS)),
        ("On a slider", list(Slider.BINDINGS)),
        ("In a chart", list(Chart.BINDINGS)),
    ]
