"""The Chat tab: widgets, keys and dialogs. What they do to the texts is in `rnntui.sessions.chat_session`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Label

from rnntui.errors import RnntuiError
from rnntui.sessions.chat_session import ChatSession
from rnntui.tui.chat.messages import (
    BranchWanted,
    LineSent,
    PaneActivated,
    PresetChosen,
    RewindWanted,
    SettingsChanged,
)
from rnntui.tui.chat.pane_row import PaneRow
from rnntui.tui.chat.pane_view import PaneView
from rnntui.tui.chat.prompt import Prompt
from rnntui.tui.chat.settings_panel import SettingsPanel
from rnntui.tui.keys import bindings
from rnntui.tui.messages import RememberPreference
from rnntui.tui.notifications import Notifications
from rnntui.tui.preferences import texts_folder

if TYPE_CHECKING:
    from rnntui.sessions.alternatives import Alternative
    from rnntui.sessions.autosave import Autosave, SaveJob
    from rnntui.sessions.chat_pane import ChatPane
    from rnntui.sessions.conversation import Conversation
    from rnntui.sessions.generation_worker import GenerationWorker
    from rnntui.tui.tabs import TabContext
    from rnntui.tui.widgets.stream_view import StreamView

POLL_RATE = 24  # polls a second for new tokens: as in a film, and less work than at 30
AUTOSAVE_INTERVAL = 10.0  # seconds
_MIN_PANE_WIDTH = 40  # columns; with less, the settings panel is hidden
_PANEL_WIDTH = 30  # columns


class ChatTab(Vertical):
    """One to four panes side by side, the settings of the active one, and the prompt for all of them."""

    BINDINGS = bindings("chat")

    def __init__(self, context: TabContext, start_worker: Callable[[], GenerationWorker] | None = None) -> None:
        """`start_worker` replaces the generation worker, for tests."""
        super().__init__(id="chat")
        self.notifications = Notifications(self.notify)
        self.session = ChatSession(
            context.checkpoints, self, start_worker or self._start_worker, texts_folder, context.run
        )
        self.session.reopens_last = context.reopen
        self.row, self.panel = PaneRow(self.session), SettingsPanel()
        self.prompt = Prompt(context.preferences.keymap)
        self._first_run = context.run
        self.shows_surprisal, self.wants_panel = context.preferences.surprisal, context.preferences.panel

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield self.row
            yield self.panel
        with Horizontal(id="ask"):
            yield Label("❯ ")
            yield self.prompt

    def on_mount(self) -> None:
        self.row.mark_active()
        self.prompt.focus()
        self.set_interval(1 / POLL_RATE, self.row.poll)
        self.set_interval(AUTOSAVE_INTERVAL, self.session.files.autosave)
        self.call_after_refresh(self._finish)

    async def _finish(self) -> None:
        """Do what the first paint need not wait for: sliders and model."""
        self.row.shade(self.shows_surprisal)
        await self.panel.fill(self.session.settings)
        self._load(self.session.active, self._first_run)

    def on_resize(self) -> None:
        self._arrange()

    def on_unmount(self) -> None:
        self.session.close()

    @property
    def exit_message(self) -> str:
        """Printed once the app has closed."""
        return self.session.exit_message

    # -- the session's screen ------------------------------------------------------------------------------------

    def show_changes(self) -> None:
        """Show what the session has changed."""
        self.row.update_views()
        self.panel.show_alternatives(self.session.offered)

    @work(thread=True, group="autosave")
    def save_in_background(self, autosave: Autosave, job: SaveJob) -> None:
        """Write a draft in a thread."""
        problem = autosave.write(job)
        if problem:
            self.app.call_from_thread(self.notifications.warn, problem, title="Autosave failed")

    def _start_worker(self) -> GenerationWorker:
        from rnntui.sessions.generation_worker import GenerationWorker

        worker = GenerationWorker(self._generation_failed)
        worker.start()
        return worker

    def _generation_failed(self, conversation: Conversation, error: Exception) -> None:
        """Report a failure; called in the worker's thread."""
        problem = f"{conversation.name}: {type(error).__name__}: {error}"
        self.app.call_from_thread(self.notifications.error, problem, title="The model stopped", seconds=20)

    # -- models and panes ----------------------------------------------------------------------------------------

    def open_run(self, name: str) -> None:
        """Continue the active pane with the run of that name or path."""
        self._load(self.session.active, name)

    @work(thread=True)
    def _load(self, pane: ChatPane, name: str | None) -> None:
        try:
            run_name, model = self.session.load(name)
        except (RnntuiError, OSError, ValueError, MemoryError) as error:
            self.app.call_from_thread(self.session.loading_failed, pane, f"{error}" or type(error).__name__)
        else:
            self.app.call_from_thread(self.session.set_model, pane, run_name, model)

    @work
    async def action_model(self) -> None:
        """Choose another model for the active pane."""
        from rnntui.tui.screens.run_picker import pick_run

        pane, cache = self.session.active, self.session.cache
        path = await pick_run(self.app, cache.checkpoints, cache.kind, pane.run_name, self.notifications.warn)
        if path is not None:
            self._load(pane, path)

    async def action_add_pane(self) -> None:
        """Add a pane beside the active one."""
        self.session.add_pane()
        await self._match_panes()

    async def action_close_pane(self) -> None:
        """Close the active pane."""
        panes = len(self.session.panes)
        self.session.close_pane()
        await self._match_panes()
        if len(self.session.panes) < panes:
            self.prompt.focus()

    async def _match_panes(self) -> None:
        await self.row.match_panes()
        self.row.shade(self.shows_surprisal)
        self.panel.show(self.session.settings)
        self._arrange()

    def activate(self, pane: ChatPane) -> None:
        """Make a pane the active one, and show its settings."""
        self.session.activate(pane)
        self.row.mark_active()
        self.panel.show(self.session.settings)

    def on_pane_activated(self, event: PaneActivated) -> None:
        if event.pane in self.session.panes:
            self.activate(event.pane)

    def _arrange(self) -> None:
        """Hide the settings panel where the panes would be too narrow beside it."""
        panes = len(self.session.panes)
        self.set_class(panes > 1, "-several")
        fits = self.size.width - _PANEL_WIDTH >= _MIN_PANE_WIDTH * panes
        self.set_class(not (self.wants_panel and fits), "-bare")

    # -- generation -----------------------------------------------------------------------------------------------

    def say(self, line: str) -> None:
        """Say a line in every pane."""
        self.session.say(line)
        if line:
            self.row.scroll_to_ends()

    def on_line_sent(self, event: LineSent) -> None:
        self.say(event.line)

    def action_stop(self) -> None:
        """Stop all panes."""
        self.session.stop()

    def action_generate(self) -> None:
        """Let the models continue."""
        self.session.generate()

    def action_regenerate(self) -> None:
        """Generate the last turn again."""
        self.session.regenerate()

    def action_turns(self) -> None:
        """Let a model of turns continue the text like any other, or take turns again."""
        self.session.toggle_turns()

    # -- editing -------------------------------------------------------------------------------------------------

    def action_edit_prompt(self) -> None:
        """Take the last line back into the prompt."""
        line = self.session.take_back_last_prompt()
        if line is not None:
            self.prompt.fill(line)

    def on_last_prompt_wanted(self) -> None:
        self.action_edit_prompt()

    @work
    async def action_edit_text(self) -> None:
        """Edit the active pane's text in a dialog."""
        from rnntui.tui.screens.dialogs import EditScreen

        pane = self.session.active
        if pane.conversation is None:
            return
        pane.conversation.stop()
        self.row.update_views()
        text = await self.app.push_screen_wait(EditScreen("The text; the model continues from its end", pane.text))
        if text is not None:
            self.session.replace_text(pane, text)

    def on_rewind_wanted(self, event: RewindWanted) -> None:
        self.session.rewind(event.pane, event.offset)
        self.prompt.focus()

    def action_undo(self) -> None:
        """Undo the last change that cut a text."""
        self.session.undo()

    def on_undo_wanted(self) -> None:
        self.session.undo()

    def action_redo(self) -> None:
        """Redo what was undone."""
        self.session.redo()

    def action_new(self) -> None:
        """Begin an empty text in every pane."""
        self.session.new_texts()

    # -- alternatives --------------------------------------------------------------------------------------------

    def on_stream_view_cursor_moved(self, event: StreamView.CursorMoved) -> None:
        view = event.view.parent
        assert isinstance(view, PaneView)
        conversation = view.pane.conversation
        if conversation is not None and conversation.is_generating:
            return  # at the end of the text, the cursor moves with each token
        cursor = event.view.cursor
        if conversation is None or cursor is None:
            self.session.offered = None
            self.panel.show_alternatives(None)
        else:
            self._find_alternatives(view.pane, conversation, conversation.transcript.first_token_of_char(cursor))

    @work(thread=True, exclusive=True, group="alternatives")
    def _find_alternatives(self, pane: ChatPane, conversation: Conversation, token: int) -> None:
        alternatives = conversation.alternatives(token)
        self.app.call_from_thread(self._show_alternatives, pane, token, alternatives)

    def _show_alternatives(self, pane: ChatPane, token: int, alternatives: list[Alternative]) -> None:
        self.session.offer_alternatives(pane, token, alternatives)
        self.panel.show_alternatives(self.session.offered)

    def on_branch_wanted(self, event: BranchWanted) -> None:
        self.session.branch(event.pane, event.number)

    # -- settings ------------------------------------------------------------------------------------------------

    def on_settings_changed(self, event: SettingsChanged) -> None:
        self.session.apply(event.settings)

    def on_preset_chosen(self, event: PresetChosen) -> None:
        self.session.use_preset(event.name)
        self.panel.show(self.session.settings)

    def action_preset(self) -> None:
        """Use the next preset."""
        self.session.next_preset()
        self.panel.show(self.session.settings)

    def action_surprisal(self) -> None:
        """Shade each token by its surprisal, or not."""
        self.shows_surprisal = not self.shows_surprisal
        self.row.shade(self.shows_surprisal)
        self.post_message(RememberPreference("surprisal", self.shows_surprisal))

    def action_panel(self) -> None:
        """Show or hide the settings panel."""
        self.wants_panel = not self.wants_panel
        self._arrange()
        if self.wants_panel and self.has_class("-bare"):
            self.notifications.info("There is no room for the settings; close a pane (F7) or make the terminal wider.")
        self.post_message(RememberPreference("panel", self.wants_panel))

    # -- files, clipboard, find ----------------------------------------------------------------------------------

    def action_copy(self) -> None:
        """Copy the selection, or else the active pane's text."""
        text = self.screen.get_selected_text() or self.session.active.text
        self.app.copy_to_clipboard(text)
        self.notifications.info(f"Copied {len(text):,} characters.", seconds=2)

    @work
    async def action_save(self) -> None:
        """Ask for a name and save the active pane's text and turns."""
        from rnntui.tui.screens.dialogs import AskScreen

        pane, files = self.session.active, self.session.files
        suggestion = files.suggested_name(pane)
        if suggestion is not None:
            await self.app.push_screen_wait(AskScreen("Save the text as", suggestion, partial(files.save, pane)))

    @work
    async def action_reopen(self) -> None:
        """Ask for a saved text and continue it in the active pane."""
        from rnntui.tui.screens.dialogs import AskScreen

        pane = self.session.active
        if pane.conversation is None:
            return
        name = await self.app.push_screen_wait(AskScreen("Reopen which text?", str(pane.autosave.newest() or "")))
        if name:
            self.session.reopen(pane, name)

    async def action_find(self) -> None:
        """Open the find bar."""
        from rnntui.tui.chat.find_bar import FindBar

        if not self.query(FindBar):
            await self.mount(FindBar(lambda: self.row.active.text), before="#ask")
        self.query_one(FindBar).open()

    def on_search_closed(self) -> None:
        self.prompt.focus()
